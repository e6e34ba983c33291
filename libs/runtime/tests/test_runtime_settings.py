"""Settings from the environment."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from trigger_runtime.settings import LogLevel, Secret, ServiceSettings, SettingsError, load
from trigger_runtime.web.tokens import TokenSettings

SECRET = "correct horse battery staple, 32+ bytes"


class Settings(ServiceSettings, frozen=True, kw_only=True):
    http_port: int = 8099
    database_url: Secret
    optional_secret: Secret | None = None
    origins: tuple[str, ...] = ("*",)
    numbers: tuple[int, ...] = ()
    workers: Annotated[int, Meta(ge=1, le=8)] = 2
    ratio: float = 0.5
    verbose: bool = False


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    a: int = 1
    tokens: TokenSettings

    def __post_init__(self) -> None:
        if self.a == 13:
            raise ValueError("A must not be 13")


def test_defaults_and_what_is_given() -> None:
    settings = load(Settings, {"DATABASE_URL": SECRET})
    assert settings.http_host == "127.0.0.1"
    assert settings.http_port == 8099
    assert settings.database_url == Secret(SECRET)
    assert settings.optional_secret is None
    assert settings.nats_url.reveal() == "nats://127.0.0.1:4222"

    given = load(
        Settings,
        {
            "DATABASE_URL": SECRET,
            "OPTIONAL_SECRET": "s",
            "HTTP_PORT": "1",
            "ORIGINS": " a, b ,,c ",
            "NUMBERS": "1,2",
            "WORKERS": "8",
            "RATIO": "0.25",
            "VERBOSE": "true",
            "LOG_LEVEL": "WARNING",
            "SOMETHING_ELSE": "ignored",
        },
    )
    assert (given.http_port, given.workers, given.ratio, given.verbose) == (1, 8, 0.25, True)
    assert given.origins == ("a", "b", "c")
    assert given.numbers == (1, 2)
    assert given.optional_secret == Secret("s")
    assert given.log_level is LogLevel.WARNING


def test_an_empty_variable_is_an_absent_one() -> None:
    assert load(Settings, {"DATABASE_URL": SECRET, "HTTP_PORT": "", "ORIGINS": ""}).origins == ("*",)
    with pytest.raises(SettingsError, match="DATABASE_URL is required"):
        load(Settings, {"DATABASE_URL": ""})


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            Settings,
            {"HTTP_PORT": "many", "WORKERS": "9", "NUMBERS": "1,x", "LOG_LEVEL": "loud", "VERBOSE": "2"},
        )
    problems = caught.value.problems
    names = ["HTTP_PORT:", "LOG_LEVEL:", "DATABASE_URL is", "NUMBERS:", "WORKERS:", "VERBOSE:"]
    assert len(problems) == len(names)
    for name in names:
        assert any(problem.startswith(name) for problem in problems), (name, problems)
    assert str(caught.value).splitlines() == problems


def test_problems_of_a_field_that_is_a_struct_are_among_them() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Checked, {"A": "x", "JWT_SECRET": "short", "JWT_ALGORITHM": "none"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "A:",
        "JWT_ALGORITHM",
        "JWT_SECRET",
    ]
    with pytest.raises(SettingsError, match="A must not be 13"):
        load(Checked, {"A": "13", "JWT_SECRET": SECRET})
    assert load(Checked, {"JWT_SECRET": SECRET}).tokens.jwt_issuer == "flowmaestro"


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\r\n")
    settings = load(Settings, {"DATABASE_URL_FILE": str(file), "OPTIONAL_SECRET_FILE": str(file)})
    assert settings.database_url.reveal() == SECRET
    assert settings.optional_secret == Secret(SECRET)


def test_a_file_that_does_not_help(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    with pytest.raises(SettingsError, match=r"DATABASE_URL: .*No such file"):
        load(Settings, {"DATABASE_URL_FILE": str(file)})
    file.write_text("\n")
    with pytest.raises(SettingsError, match="DATABASE_URL is required"):
        load(Settings, {"DATABASE_URL_FILE": str(file)})
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="DATABASE_URL_FILE is not UTF-8"):
        load(Settings, {"DATABASE_URL_FILE": str(file)})
    with pytest.raises(SettingsError, match="Is a directory"):
        load(Settings, {"DATABASE_URL_FILE": str(tmp_path)})


def test_a_secret_given_twice_is_a_problem_and_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file")
    with pytest.raises(SettingsError) as caught:
        load(Settings, {"DATABASE_URL": SECRET, "DATABASE_URL_FILE": str(file)})
    assert caught.value.problems == ["DATABASE_URL: give either DATABASE_URL or DATABASE_URL_FILE, not both"]


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("1")
    assert load(Settings, {"DATABASE_URL": SECRET, "HTTP_PORT_FILE": str(file)}).http_port == 8099


def test_a_secret_does_not_show() -> None:
    settings = load(Settings, {"DATABASE_URL": SECRET})
    secret = settings.database_url
    for shown in (repr(settings), str(settings), repr(secret), str(secret), f"{secret}", f"{secret!s:>40}"):
        assert SECRET not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)
    assert hash(secret) == hash(Secret(SECRET))
    assert secret != SECRET

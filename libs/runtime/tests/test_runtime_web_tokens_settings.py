"""Settings of tokens: one family of algorithms, its keys, and every problem at once."""

from typing import Any

import pytest

from trigger_runtime.settings import Secret, SettingsError, load
from trigger_runtime.web.tokens import TokenSettings

URL = "https://id.example.com/jwks"
GOOD = "x" * 32
PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"


def test_what_is_set_by_default() -> None:
    settings = load(TokenSettings, {"JWT_SECRET": GOOD})
    assert settings == TokenSettings(jwt_secret=Secret(GOOD))
    assert settings.jwt_algorithm == ("HS256",)
    assert (settings.jwt_issuer, settings.jwt_audience) == ("flowmaestro", "flowmaestro-triggers")
    assert settings.jwt_leeway_seconds == 30
    assert GOOD not in repr(settings)


def test_a_key_set() -> None:
    settings = load(
        TokenSettings, {"JWT_JWKS_URL": URL, "JWT_ALGORITHM": "ES256, EdDSA", "JWT_LEEWAY_SECONDS": "0"}
    )
    assert settings.jwt_algorithm == ("ES256", "EdDSA")
    assert settings.jwt_secret is None
    assert settings.jwt_leeway_seconds == 0


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://id.example.com:8443/common/keys?p=policy",
        "http://localhost:8080/jwks",
        "http://127.0.0.1/jwks",
        "http://127.8.8.8/jwks",
        "http://[::1]:8080/jwks",
    ],
)
def test_urls(url: str) -> None:
    assert TokenSettings(jwt_jwks_url=url, jwt_algorithm=("RS256",)).jwt_jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.example.com/jwks",
        "http://127.0.0.1.example.com/jwks",
        "http://2130706433/jwks",
        "http://0x7f000001/jwks",
        "http://0.0.0.0/jwks",
        "http:///jwks",
        "https:///jwks",
        "ftp://id.example.com/jwks",
        "file:///etc/passwd",
        "id.example.com/jwks",
        "/jwks",
        "https://id.example.com:port/jwks",
        "https://[::1/jwks",
        "https://user:hidden@id.example.com/jwks",
        "http://localhost@id.example.com/jwks",
        "https://id.example.com/jwks#keys",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="JWT_JWKS_URL") as caught:
        TokenSettings(jwt_jwks_url=url, jwt_algorithm=("RS256",))
    assert url not in str(caught.value)


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"jwt_secret": GOOD}, []),
    ({"jwt_secret": "x" * 31}, ["JWT_SECRET must have at least 32 bytes"]),
    ({"jwt_secret": "ü" * 16}, []),
    ({"jwt_secret": "x" * 63, "jwt_algorithm": ("HS512",)}, ["at least 64 bytes"]),
    ({"jwt_secret": "x" * 48, "jwt_algorithm": ("HS384",)}, []),
    ({"jwt_secret": "x" * 48, "jwt_algorithm": ("HS256", "HS512")}, ["at least 64 bytes"]),
    ({"jwt_secret": "x" * 64, "jwt_algorithm": ("HS256", "HS512")}, []),
    ({"jwt_secret": PEM}, ["not a key or a certificate"]),
    ({"jwt_secret": '{"kty":"oct","k":"' + GOOD + '"}'}, ["not a key or a certificate"]),
    ({"jwt_secret": "x" * 40, "jwt_algorithm": ("none",)}, ["JWT_ALGORITHM must be one or more of"]),
    ({"jwt_secret": "x" * 40, "jwt_algorithm": ("HS256", "none")}, ["JWT_ALGORITHM must be one or more of"]),
    ({"jwt_secret": "x" * 40, "jwt_algorithm": ("hs256",)}, ["JWT_ALGORITHM must be one or more of"]),
    ({"jwt_secret": "x" * 40, "jwt_algorithm": ()}, ["JWT_ALGORITHM must be one or more of"]),
    ({"jwt_secret": "x" * 40, "jwt_algorithm": ("RS256",)}, ["JWT_JWKS_URL is required for RS256"]),
    (
        {"jwt_secret": "short", "jwt_algorithm": ("RS256",)},
        ["JWT_JWKS_URL is required for RS256", "at least 32 bytes"],
    ),
    ({}, ["JWT_SECRET is required"]),
    ({"jwt_algorithm": ("ES256", "RS256")}, ["JWT_JWKS_URL is required for ES256, RS256"]),
    ({"jwt_algorithm": ("x",)}, ["JWT_ALGORITHM must be", "JWT_SECRET or JWT_JWKS_URL is required"]),
    ({"jwt_jwks_url": URL}, ["JWT_SECRET is required"]),
    ({"jwt_jwks_url": URL, "jwt_algorithm": ("HS256", "RS256")}, ["must not mix"]),
    ({"jwt_jwks_url": URL, "jwt_algorithm": ("ES256K",)}, ["JWT_ALGORITHM must be"]),
    ({"jwt_jwks_url": URL, "jwt_secret": GOOD, "jwt_algorithm": ("RS256",)}, ["not both"]),
    ({"jwt_secret": GOOD, "jwt_leeway_seconds": 300}, []),
    ({"jwt_secret": GOOD, "jwt_leeway_seconds": 301}, ["JWT_LEEWAY_SECONDS must be 0 to 300"]),
    ({"jwt_secret": GOOD, "jwt_leeway_seconds": -1}, ["JWT_LEEWAY_SECONDS must be 0 to 300"]),
    (
        {
            "jwt_secret": "short",
            "jwt_jwks_url": "http://id.example.com",
            "jwt_algorithm": ("HS512", "RS256"),
            "jwt_leeway_seconds": 999,
        },
        ["must not mix", "not both", "at least 64 bytes", "https URL", "JWT_LEEWAY_SECONDS"],
    ),
]


@pytest.mark.parametrize(("given", "problems"), CASES, ids=lambda value: repr(value)[:60])
def test_every_problem_is_told(given: dict[str, Any], problems: list[str]) -> None:
    secret = given.get("jwt_secret")
    given = {**given, "jwt_secret": None if secret is None else Secret(secret)}
    if not problems:
        TokenSettings(**given)
        return
    with pytest.raises(ValueError) as caught:
        TokenSettings(**given)
    told = str(caught.value).splitlines()
    assert len(told) == len(problems)
    for problem, line in zip(problems, told, strict=True):
        assert problem in line
    assert secret is None or secret not in str(caught.value)


def test_the_environment_tells_every_problem_too() -> None:
    with pytest.raises(SettingsError) as caught:
        load(TokenSettings, {"JWT_SECRET": "short", "JWT_ALGORITHM": ",", "JWT_LEEWAY_SECONDS": "301"})
    assert len(caught.value.problems) == 3

"""The environment: what is missing or wrong is said, and no key is quoted."""

import base64

import pytest

from trigger_runtime.settings import SettingsError, load
from webhook_ingress.settings import Settings

KEY = base64.b64encode(b"k" * 32).decode()


def test_defaults() -> None:
    settings = load(Settings, {"SECRET_KEYS": f"k1:{KEY}"})
    assert (settings.http_port, settings.max_body_bytes, settings.trusted_proxy_hops) == (8082, 1048576, 0)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("https://hooks.example", True),
        ("http://localhost:8080", True),
        ("https://hooks.example/base/", True),
        ("https://[2001:db8::1]:8443", True),
        ("https://hooks.example?a=1", False),
        ("https://hooks.example?", False),
        ("https://hooks.example#", False),
        ("https://user@hooks.example", False),
        ("https://hooks.example:0", False),
        ("https://hooks.example:http", False),
        ("ftp://hooks.example", False),
        ("/api", False),
        ("https://hooks.example/a b", False),
        ("https://h\u00f6\u00f6ks.example", False),
    ],
)
def test_the_public_address(text: str, right: bool) -> None:
    environment = {"SECRET_KEYS": f"k1:{KEY}", "PUBLIC_URL": text}
    if right:
        assert load(Settings, environment).public_url == text
        return
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        load(Settings, environment)


@pytest.mark.parametrize(
    ("environment", "problems"),
    [
        ({}, ["SECRET_KEYS"]),
        ({"SECRET_KEYS": KEY}, ["SECRET_KEYS"]),
        ({"SECRET_KEYS": f"k1:{KEY[:-4]}"}, ["SECRET_KEYS"]),
        (
            {"MAX_BODY_BYTES": "0", "PUBLISH_SECONDS": "nan"},
            ["SECRET_KEYS", "MAX_BODY_BYTES", "PUBLISH_SECONDS"],
        ),
        ({"SECRET_KEYS": KEY, "PUBLIC_URL": "hooks.example"}, ["SECRET_KEYS", "PUBLIC_URL"]),
        ({"SECRET_KEYS": f"k1:{KEY}", "TRUSTED_PROXY_HOPS": "-1"}, ["TRUSTED_PROXY_HOPS"]),
    ],
)
def test_problems_are_all_named(environment: dict[str, str], problems: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Settings, environment)
    assert len(caught.value.problems) == len(problems)
    assert all(any(name in line for line in caught.value.problems) for name in problems)
    assert KEY[:-4] not in str(caught.value)

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
    ("environment", "problems"),
    [
        ({}, ["SECRET_KEYS"]),
        ({"SECRET_KEYS": KEY}, ["SECRET_KEYS"]),
        ({"SECRET_KEYS": f"k1:{KEY[:-4]}"}, ["SECRET_KEYS"]),
        (
            {"MAX_BODY_BYTES": "0", "PUBLISH_SECONDS": "nan"},
            ["SECRET_KEYS", "MAX_BODY_BYTES", "PUBLISH_SECONDS"],
        ),
        ({"SECRET_KEYS": f"k1:{KEY}", "TRUSTED_PROXY_HOPS": "-1"}, ["TRUSTED_PROXY_HOPS"]),
    ],
)
def test_problems_are_all_named(environment: dict[str, str], problems: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Settings, environment)
    assert len(caught.value.problems) == len(problems)
    assert all(any(name in line for line in caught.value.problems) for name in problems)
    assert KEY[:-4] not in str(caught.value)

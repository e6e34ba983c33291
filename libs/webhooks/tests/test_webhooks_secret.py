"""Secrets and verify tokens: who issues them, what form they have, what is kept."""

import pytest

from trigger_contracts.config import AuthType, EventConfig, WebhookConfig
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_webhooks import (
    generate_secret,
    hash_of_token,
    is_token_hash,
    is_usable,
    needs_secret,
    secret_errors,
    without_plain_token,
)

EVENT = EventConfig(event_type="a")
OPEN = WebhookConfig()
API_KEY = WebhookConfig(auth_type=AuthType.API_KEY)
STRIPE = WebhookConfig(provider=WebhookProvider.STRIPE)
STANDARD = WebhookConfig(provider=WebhookProvider.STANDARD_WEBHOOKS)


def test_a_secret_is_needed_where_the_sender_is_verified() -> None:
    assert [needs_secret(config) for config in (EVENT, OPEN, API_KEY, STRIPE)] == [False, False, True, True]


def test_a_trigger_that_needs_no_secret_takes_none() -> None:
    for config in (EVENT, OPEN):
        assert secret_errors(config, secret=None, before=None) == []
        (error,) = secret_errors(config, secret="a-secret-of-enough-characters", before=API_KEY)
        assert (error.pointer, error.detail) == ("/secret", "This trigger takes no secret. Leave it out.")


@pytest.mark.parametrize("secret", ["", "short", "x" * 257, "fifteen and space", "caf\u00e9" * 4])
def test_a_secret_has_16_to_256_visible_characters(secret: str) -> None:
    (error,) = secret_errors(API_KEY, secret=secret, before=None)
    assert error.detail == "Expected 16 to 256 visible ASCII characters."


def test_a_secret_that_the_provider_issues_has_to_be_sent_and_is_kept() -> None:
    (missing,) = secret_errors(STRIPE, secret=None, before=None)
    assert missing.detail == "stripe issues the secret. Send the endpoint's secret (whsec_…)."
    assert secret_errors(STRIPE, secret=None, before=API_KEY) == [missing]
    assert secret_errors(STRIPE, secret=None, before=STRIPE) == []
    (wrong,) = secret_errors(STRIPE, secret="sk_live_of_another_kind", before=STRIPE)
    assert wrong.detail == "Expected the endpoint's secret (whsec_…)."


def test_a_generated_secret_has_the_form_that_its_sender_takes() -> None:
    random = bytes(range(224, 256))
    assert generate_secret(STANDARD, random=random) == "whsec_4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8="
    assert generate_secret(API_KEY, random=random) == "whsec_4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8"


def test_a_stored_secret_is_usable_where_it_is_long_enough_and_of_the_providers_form() -> None:
    assert not is_usable(b"x" * 15, provider=None)
    assert is_usable(b"\xff" * 16, provider=None)
    assert not is_usable(b"x" * 32, provider=WebhookProvider.STRIPE)
    assert is_usable(b"whsec_" + b"x" * 16, provider=WebhookProvider.STRIPE)


def test_a_verify_token_is_kept_as_its_hash_and_a_hash_as_it_is() -> None:
    config = WebhookConfig(provider=WebhookProvider.META, verify_token="a-token")
    kept = without_plain_token(config)
    assert isinstance(kept, WebhookConfig)
    assert kept.verify_token == hash_of_token("a-token")
    assert is_token_hash(kept.verify_token)
    assert not is_token_hash("a-token")
    assert without_plain_token(kept) is kept
    assert without_plain_token(EVENT) is EVENT

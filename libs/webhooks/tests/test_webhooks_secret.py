"""Secrets and verify tokens: who issues them, what form they have, what is kept."""

import pytest

from trigger_contracts.config import AuthType, EventConfig, WebhookConfig
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_webhooks import (
    generate_secret,
    hash_of_token,
    is_same_form,
    is_token_hash,
    is_usable,
    needs_secret,
    secret_errors,
    secret_warnings,
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


@pytest.mark.parametrize(
    ("secret", "detail"),
    [
        ("", "16 to 256 characters"),
        ("fifteen-letters", "16 to 256 characters"),
        ("x" * 257, "16 to 256 characters"),
        ("pasted-with-its-line-break\n", "line break"),
        ("a\ttab-within-the-secret", "line break"),
        (" begins-with-a-space", "a space at its begin"),
    ],
)
def test_a_secret_that_cannot_arrive_is_refused_in_words(secret: str, detail: str) -> None:
    (error,) = secret_errors(API_KEY, secret=secret, before=None)
    assert error.pointer == "/secret"
    assert detail in error.detail
    assert "[" not in error.detail


GITHUB = WebhookConfig(provider=WebhookProvider.GITHUB)
BASIC = WebhookConfig(auth_type=AuthType.BASIC)
DISCORD = WebhookConfig(provider=WebhookProvider.DISCORD)
SENDGRID = WebhookConfig(provider=WebhookProvider.SENDGRID)
POINT = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
"""The public key of RFC 8032, 7.1, test 2."""


@pytest.mark.parametrize(
    ("config", "secret", "warnings"),
    [
        (GITHUB, "It's a Secret to Everybody", 1),
        (API_KEY, "It's a Secret to Everybody", 0),
        (API_KEY, "caf\u00e9 with a password", 1),
        (GITHUB, " begins with a space", 2),
        (STRIPE, "sk_live_of_another_kind", 1),
        (STANDARD, "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=", 1),
        (STANDARD, "whsec_4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8", 0),
        (WebhookConfig(provider=WebhookProvider.GITLAB), "whsec_not-a-signing-token", 1),
        (WebhookConfig(provider=WebhookProvider.LINE), "not 32 hexadecimal digits", 1),
        (BASIC, "shop:4c1f0d9b7a62e853", 0),
        (DISCORD, POINT, 0),
    ],
)
def test_an_odd_secret_is_taken_and_warned_about(config: WebhookConfig, secret: str, warnings: int) -> None:
    assert secret_errors(config, secret=secret, before=None) == []
    assert len(secret_warnings(config, secret=secret)) == warnings
    assert is_usable(secret.encode(), config=config)


@pytest.mark.parametrize(
    ("config", "secret"),
    [
        (STANDARD, "whsec_this-is-no-base64!!"),
        (STANDARD, "whsec_c2hvcnQgc2VjcmV0"),
        (STANDARD, "whpk_AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        (WebhookConfig(provider=WebhookProvider.SVIX), "It's a Secret to Everybody"),
        (WebhookConfig(provider=WebhookProvider.ADYEN), "4c1f0d9b7a62e8534c1f0d9b7a62e853"),
        (DISCORD, "not-the-key-of-an-application"),
        (DISCORD, "02" + "00" * 31),
        (DISCORD, "01" + "00" * 31),
        (DISCORD, "00" * 32),
        (DISCORD, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        (DISCORD, "ff" * 32),
        (SENDGRID, "A" * 120),
        (SENDGRID, POINT),
        (BASIC, "only-a-password-of-many"),
        (BASIC, "a-user-of-many-letters:short"),
    ],
)
def test_what_can_verify_nothing_is_refused_when_saved_and_not_used_at_the_door(
    config: WebhookConfig, secret: str
) -> None:
    (error,) = secret_errors(config, secret=secret, before=None)
    assert error.detail.startswith("This can verify nothing. Expected ")
    assert not is_usable(secret.encode(), config=config)


def test_basic_has_a_secret_of_its_own_form() -> None:
    secret = generate_secret(BASIC, random=bytes(range(224, 256)))
    assert secret == "webhook:4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8"
    assert secret_errors(BASIC, secret=secret, before=None) == []
    assert not is_same_form(BASIC, API_KEY)
    assert is_same_form(API_KEY, WebhookConfig(auth_type=AuthType.BEARER))


def test_a_secret_that_the_provider_issues_has_to_be_sent_and_is_kept() -> None:
    (missing,) = secret_errors(STRIPE, secret=None, before=None)
    assert missing.detail == "stripe issues the secret. Send the endpoint's secret (whsec_…)."
    assert secret_errors(STRIPE, secret=None, before=API_KEY) == [missing]
    assert secret_errors(STRIPE, secret=None, before=STRIPE) == []
    (odd,) = secret_warnings(STRIPE, secret="sk_live_of_another_kind")
    assert odd.detail == "This does not look like the endpoint's secret (whsec_…)."


def test_a_generated_secret_has_the_form_that_its_sender_takes() -> None:
    random = bytes(range(224, 256))
    assert generate_secret(STANDARD, random=random) == "whsec_4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8="
    assert generate_secret(API_KEY, random=random) == "whsec_4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8"


def test_a_stored_secret_is_usable_where_it_is_long_enough() -> None:
    assert not is_usable(b"x" * 15, config=API_KEY)
    assert is_usable(b"\xff" * 16, config=API_KEY)
    assert is_usable(b"x" * 32, config=STRIPE)


def test_a_verify_token_is_kept_as_its_hash_and_a_hash_as_it_is() -> None:
    config = WebhookConfig(provider=WebhookProvider.META, verify_token="a-token")
    kept = without_plain_token(config)
    assert isinstance(kept, WebhookConfig)
    assert kept.verify_token == hash_of_token("a-token")
    assert is_token_hash(kept.verify_token)
    assert not is_token_hash("a-token")
    assert without_plain_token(kept) is kept
    assert without_plain_token(EVENT) is EVENT

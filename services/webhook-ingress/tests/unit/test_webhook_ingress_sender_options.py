"""Senders without a preset: how they write the time, labels and versions of signatures, and credentials."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import LabelSeparator, SignatureLabels, TimestampFormat, WebhookConfig
from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.admission import Accepted, decide_admission
from webhook_ingress.domain.sender_headers import credential_headers, signature_headers
from webhook_ingress.domain.timestamps import format_of

Make = Callable[..., Any]

SECRET = b"a-secret-of-mine"
BODY = b"x"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = str(int(NOW.timestamp()))
MILLISECONDS = f"{SECONDS}123"
RFC_3339 = "2026-11-23T13:00:01.5+01:00"


@pytest.fixture
def decide(make_trigger: Make, make_request: Make, make_secret: Make) -> Make:
    def decide(*headers: tuple[str, str], secret: bytes = SECRET, **options: Any) -> Any:
        trigger = make_trigger(secrets=(make_secret(secret),), **options)
        return decide_admission(trigger, request=make_request(*headers), body=BODY, now=NOW)

    return decide


def signed(time: str = "", *, by: bytes = SECRET) -> str:
    content = f"{time}.".encode() + BODY if time else BODY
    return hmac.new(by, content, hashlib.sha256).hexdigest()


STAMPED: dict[str, Any] = {
    "auth_type": AuthType.HMAC,
    "signature_header": "X-Sig",
    "signature_prefix": "",
    "signed_content": "{timestamp}.{body}",
    "timestamp_header": "X-Ts",
}
WRITTEN = {
    TimestampFormat.SECONDS: SECONDS,
    TimestampFormat.MILLISECONDS: MILLISECONDS,
    TimestampFormat.RFC_3339: RFC_3339,
}


@pytest.mark.parametrize("expected", TimestampFormat)
@pytest.mark.parametrize("sent", TimestampFormat)
def test_a_signed_time_is_read_in_the_format_that_the_trigger_names(
    decide: Make, expected: TimestampFormat, sent: TimestampFormat
) -> None:
    time = WRITTEN[sent]
    result = decide(("X-Ts", time), ("X-Sig", signed(time)), **STAMPED, timestamp_format=expected)
    if sent is expected:
        assert isinstance(result, Accepted)
        return
    assert (result.reason, result.status) == (Reason.TIMESTAMP_INVALID, 401)
    words = {"seconds": "seconds", "milliseconds": "milliseconds", "rfc3339": "RFC 3339"}
    assert f"does not look like {words[expected]}" in result.detail
    assert f"It looks like {words[sent]}." in result.detail


def test_a_time_of_the_right_format_that_is_too_old_is_not_called_misspelt(decide: Make) -> None:
    result = decide(("X-Ts", "1700000000"), ("X-Sig", signed("1700000000")), **STAMPED)
    assert (result.reason, result.detail) == (Reason.TIMESTAMP_INVALID, None)
    result = decide(("X-Ts", "yesterday"), ("X-Sig", signed("yesterday")), **STAMPED)
    assert result.detail == "The time does not look like seconds, as this webhook expects it."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99999999999", TimestampFormat.SECONDS),
        ("100000000000", TimestampFormat.MILLISECONDS),
        ("2026-11-23T12:00:00Z", TimestampFormat.RFC_3339),
        ("2026-11-23 12:00:00", None),
        ("-5", None),
        ("", None),
    ],
)
def test_what_a_time_looks_like(text: str, expected: TimestampFormat | None) -> None:
    assert format_of(text) is expected


LABELLED: dict[str, Any] = {
    "auth_type": AuthType.HMAC,
    "signature_header": "X-Sig",
    "signed_content": "{timestamp}.{body}",
}
GOOD, BAD = signed(SECONDS), "0" * 64


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        (f"t={SECONDS},v1={GOOD}", True),
        (f"v1={GOOD},t={SECONDS}", True),
        (f"t={SECONDS}, v1={GOOD}", True),
        (f"t={SECONDS},v1={BAD},v1={GOOD}", True),
        (f"t={SECONDS},v1={GOOD.upper()}", True),
        (f"t={SECONDS},v2=~new~,v1={GOOD},v0={BAD}", True),
        (f"t={SECONDS},v1=old,v1={GOOD}", True),
        (f"t={SECONDS},v1={BAD}", False),
        (f"t={SECONDS},v2={GOOD}", False),
        (f"t={SECONDS},v1={GOOD},junk", False),
        (f"t={SECONDS},V1={GOOD}", False),
        (f"t={SECONDS},{GOOD}", False),
        (GOOD, False),
        ("", False),
    ],
)
def test_a_signature_header_with_labels(decide: Make, header: str, passes: bool) -> None:
    labels = SignatureLabels(signature="v1", timestamp="t")
    result = decide(("X-Sig", header), **LABELLED, signature_labels=labels)
    assert isinstance(result, Accepted) if passes else result.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "header", [f"v1={GOOD}", f"t={SECONDS},t={SECONDS},v1={GOOD}", f"t=1700000000,v1={signed('1700000000')}"]
)
def test_a_time_with_a_label_is_there_once_and_near(decide: Make, header: str) -> None:
    labels = SignatureLabels(signature="v1", timestamp="t")
    result = decide(("X-Sig", header), **LABELLED, signature_labels=labels)
    assert result.reason is Reason.TIMESTAMP_INVALID


def test_the_formats_of_time_hold_for_labels_as_well(decide: Make) -> None:
    labels = SignatureLabels(signature="sig", timestamp="ts", separator=LabelSeparator.SEMICOLON)
    for written, time in WRITTEN.items():
        header = ("X-Sig", f"ts={time};sig={signed(time)}")
        options = {**LABELLED, "signature_labels": labels}
        assert isinstance(decide(header, **options, timestamp_format=written), Accepted)
        other = next(one for one in TimestampFormat if one is not written)
        refused = decide(header, **options, timestamp_format=other)
        assert "It looks like" in refused.detail


def test_labels_without_a_time_and_a_time_of_another_header(decide: Make) -> None:
    labels = SignatureLabels(signature="s", separator=LabelSeparator.SPACE)
    without = {**LABELLED, "signed_content": "{body}", "signature_labels": labels}
    assert isinstance(decide(("X-Sig", f"a=1  s={signed()}"), **without), Accepted)
    beside = {**LABELLED, "timestamp_header": "X-Ts", "signature_labels": labels}
    assert isinstance(decide(("X-Sig", f"s={GOOD}"), ("X-Ts", SECONDS), **beside), Accepted)
    twice = (("X-Sig", f"s={signed()}"), ("X-Sig", f"s={signed()}"))
    assert decide(*twice, **without).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        (f"v2=~new~ v1={signed()}", True),
        (f"v1={signed()},v2={BAD}", True),
        (f"v1={signed()}, sha512={BAD}{BAD}", True),
        (f"v2={signed()}", False),
        (f"v1=short v1={signed()}", False),
        (f"v1={signed()} {BAD}", False),
    ],
)
def test_an_unknown_version_beside_a_right_one_is_no_error(decide: Make, header: str, passes: bool) -> None:
    options = {"auth_type": AuthType.HMAC, "signature_header": "X-Sig", "signature_prefix": "v1="}
    result = decide(("X-Sig", header), **options)
    assert isinstance(result, Accepted) if passes else result.reason is Reason.SIGNATURE_INVALID


def basic(text: bytes) -> tuple[str, str]:
    return "Authorization", f"Basic {base64.b64encode(text).decode()}"


USER = "shop:p\u00e4ssw\u00f6rd with: colons"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([basic(USER.encode())], None),
        ([basic(USER.encode("latin-1"))], None),
        ([("Authorization", basic(USER.encode())[1].replace("Basic", "bAsIc "))], None),
        ([("Authorization", basic(USER.encode())[1].rstrip("="))], None),
        ([], Reason.CREDENTIAL_MISSING),
        ([("Authorization", "Bearer abc")], Reason.CREDENTIAL_MISSING),
        ([basic(b"shop:other")], Reason.CREDENTIAL_INVALID),
        ([basic(b"")], Reason.CREDENTIAL_MISSING),
        ([("Authorization", "Basic ~~~")], Reason.CREDENTIAL_INVALID),
        ([("Authorization", f"Basic {USER}")], Reason.CREDENTIAL_MISSING),
        ([basic(USER.encode())] * 2, Reason.CREDENTIAL_INVALID),
    ],
)
def test_basic_brings_user_and_password(decide: Make, headers: Any, reason: Reason | None) -> None:
    result = decide(*headers, secret=USER.encode(), auth_type=AuthType.BASIC)
    assert isinstance(result, Accepted) if reason is None else result.reason is reason


@pytest.mark.parametrize(
    ("name", "secret", "value"),
    [
        ("Authorization", "s3cret-s3cret-s3cret", "s3cret-s3cret-s3cret"),
        ("Authorization", "Token s3cret-s3cret", "Token s3cret-s3cret"),
        ("X-Gateway-Pass", "with spaces in its midst", "with spaces in its midst"),
        ("x-SHOP", "s3cret-s3cret-s3cret", "s3cret-s3cret-s3cret"),
        ("X-Latin", "p\u00e4ssw\u00f6rd of many words", "p\udce4ssw\udcf6rd of many words"),
        ("X-Utf8", "p\u00e4ssw\u00f6rd of many words", "p\udcc3\udca4ssw\udcc3\udcb6rd of many words"),
    ],
)
def test_a_key_comes_in_the_header_that_the_trigger_names(
    decide: Make, name: str, secret: str, value: str
) -> None:
    options: dict[str, Any] = {
        "secret": secret.encode(),
        "auth_type": AuthType.API_KEY,
        "api_key_header": name,
    }
    assert isinstance(decide((name, value), **options), Accepted)
    assert decide((name, f"{value}."), **options).reason is Reason.CREDENTIAL_INVALID
    assert decide(("X-API-Key", value), **options).reason is Reason.CREDENTIAL_MISSING


@pytest.mark.parametrize(
    ("secret", "value"),
    [
        ("\u79d8\u5bc6" * 9, "?" * 18),
        ("p\u00e4ss\u79d8\u5bc6 of many words", "p\udce4ss?? of many words"),
        ("p\u00e4ssw\u00f6rd of many words", "p?ssw?rd of many words"),
    ],
)
def test_no_character_of_a_secret_has_a_stand_in(decide: Make, secret: str, value: str) -> None:
    options: dict[str, Any] = {"secret": secret.encode(), "auth_type": AuthType.API_KEY}
    assert decide(("X-API-Key", value), **options).reason is Reason.CREDENTIAL_INVALID
    exact = secret.encode().decode("ascii", "surrogateescape")
    assert isinstance(decide(("X-API-Key", exact), **options), Accepted)


def test_a_bearer_token_may_hold_spaces(decide: Make) -> None:
    token = ("Authorization", "Bearer It's a Secret to Everybody")
    assert isinstance(
        decide(token, secret=b"It's a Secret to Everybody", auth_type=AuthType.BEARER), Accepted
    )


@pytest.mark.parametrize(
    ("config", "credentials", "signatures"),
    [
        (WebhookConfig(), set(), set()),
        (WebhookConfig(auth_type=AuthType.API_KEY), {"x-api-key"}, set()),
        (WebhookConfig(auth_type=AuthType.API_KEY, api_key_header="Shop-Hello"), {"shop-hello"}, set()),
        (WebhookConfig(auth_type=AuthType.BASIC), {"authorization"}, set()),
        (WebhookConfig(auth_type=AuthType.BEARER), {"authorization"}, set()),
        (WebhookConfig(auth_type=AuthType.HMAC, signature_header="Shop-Seal"), set(), {"shop-seal"}),
        (WebhookConfig(provider=WebhookProvider.STRIPE), set(), {"stripe-signature"}),
        (WebhookConfig(provider=WebhookProvider.TELEGRAM), set(), {"x-telegram-bot-api-secret-token"}),
    ],
)
def test_what_a_sender_proves_itself_with_is_known_by_name(
    config: WebhookConfig, credentials: set[str], signatures: set[str]
) -> None:
    assert credential_headers(config) == credentials
    assert signature_headers(config) == signatures

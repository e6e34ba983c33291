"""The rules of the options: each names its place and says what to write instead."""

from typing import Any

import pytest

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.webhook_config import (
    Challenge,
    ChallengeReply,
    IdempotencyKeySource,
    SignatureAlgorithm,
    SignatureLabels,
    TimestampFormat,
    WebhookResponse,
)
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_validation import FieldError
from trigger_webhooks import RULED_FIELDS, errors_between, field_errors, unserved_option

HMAC = {"auth_type": AuthType.HMAC}
TEXT, AS_HEADER = ChallengeReply.TEXT, ChallengeReply.HEADER
KEY = {"auth_type": AuthType.API_KEY}
LABELS = {
    **HMAC,
    "signature_header": "X-Sig",
    "signed_content": "{timestamp}.{body}",
    "signature_labels": SignatureLabels(signature="v1", timestamp="t"),
}


def errors(config: WebhookConfig) -> list[FieldError]:
    alone = [
        FieldError(f"/{name}{error.pointer}", error.detail)
        for name in sorted(RULED_FIELDS)
        for error in field_errors(name, getattr(config, name))
    ]
    return alone or list(errors_between(config))


@pytest.mark.parametrize(
    ("options", "pointer", "detail"),
    [
        ({"allowed_ips": ("anywhere",)}, "/allowed_ips/0", "192.0.2.7"),
        ({"allowed_ips": ("fe80::1%eth0",)}, "/allowed_ips/0", "192.0.2.7"),
        ({"custom_headers": {"Set-Cookie": "a"}}, "/custom_headers/Set-Cookie", "cannot set"),
        ({"response": WebhookResponse(headers={"Via": "a"})}, "/response/headers/Via", "cannot set"),
        ({"idempotency_key": IdempotencyKeySource()}, "/idempotency_key", '{"header": "X-Delivery-Id"}'),
        (
            {"idempotency_key": IdempotencyKeySource(body="a..b")},
            "/idempotency_key/body",
            "Name every step: a.b",
        ),
        ({**HMAC, "signed_content": "v0:{method}"}, "/signed_content", "{method} is not a placeholder"),
        ({**HMAC, "signed_content": "{body"}, "/signed_content", "{timestamp}.{body}"),
        ({**HMAC, "signed_content": "{id}"}, "/signed_content", "Add {body}"),
        ({**HMAC, "signed_content": "{id}{body}"}, "/idHeader", "Name the header that carries it"),
        ({**HMAC, "timestamp_header": "X-Time"}, "/signedContent", "{timestamp}.{body}"),
        ({**HMAC, "tolerance_seconds": 9}, "/toleranceSeconds", "timestampHeader"),
        ({**HMAC, "timestamp_format": TimestampFormat.RFC_3339}, "/timestampFormat", "timestampHeader"),
        ({**LABELS, "signature_header": None}, "/signatureHeader", "X-Signature"),
        ({**LABELS, "signature_prefix": "v1="}, "/signaturePrefix", "The label v1 stands before"),
        ({**LABELS, "timestamp_header": "X-Time"}, "/timestampHeader", "The label t holds the time"),
        ({**LABELS, "signed_content": "{body}"}, "/signedContent", "signatureLabels.timestamp is set"),
        (
            {**LABELS, "signature_labels": SignatureLabels(signature="t", timestamp="t")},
            "/signatureLabels/timestamp",
            "t for the time",
        ),
        ({**LABELS, "id_header": "X-Id"}, "/signedContent", "idHeader is set"),
        ({"signature_labels": SignatureLabels(signature="v1")}, "/signatureLabels", '"authType": "hmac"'),
        ({"api_key_header": "X-Token"}, "/apiKeyHeader", '"authType": "api_key"'),
        ({**HMAC, "api_key_header": "X-Token"}, "/apiKeyHeader", '"authType": "api_key"'),
        ({**KEY, "api_key_header": "User-Agent"}, "/api_key_header", "X-Auth-Token"),
        ({**KEY, "api_key_header": "x-request-ID"}, "/api_key_header", "X-Auth-Token"),
        ({"challenge": Challenge()}, "/challenge", '{"query": "challenge"}'),
        ({"challenge": Challenge(query="a", body="a")}, "/challenge", "Expected one of header"),
        ({"challenge": Challenge(body="a..b")}, "/challenge/body", "Name every step: a.b"),
        ({"challenge": Challenge(body="[0].code")}, "/challenge/body", "without places in lists"),
        ({"challenge": Challenge(header="Cookie")}, "/challenge/header", "X-Hook-Secret"),
        ({"challenge": Challenge(header="user-agent")}, "/challenge/header", "X-Hook-Secret"),
        ({**KEY, "challenge": Challenge(header="x-api-key")}, "/challenge/header", "reads this header"),
        (
            {"idempotency_key": IdempotencyKeySource(header="X-Id"), "challenge": Challenge(header="x-id")},
            "/challenge/header",
            "reads this header",
        ),
        ({"challenge": Challenge(query="a", reply=TEXT, reply_name="b")}, "/challenge/replyName", "no name"),
        (
            {"challenge": Challenge(query="a", reply=AS_HEADER, reply_name="Set-Cookie")},
            "/challenge/replyName",
            "cannot set",
        ),
        ({"challenge": Challenge(query="a b", reply=AS_HEADER)}, "/challenge/replyName", "Name the header"),
        ({"algorithm": SignatureAlgorithm.SHA1}, "/algorithm", '"authType": "hmac"'),
        ({"verify_token": "a-token"}, "/verifyToken", "meta and whatsapp"),
        (
            {"provider": WebhookProvider.STRIPE, "auth_type": AuthType.BEARER},
            "/authType",
            "The provider stripe fixes",
        ),
        ({"provider": WebhookProvider.STRIPE, "id_header": "X"}, "/idHeader", "The provider stripe fixes"),
    ],
)
def test_what_would_not_be_served_cannot_be_saved(options: dict[str, Any], pointer: str, detail: str) -> None:
    config = WebhookConfig(**options)
    (error,) = errors(config)
    assert error.pointer == pointer
    assert detail in error.detail
    assert unserved_option(config) in {*WebhookConfig.__struct_fields__}


@pytest.mark.parametrize(
    ("options", "pointer", "detail"),
    [
        ({"allowed_ips": ("192.0.2.9/24",)}, "/allowed_ips/0", "The network is 192.0.2.0/24."),
        ({"allowed_origins": ("https://A.example",)}, "/allowed_origins/0", "https://app.example.com"),
        ({"allowed_origins": ("*.example",)}, "/allowed_origins/0", "https://app.example.com"),
        ({"response": WebhookResponse(status=204, body="a")}, "/response/body", "status 204 has no body"),
        ({"filters": {"headers.x-n": 1}}, "/filters/headers.x-n", "A header is a text"),
        ({"expression": "payload.headers['X-A'] == 'a'"}, "/expression", "in lower case"),
        (
            {"expression": "payload.headers.authorization == 'a'"},
            "/expression",
            "'authorization' is a credential",
        ),
        ({"expression": "payload.query['token'] == 'a'"}, "/expression", "'token' is a credential"),
        ({"idempotency_key": IdempotencyKeySource(body="$.id")}, "/idempotency_key/body", "'$': id"),
        ({"idempotency_key": IdempotencyKeySource(body="/id")}, "/idempotency_key/body", "Write id"),
        ({"idempotency_key": IdempotencyKeySource(body="a.*.id")}, "/idempotency_key/body", "wildcard"),
    ],
)
def test_another_spelling_cannot_be_saved_but_is_served(
    options: dict[str, Any], pointer: str, detail: str
) -> None:
    config = WebhookConfig(**options)
    (error,) = errors(config)
    assert error.pointer == pointer
    assert detail in error.detail
    assert unserved_option(config) is None


def test_a_condition_may_ask_whether_a_credential_came() -> None:
    config = WebhookConfig(expression="has(payload.headers.authorization) && payload.body.token == 'a'")
    assert errors(config) == []


def test_no_error_shows_a_pattern() -> None:
    config = WebhookConfig(
        allowed_origins=("x",),
        allowed_ips=("x",),
        signed_content="{",
        idempotency_key=IdempotencyKeySource(body="a b"),
        custom_headers={"Via": "a"},
    )
    assert len(errors(config)) == 5
    assert not any(set("\\^$|*") & set(error.detail) for error in errors(config))

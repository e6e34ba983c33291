"""An option that the door does not enforce closes it: new ones cannot be forgotten."""

import base64
import gzip
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from trigger_contracts.config import AuthType, HttpMethod, ResponseFormat, WebhookConfig
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import (
    Challenge,
    IdempotencyKeySource,
    MissingOrigin,
    OnDisabled,
    OnUnreadableBody,
    Probes,
    RateLimit,
    SignatureAlgorithm,
    SignatureEncoding,
    SignatureLabels,
    SignedBody,
    TimestampFormat,
    WebhookResponse,
)
from trigger_contracts.webhook_providers import PROVIDER_SECRETS, WebhookProvider
from trigger_webhooks import VERIFY_TOKEN_PROVIDERS
from webhook_ingress.domain import handshake
from webhook_ingress.domain import request_rules as request_rules_module
from webhook_ingress.domain.admission import Accepted, decide_admission, rejected
from webhook_ingress.domain.presets import PRESETS, Url
from webhook_ingress.domain.request_rules import ENFORCED, RequestRules, request_rules

Make = Callable[..., Any]

URL = "https://hooks.example"
HASHED = "sha256:" + "ab" * 32
META: dict[str, Any] = {"provider": WebhookProvider.META, "verify_token": HASHED}
STAMPED: dict[str, Any] = {
    "auth_type": AuthType.HMAC,
    "signed_content": "{timestamp}.{body}",
    "timestamp_header": "X-Time",
}

# For every field there is: options that work only as long as that one is what it is here.
EXAMPLES: dict[str, dict[str, Any]] = {
    "method": {"method": HttpMethod.HEAD},
    "auth_type": {"auth_type": AuthType.API_KEY},
    "require_signature": {"auth_type": AuthType.HMAC, "require_signature": False},
    "allowed_origins": {"allowed_origins": ("https://a.example",)},
    "response_format": {"response_format": ResponseFormat.TEXT},
    "provider": {"provider": WebhookProvider.GITHUB},
    "signature_header": {"auth_type": AuthType.HMAC, "signature_header": "X-Bank"},
    "signature_prefix": {"auth_type": AuthType.HMAC, "signature_prefix": "v1="},
    "signature_encoding": {"auth_type": AuthType.HMAC, "signature_encoding": SignatureEncoding.BASE64},
    "algorithm": {"auth_type": AuthType.HMAC, "algorithm": SignatureAlgorithm.SHA512},
    "signed_content": {"auth_type": AuthType.HMAC, "signed_content": "v0:{body}"},
    "timestamp_header": STAMPED,
    "id_header": {"auth_type": AuthType.HMAC, "signed_content": "{id}.{body}", "id_header": "X-Id"},
    "tolerance_seconds": {**STAMPED, "tolerance_seconds": 10},
    "verify_token": META,
    "signed_body": {"auth_type": AuthType.HMAC, "signed_body": SignedBody.DECODED},
    "on_unreadable_body": {"on_unreadable_body": OnUnreadableBody.REJECT},
    "json_fields": {"json_fields": ("payload",)},
    "raw_body": {"raw_body": True},
    "idempotency_key": {"idempotency_key": IdempotencyKeySource(body="id")},
    "allowed_ips": {"allowed_ips": ("192.0.2.0/24",)},
    "rate_limit": {"rate_limit": RateLimit(requests=1, per_seconds=60)},
    "on_disabled": {"on_disabled": OnDisabled.IGNORE},
    "missing_origin": {"allowed_origins": ("https://a.example",), "missing_origin": MissingOrigin.REJECT},
    "custom_headers": {"custom_headers": {"X-A": "b"}},
    "response": {"response": WebhookResponse(status=200)},
    "timestamp_format": {**STAMPED, "timestamp_format": TimestampFormat.MILLISECONDS},
    "signature_labels": {
        "auth_type": AuthType.HMAC,
        "signature_header": "X-Bank",
        "signature_labels": SignatureLabels(signature="v1"),
    },
    "api_key_header": {"auth_type": AuthType.API_KEY, "api_key_header": "X-Token"},
    "visible_names": {"visible_names": ("code",)},
    "probes": {"method": HttpMethod.GET, "probes": Probes.RESPOND},
    "challenge": {"challenge": Challenge(body="challenge")},
    "filters": {"filters": {"body.ref": "main"}},
    "expression": {"expression": "payload.body.total > 100"},
}
# What does not do alone, and where the difference shows otherwise than in one unsigned POST.
ELSEWHERE = {
    "rate_limit",
    "on_disabled",
    "verify_token",
    "tolerance_seconds",
    "timestamp_format",
    "signature_labels",
    "api_key_header",
    "visible_names",
    "probes",
}


REQUESTS: dict[str, tuple[tuple[tuple[str, str], ...], bytes]] = {
    "allowed_origins": ((("Origin", "https://evil.example"),), b"{}"),
    "idempotency_key": ((), b'{"id": 7}'),
    "challenge": ((), b'{"challenge": "c1"}'),
    "json_fields": ((("Content-Type", "application/x-www-form-urlencoded"),), b"payload=%7B%7D"),
    "on_unreadable_body": ((("Content-Type", "application/json"),), b"{"),
    "signed_body": ((("Content-Encoding", "gzip"),), gzip.compress(b"{}", mtime=0)),
}
"""The headers and the body with which an option shows, where the usual request does not do."""


def test_every_option_is_known_here() -> None:
    """A new field of the contract fails this test until someone decides what the door does with it."""
    names = {field.name for field in msgspec.structs.fields(WebhookConfig)}
    assert set(EXAMPLES) == names
    assert names == ENFORCED
    for name, options in EXAMPLES.items():
        assert options[name] != getattr(WebhookConfig(), name)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_option_is_served_and_one_that_was_not_would_be_refused(
    make_trigger: Make, make_request: Make, now: datetime, monkeypatch: Any, name: str
) -> None:
    trigger = make_trigger(**EXAMPLES[name])
    assert trigger.rules.unsupported_option(public_url=URL) is None
    monkeypatch.setattr(request_rules_module, "_UNENFORCED", (name,))
    trigger = make_trigger(**EXAMPLES[name])
    assert trigger.rules.unsupported_option(public_url=URL) == name
    verdict = decide_admission(trigger, request=make_request(), body=b"", now=now, public_url=URL)
    assert verdict == rejected(Reason.NOT_SUPPORTED)
    # Before anything else that the trigger says, for that may be what is not understood.
    off = make_trigger(enabled=False, **EXAMPLES[name])
    verdict = decide_admission(off, request=make_request(), body=b"", now=now, public_url=URL)
    assert verdict == rejected(Reason.NOT_SUPPORTED)


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - ELSEWHERE))
def test_every_option_makes_a_difference(
    make_trigger: Make, make_request: Make, make_secret: Make, make_door: Make, sign: Make, name: str
) -> None:
    """The same request, with the option and without it: something of the answer is another thing."""
    secret = make_secret(b"s3cret-s3cret-s3cret")
    signed = f"sha256={sign(b's3cret-s3cret-s3cret', b'{}')}"
    headers = [] if name == "require_signature" else [("X-Signature", signed)]
    more, body = REQUESTS.get(name, ((), b"{}"))
    headers += more
    responses = []
    for options in (EXAMPLES[name], {**EXAMPLES[name], name: getattr(WebhookConfig(), name)}):
        door = make_door(make_trigger(secrets=(secret,), **options), public_url=URL)
        request = make_request(*headers, trigger_id=door.trigger.id, client_address="198.51.100.1")
        response = door.send(request, body=body)
        records = [(delivery.idempotency_key, delivery.reading) for delivery in door.accepted]
        responses.append((response.status, response.content_type, len(response.headers), records))
    assert responses[0] != responses[1]


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"signature_header": "X-A"}, "signature_header"),
        ({"signature_prefix": ""}, "signature_prefix"),
        ({"algorithm": SignatureAlgorithm.SHA1, "auth_type": AuthType.API_KEY}, "algorithm"),
        ({"tolerance_seconds": 10}, "tolerance_seconds"),
        ({"auth_type": AuthType.HMAC, "tolerance_seconds": 10}, "tolerance_seconds"),
        ({"auth_type": AuthType.HMAC, "timestamp_header": "X-Time"}, "signed_content"),
        ({"auth_type": AuthType.HMAC, "signed_content": "{timestamp}.{body}"}, "timestamp_header"),
        ({"auth_type": AuthType.HMAC, "id_header": "X-Id"}, "signed_content"),
        ({"auth_type": AuthType.HMAC, "signed_content": "{id}.{body}"}, "id_header"),
        ({"auth_type": AuthType.HMAC, "signed_content": "{url}{body}"}, "signed_content"),
        ({"auth_type": AuthType.HMAC, "signed_content": "fixed"}, "signed_content"),
        ({"auth_type": AuthType.HMAC, "signed_content": "{body"}, "signed_content"),
        ({"auth_type": AuthType.HMAC, "signed_content": "{body}{method}"}, "signed_content"),
        ({"verify_token": HASHED}, "verify_token"),
        ({"provider": WebhookProvider.STRIPE, "verify_token": HASHED}, "verify_token"),
        ({"provider": WebhookProvider.META, "verify_token": "as it was given"}, "verify_token"),
        ({"provider": WebhookProvider.GITHUB, "auth_type": AuthType.API_KEY}, "auth_type"),
        ({"provider": WebhookProvider.GITHUB, "signature_header": "X-A"}, "signature_header"),
        ({"idempotency_key": IdempotencyKeySource()}, "idempotency_key"),
        ({"idempotency_key": IdempotencyKeySource(header="X", body="y")}, "idempotency_key"),
        ({"idempotency_key": IdempotencyKeySource(body="a..b")}, "idempotency_key"),
        ({"idempotency_key": IdempotencyKeySource(body="a[x]")}, "idempotency_key"),
        ({"idempotency_key": IdempotencyKeySource(body="$")}, None),
        ({"allowed_ips": ("192.0.2.0/24", "anywhere")}, "allowed_ips"),
        ({"allowed_ips": ("fe80::1%eth0",)}, "allowed_ips"),
        ({"allowed_ips": ("192.0.2.0/33",)}, "allowed_ips"),
        ({"custom_headers": {"Content-Length": "1"}}, "custom_headers"),
        ({"response": WebhookResponse(headers={"transfer-encoding": "chunked"})}, "response"),
    ],
)
def test_what_contradicts_itself_is_refused(options: dict[str, Any], option: str | None) -> None:
    assert request_rules(WebhookConfig(**options)).unsupported_option(public_url=None) == option


# A secret of each provider that is one by its form.
SECRETS: dict[WebhookProvider, str] = {
    **dict.fromkeys(WebhookProvider, "a-secret-of-enough-characters"),
    WebhookProvider.ADYEN: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    WebhookProvider.DISCORD: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    WebhookProvider.LINE: "ab" * 16,
    WebhookProvider.META: "ab" * 16,
    WebhookProvider.SENDGRID: base64.b64encode(b"k" * 91).decode(),
    WebhookProvider.SLACK: "ab" * 16,
    WebhookProvider.STANDARD_WEBHOOKS: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    WebhookProvider.STRIPE: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    WebhookProvider.SVIX: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    WebhookProvider.TWILIO: "ab" * 16,
    WebhookProvider.WHATSAPP: "ab" * 16,
}


@pytest.mark.parametrize("provider", list(WebhookProvider))
def test_no_provider_lets_in_an_unverified_request(
    make_trigger: Make, make_request: Make, make_secret: Make, now: datetime, provider: WebhookProvider
) -> None:
    def verdict(*secrets: str, public_url: str | None = URL) -> Any:
        trigger = make_trigger(
            provider=provider,
            # It loosens authType hmac, and nothing else.
            require_signature=False,
            secrets=tuple(make_secret(secret.encode()) for secret in secrets),
        )
        request = make_request(("X-Signature", "sha256=" + "0" * 64))
        return decide_admission(trigger, request=request, body=b"{}", now=now, public_url=public_url)

    assert provider in PROVIDER_SECRETS
    if provider not in PRESETS:
        assert verdict(SECRETS[provider]) == rejected(Reason.NOT_SUPPORTED)
        return
    assert verdict(SECRETS[provider]).status == 401
    for secrets in ((), ("",), ("short",)):
        assert not isinstance(verdict(*secrets), Accepted)
    if PRESETS[provider].url is Url.SIGNED:
        assert verdict(SECRETS[provider], public_url=None) == rejected(Reason.NOT_SUPPORTED)


def test_a_trigger_without_options_has_the_usual_rules() -> None:
    assert request_rules(WebhookConfig()) == RequestRules()


def test_the_providers_that_ask_for_a_verify_token_are_those_that_may_have_one() -> None:
    ask = {provider for provider, preset in PRESETS.items() if preset.opening is handshake.meta}
    assert ask == VERIFY_TOKEN_PROVIDERS

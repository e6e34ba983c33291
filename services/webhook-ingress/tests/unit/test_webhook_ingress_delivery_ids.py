"""What makes a provider's repetition the same execution, and what it costs to find out who is a stranger."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import IdempotencyKeySource
from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.authentication import Authentic, NotAuthentic, authenticate
from webhook_ingress.domain.idempotency import key_of
from webhook_ingress.domain.presets import PRESETS
from webhook_ingress.domain.request_rules import request_rules
from webhook_ingress.domain.signed_request import SignedRequest

Make = Callable[..., Any]
P = WebhookProvider
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def key(provider: WebhookProvider, request: Any, *, body: bytes) -> str | Reason | None:
    signed = SignedRequest(request=request, body=body, now=NOW, tolerance=300)
    rules = request_rules(WebhookConfig(provider=provider))
    return key_of(signed, delivery_id=rules.delivery_id, reading=rules.reading)


def line(*ids: str, again: bool) -> bytes:
    events = [{"webhookEventId": one, "deliveryContext": {"isRedelivery": again}} for one in ids]
    return json.dumps({"destination": "x", "events": events}).encode()


def hubspot(*ids: int, attempt: int) -> bytes:
    events = [{"eventId": one, "subscriptionId": 1, "occurredAt": 5, "attemptNumber": attempt} for one in ids]
    return json.dumps(events).encode()


@pytest.mark.parametrize(
    ("provider", "first", "again", "other"),
    [
        (P.LINE, line("a", "b", again=False), line("a", "b", again=True), line("a", "c", again=False)),
        (P.HUBSPOT, hubspot(1, 2, attempt=0), hubspot(1, 2, attempt=1), hubspot(1, 3, attempt=0)),
        *[
            (provider, b'{"id":1}', b'{"id":1}', b'{"id":2}')
            for provider in (P.META, P.WHATSAPP, P.ZOOM, P.SENDGRID, P.DISCORD)
        ],
    ],
)
def test_a_repeated_delivery_has_the_same_key_and_another_one_has_not(
    make_request: Make, provider: WebhookProvider, first: bytes, again: bytes, other: bytes
) -> None:
    keys = [key(provider, make_request(), body=body) for body in (first, again, other)]
    assert isinstance(keys[0], str)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"1", b"1.0"),
        (b"1", b'"1"'),
        (b"12e2", b"1200"),
        (b"-0.0", b"0"),
        (b"1.50", b"1.5"),
        (b"1e300", b"1.0E+300"),
    ],
)
def test_one_number_is_one_key_however_it_is_written(make_request: Make, first: bytes, second: bytes) -> None:
    config = WebhookConfig(idempotency_key=IdempotencyKeySource(body="id"))
    rules = request_rules(config)
    keys = []
    for value in (first, second):
        signed = SignedRequest(request=make_request(), body=b'{"id":' + value + b"}", now=NOW, tolerance=300)
        keys.append(key_of(signed, delivery_id=rules.delivery_id, reading=rules.reading))
    assert isinstance(keys[0], str)
    assert not isinstance(keys[0], Reason)
    assert keys[0] == keys[1]


@pytest.mark.parametrize("value", [b"true", b"[1]", b'{"a": 1}', b'""'])
def test_what_is_no_id_is_refused(make_request: Make, value: bytes) -> None:
    rules = request_rules(WebhookConfig(idempotency_key=IdempotencyKeySource(body="id")))
    signed = SignedRequest(request=make_request(), body=b'{"id":' + value + b"}", now=NOW, tolerance=300)
    assert key_of(signed, delivery_id=rules.delivery_id, reading=rules.reading) is Reason.MALFORMED_REQUEST


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"[{}]", b'{"events":[]}', b'{"events":[{}]}', b"no json"]
)
def test_what_names_no_event_has_no_key(make_request: Make, body: bytes) -> None:
    for provider in (P.LINE, P.HUBSPOT):
        assert key(provider, make_request(), body=body) is None


def test_two_equal_notifications_of_graph_are_two_deliveries(make_request: Make) -> None:
    assert key(P.MICROSOFT_GRAPH, make_request(), body=b'{"value":[{"clientState":"x"}]}') is None


def test_the_id_of_svix_is_the_one_that_was_signed(make_request: Make) -> None:
    signed = (("webhook-id", "real"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,x"))
    assert key(P.SVIX, make_request(*signed), body=b"{}") == "real"
    assert key(P.SVIX, make_request(("svix-id", "forged"), *signed), body=b"{}") == "real"
    own = (("svix-id", "own"), ("svix-signature", "v1,x"))
    assert key(P.SVIX, make_request(*own, *signed), body=b"{}") == "own"


def test_every_provider_that_repeats_by_itself_has_a_delivery_id() -> None:
    without = {provider for provider, preset in PRESETS.items() if preset.delivery_id is None}
    assert without == {P.MICROSOFT_GRAPH}


@pytest.mark.parametrize("unopened", [False, True])
def test_an_unsigned_request_is_refused_where_no_secret_could_tell_a_wrong_signature(
    make_trigger: Make, make_request: Make, make_secret: Make, unopened: bool
) -> None:
    signed = SignedRequest(request=make_request(), body=b"{}", now=NOW, tolerance=300)
    secret = make_secret()
    trigger = make_trigger(
        auth_type=AuthType.HMAC, require_signature=False, unopened=(secret.id,) if unopened else ()
    )
    assert authenticate(trigger, signed=signed) == NotAuthentic(reason=Reason.SECRET_UNAVAILABLE)
    trigger = make_trigger(auth_type=AuthType.HMAC, require_signature=False, secrets=(secret,))
    assert isinstance(authenticate(trigger, signed=signed), Authentic)


GRAPH, ADYEN = b'{"clientState":"x"}', b'{"NotificationRequestItem":{"additionalData":{"hmacSignature":"x"}}}'


@pytest.mark.parametrize(
    ("provider", "frame", "item", "most", "refusal"),
    [
        (P.MICROSOFT_GRAPH, b'{"value":[%s]}', GRAPH, 1000, Reason.CREDENTIAL_INVALID),
        (P.ADYEN, b'{"notificationItems":[%s]}', ADYEN, 100, Reason.SIGNATURE_INVALID),
    ],
)
def test_a_stranger_has_few_items_read(
    make_request: Make, provider: WebhookProvider, frame: bytes, item: bytes, most: int, refusal: Reason
) -> None:
    def check(body: bytes) -> Any:
        return PRESETS[provider].scheme(
            SignedRequest(request=make_request(), body=body, now=NOW, tolerance=300)
        )

    assert callable(check(frame % b",".join([item] * most)))
    assert check(frame % b",".join([item] * (most + 1))) is refusal
    assert check(frame % item + b" " * 1024 * 1024) is refusal
    # Items without what proves them are not even built: the first one ends it.
    assert isinstance(check(frame % b",".join([b"{}"] * 1000)), Reason)

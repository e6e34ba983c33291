"""What a test with a sample says is what the door does."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trigger_contracts.config import AuthType, HttpMethod, WebhookConfig
from trigger_contracts.webhook_config import Challenge, IdempotencyKeySource, OnUnreadableBody, Probes
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_matching import Outcome, delivery_payload
from webhook_ingress.domain.explanation import Explanation, explain
from webhook_ingress.domain.request import Headers, WebhookRequest
from webhook_ingress.domain.trigger import OpenedSecret, WebhookTrigger

Make = Callable[..., Any]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = b"s3cret-s3cret-s3cret"


def trigger_of(config: WebhookConfig, *, enabled: bool = True) -> WebhookTrigger:
    return WebhookTrigger(
        id=uuid4(),
        workspace="acme",
        workflow_id=uuid4(),
        name="w",
        version=1,
        enabled=enabled,
        config=config,
        secrets=(OpenedSecret(id=uuid4(), value=SECRET, valid_until=None),),
    )


def explained(
    trigger: WebhookTrigger, request: WebhookRequest, *, body: bytes = b"{}", is_recorded: bool = False
) -> Explanation:
    return explain(
        trigger,
        request=request,
        body=body,
        now=NOW,
        public_url=None,
        longest_inline=512 * 1024,
        is_recorded=is_recorded,
    )


def request_of(trigger: WebhookTrigger, *headers: tuple[str, str], method: str = "POST") -> WebhookRequest:
    path = f"/api/webhooks/{trigger.id}"
    return WebhookRequest(
        request_id="r",
        trigger_id=trigger.id,
        method=method,
        path=path,
        target=path,
        headers=Headers(headers),
    )


def outcomes(explanation: Explanation) -> dict[str, str]:
    return {check.path or check.name: check.outcome.value for check in explanation.checks}


def test_each_check_is_asked_also_behind_the_first_that_fails() -> None:
    config = WebhookConfig(
        auth_type=AuthType.HMAC,
        method=HttpMethod.PUT,
        filters={"body.a": 1, "body.b": 2},
        expression="payload.body.c > 3",
        idempotency_key=IdempotencyKeySource(body="id"),
        on_unreadable_body=OnUnreadableBody.REJECT,
    )
    trigger = trigger_of(config)
    body = json.dumps({"a": 1, "b": 3, "c": 4, "id": "x"}).encode()
    explanation = explained(trigger, request_of(trigger, ("content-type", "application/json")), body=body)
    assert not explanation.would_run
    assert outcomes(explanation) == {
        "enabled": "passed",
        "allowedIps": "not_asked",
        "authType": "failed",
        "method": "failed",
        "allowedOrigins": "not_asked",
        "onUnreadableBody": "passed",
        "idempotencyKey": "passed",
        "rateLimit": "not_asked",
        "body.a": "passed",
        "body.b": "failed",
        "expression": "passed",
    }
    reasons = {check.name: check.error for check in explanation.checks}
    assert reasons["authType"] == "signature_missing"


def test_of_a_recorded_request_the_sender_is_not_asked(sign: Make) -> None:
    trigger = trigger_of(WebhookConfig(auth_type=AuthType.HMAC, filters={"body.a": 1}))
    request = request_of(trigger, ("x-signature", "[redacted]"), ("content-type", "application/json"))
    explanation = explained(trigger, request, body=b'{"a": 1}', is_recorded=True)
    assert explanation.would_run
    assert outcomes(explanation)["authType"] == "not_asked"
    assert not explained(trigger, request, body=b'{"a": 2}', is_recorded=True).would_run


def test_a_handshake_starts_nothing_and_says_so() -> None:
    config = WebhookConfig(challenge=Challenge(body="challenge"))
    trigger = trigger_of(config)
    explanation = explained(trigger, request_of(trigger), body=b'{"challenge": "c"}')
    assert not explanation.would_run
    assert explanation.checks[0].name == "handshake"


bodies = st.sampled_from(
    [
        b"{}",
        b'{"a": 1}',
        b'{"a": 1.0, "id": "x"}',
        b'{"a": true}',
        b"",
        b'{"broken',
        b"a=1&b=2",
        b'{"id": [1]}',
    ]
)
configs = st.builds(
    WebhookConfig,
    auth_type=st.sampled_from(
        [AuthType.NONE, AuthType.NONE, AuthType.HMAC, AuthType.BEARER, AuthType.API_KEY]
    ),
    method=st.sampled_from([HttpMethod.POST, HttpMethod.POST, HttpMethod.GET]),
    allowed_ips=st.sampled_from([(), (), ("192.0.2.0/24",)]),
    allowed_origins=st.sampled_from([(), (), ("https://a.example",)]),
    on_unreadable_body=st.sampled_from(OnUnreadableBody),
    probes=st.sampled_from(Probes),
    challenge=st.sampled_from([None, None, Challenge(query="c")]),
    idempotency_key=st.sampled_from(
        [None, IdempotencyKeySource(body="id"), IdempotencyKeySource(header="X-Id")]
    ),
    filters=st.sampled_from([{}, {}, {"body.a": 1}, {"headers.x-id": "1"}, {"method": "POST"}]),
    expression=st.sampled_from([None, None, "payload.body.a == 1", "has(payload.body.a)"]),
)
PROVIDERS = st.builds(
    WebhookConfig, provider=st.sampled_from([WebhookProvider.GITHUB, WebhookProvider.SLACK])
)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=configs | PROVIDERS,
    body=bodies,
    method=st.sampled_from(["POST", "POST", "GET", "HEAD"]),
    headers=st.lists(
        st.sampled_from(
            [
                ("content-type", "application/json"),
                ("authorization", f"Bearer {SECRET.decode()}"),
                ("x-api-key", SECRET.decode()),
                ("x-api-key", "wrong-wrong-wrong-wrong"),
                ("origin", "https://a.example"),
                ("origin", "https://b.example"),
                ("x-id", "1"),
            ]
        ),
        max_size=4,
    ),
    query=st.sampled_from([(), (("c", "x"),)]),
    address=st.sampled_from(["192.0.2.7", "198.51.100.1"]),
    is_signed=st.booleans(),
    enabled=st.sampled_from([True, True, True, False]),
)
def test_a_test_and_the_door_agree(
    make_door: Make,
    sign: Make,
    config: WebhookConfig,
    body: bytes,
    method: str,
    headers: list[tuple[str, str]],
    query: tuple[tuple[str, str], ...],
    address: str,
    is_signed: bool,
    enabled: bool,
) -> None:
    trigger = trigger_of(config, enabled=enabled)
    if is_signed:
        headers = [*headers, ("x-hub-signature-256", f"sha256={sign(SECRET, body)}")]
    path = f"/api/webhooks/{trigger.id}"
    request = WebhookRequest(
        request_id="r",
        trigger_id=trigger.id,
        method=method,
        path=path,
        target=path,
        query=query,
        headers=Headers(tuple(headers)),
        client_address=address,
    )
    door = make_door(trigger)
    door.send(request, body=body)
    explanation = explained(trigger, request, body=body)
    assert explanation.would_run is bool(door.accepted)
    failed = [check for check in explanation.checks if check.outcome is Outcome.FAILED]
    assert explanation.would_run is not bool(failed)
    if door.accepted:
        payload = delivery_payload(door.accepted[0])
        assert {**explanation.payload, "timestamp": ""} == {**payload, "timestamp": ""}

"""What each provider hears after a delivery, which starts a run, and after a test, which starts none."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trigger_contracts.config import ResponseFormat
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import OnDisabled, WebhookResponse
from trigger_contracts.webhook_providers import WebhookProvider as P
from webhook_ingress.domain.presets import PRESETS

Make = Callable[..., Any]

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
FORM = ("Content-Type", "application/x-www-form-urlencoded")
TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
TOLD = {
    P.ADYEN: (200, b"[accepted]", "text/plain; charset=utf-8"),
    P.DISCORD: (200, b'{"type":5}', "application/json"),
    P.SLACK: (200, b"", ""),
    P.TELEGRAM: (200, b"", ""),
    P.TWILIO: (200, TWIML, "text/xml; charset=utf-8"),
}
"""Providers that read more than the status."""
TAKES_202 = {
    P.BITBUCKET,
    P.BOX,
    P.GITEA,
    P.GITHUB,
    P.GITLAB,
    P.GOGS,
    P.HUBSPOT,
    P.MICROSOFT_GRAPH,
    P.RAZORPAY,
    P.SENDGRID,
    P.SQUARE,
    P.STANDARD_WEBHOOKS,
    P.STRIPE,
    P.SVIX,
    P.TWITCH,
}


@pytest.fixture
def door_of(make_trigger: Make, make_secret: Make, make_door: Make) -> Make:
    def make(provider: P, *, secret: bytes = SECRET, **config: Any) -> Any:
        return make_door(make_trigger(provider=provider, secrets=(make_secret(secret),), **config))

    return make


@pytest.fixture
def knock(make_request: Make) -> Make:
    """Send a body whose signature is made of the header's template, as ``{hex}`` or ``{base64}``."""

    def send(door: Any, body: bytes, *headers: tuple[str, str], method: str = "POST") -> Any:
        return door.send(make_request(*headers, trigger_id=door.trigger.id, method=method), body=body)

    return send


def hex_of(content: bytes, *, key: bytes = SECRET) -> str:
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def started_nothing(door: Any) -> bool:
    return not door.accepted and [one.reason for one in door.rejected] == [Reason.HANDSHAKE]


@pytest.mark.parametrize("provider", list(P))
def test_every_provider_is_told_what_it_takes_for_success(provider: P, signed_door: Make) -> None:
    door, response = signed_door(provider)
    (delivery,) = door.accepted
    fields = dict(response.headers)
    assert fields["X-Execution-Id"] == str(delivery.execution_id)
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert (delivery.response_status, delivery.response_body) == (response.status, response.body.decode())
    told = (response.status, response.body, response.content_type)
    if provider in TOLD:
        assert told == TOLD[provider]
    else:
        assert response.status == (202 if provider in TAKES_202 else 200)
        assert json.loads(response.body)["executionId"] == str(delivery.execution_id)


@pytest.mark.parametrize("provider", list(P))
def test_a_triggers_own_response_wins(provider: P, signed_door: Make) -> None:
    own = WebhookResponse(status=201, body={"a": 1}, headers={"X-A": "b"})
    _, response = signed_door(provider, response=own)
    assert (response.status, response.body, response.content_type) == (201, b'{"a":1}', "application/json")
    assert dict(response.headers)["X-A"] == "b"


@pytest.mark.parametrize("provider", list(P))
def test_what_a_response_leaves_out_is_as_the_provider_takes_it(provider: P, signed_door: Make) -> None:
    _, usual = signed_door(provider)
    _, response = signed_door(provider, response=WebhookResponse(body="done"))
    assert (response.status, response.body) == (usual.status, b"done")
    _, response = signed_door(provider, response=WebhookResponse(headers={"X-A": "b"}))
    assert (response.status, response.content_type) == (usual.status, usual.content_type)
    if provider in TOLD:
        assert response.body == usual.body
    _, response = signed_door(provider, response=WebhookResponse(status=203))
    assert response.status == 203


@pytest.mark.parametrize("provider", list(P))
def test_the_format_is_that_of_the_usual_body_alone(provider: P, signed_door: Make) -> None:
    _, usual = signed_door(provider)
    _, response = signed_door(provider, response_format=ResponseFormat.TEXT, custom_headers={"X-A": "b"})
    assert response.status == usual.status
    assert response.body == (usual.body if provider in TOLD else b"OK")
    assert dict(response.headers)["X-A"] == "b"


@pytest.mark.parametrize("provider", list(P))
def test_a_refusal_is_no_acknowledgement(provider: P, signed_door: Make) -> None:
    door, response = signed_door(provider, secret=b"0" * 64)
    assert (response.status, response.content_type) == (401, "application/problem+json")
    assert door.accepted == []


@pytest.mark.parametrize(
    ("message", "status", "told"),
    [
        ({"type": 2, "data": {"name": "deploy"}}, 200, b'{"type":5}'),
        ({"type": 3, "data": {"custom_id": "a"}}, 200, b'{"type":6}'),
        ({"type": 4, "data": {"name": "deploy"}}, 200, b'{"type":8,"data":{"choices":[]}}'),
        ({"type": 5, "data": {"custom_id": "a"}}, 200, b'{"type":5}'),
        ({"type": 99}, 200, b'{"type":5}'),
        ({"type": 1, "event": {"type": "APPLICATION_AUTHORIZED"}}, 204, b""),
    ],
)
def test_discords_interactions_are_deferred_and_its_events_have_no_content(
    door_of: Make, knock: Make, message: Any, status: int, told: bytes
) -> None:
    door = door_of(P.DISCORD, secret=KEY.public_key().public_bytes_raw().hex().encode())
    body, time = json.dumps(message).encode(), str(int(door.now.timestamp()))
    made = KEY.sign(time.encode() + body).hex()
    response = knock(door, body, ("X-Signature-Ed25519", made), ("X-Signature-Timestamp", time))
    assert (response.status, response.body, response.content_type) == (status, told, "application/json")
    assert len(door.accepted) == 1


@pytest.mark.parametrize("change", [{}, {"secret": b"f" * 32}])
def test_lines_empty_list_is_a_test_when_signed(door_of: Make, knock: Make, change: Any) -> None:
    import base64

    door = door_of(P.LINE, **change)

    def send(body: bytes) -> Any:
        digest = hmac.digest(SECRET, body, "sha256")
        return knock(door, body, ("X-Line-Signature", base64.b64encode(digest).decode()))

    response = send(b'{"destination":"U0","events":[]}')
    if change:
        assert (response.status, door.accepted) == (401, [])
        return
    assert (response.status, response.body, started_nothing(door)) == (200, b"", True)
    for body in (b'{"events":[{"webhookEventId":"e"}]}', b'{"destination":"U0"}', b'{"events":{}}', b"[]"):
        assert send(body).status == 200
        assert door.accepted[-1].body == body


def test_githubs_ping_is_a_test_when_signed(door_of: Make, knock: Make) -> None:
    door = door_of(P.GITHUB)
    body = b'{"zen":"Design for failure.","hook_id":1}'
    signed = ("X-Hub-Signature-256", f"sha256={hex_of(body)}")
    assert knock(door, body, ("X-GitHub-Event", "ping")).status == 401
    door.rejected.clear()
    response = knock(door, body, signed, ("X-GitHub-Event", "ping"))
    assert (response.status, response.body, started_nothing(door)) == (200, b"", True)
    for event in ("push", "PING", "pinged"):
        assert knock(door, body, signed, ("X-GitHub-Event", event)).status == 202
    assert len(door.accepted) == 3


def test_stripes_ping_is_a_test_and_its_test_events_are_deliveries(door_of: Make, knock: Make) -> None:
    secret = b"whsec_7c2f1d9a4b8e6f30aa55bb66cc77dd88"
    door = door_of(P.STRIPE, secret=secret)
    time = str(int(door.now.timestamp()))

    def send(message: Any) -> Any:
        body = json.dumps(message).encode()
        made = hex_of(time.encode() + b"." + body, key=secret)
        return knock(door, body, ("Stripe-Signature", f"t={time},v1={made}"))

    response = send({"id": "evt_1", "object": "v2.core.event", "type": "v2.core.event_destination.ping"})
    assert (response.status, started_nothing(door)) == (200, True)
    assert send({"id": "evt_2", "livemode": False, "type": "payment_intent.created"}).status == 202
    assert door.accepted[-1].idempotency_key == "evt_2"


def test_bitbuckets_diagnostics_come_unsigned_and_start_nothing(door_of: Make, knock: Make) -> None:
    body, event = b'{"test": true}', ("X-Event-Key", "diagnostics:ping")
    door = door_of(P.BITBUCKET)
    response = knock(door, body, event)
    assert (response.status, response.body, started_nothing(door)) == (200, b"", True)
    assert door.rejected[-1].body == body
    signed = ("X-Hub-Signature", f"sha256={hex_of(body)}")
    door = door_of(P.BITBUCKET)
    assert (knock(door, body, event, signed).status, started_nothing(door)) == (200, True)
    for headers in (
        [event, ("X-Hub-Signature", f"sha256={'0' * 64}")],
        [event, event],
        [("X-Event-Key", "repo:refs_changed")],
        [("X-Event-Key", "diagnostics:pings")],
        [],
    ):
        door = door_of(P.BITBUCKET)
        assert (knock(door, body, *headers).status, door.accepted) == (401, [])
    assert knock(door_of(P.BITBUCKET), b"", event, method="GET").status == 401
    assert knock(door_of(P.GITHUB), body, event).status == 401


def test_slacks_certificate_check_may_come_unsigned_and_starts_nothing(door_of: Make, knock: Make) -> None:
    body = b"ssl_check=1&token=abc"
    door = door_of(P.SLACK)
    response = knock(door, body, FORM)
    assert (response.status, response.body, started_nothing(door)) == (200, b"", True)
    time = str(int(door.now.timestamp()))
    made = hex_of(b"v0:" + time.encode() + b":" + body)
    for signature, status in ((made, 200), ("0" * 64, 401)):
        door = door_of(P.SLACK)
        headers = [("X-Slack-Signature", f"v0={signature}"), ("X-Slack-Request-Timestamp", time)]
        assert (knock(door, body, FORM, *headers).status, door.accepted) == (status, [])
    for other in (b"ssl_check=0", b"text=ssl_check=1", b"ssl_check=1&ssl_check=1", b'{"ssl_check":1}'):
        assert knock(door_of(P.SLACK), other, FORM).status == 401
    assert knock(door_of(P.SLACK), body).status == 401
    assert knock(door_of(P.SLACK), body + b"&a=" + b"x" * 2000, FORM).status == 401


@pytest.mark.parametrize(
    ("provider", "header"), [(P.GITEA, "x-gitea-signature"), (P.GOGS, "x-gogs-signature")]
)
def test_the_json_in_a_form_is_what_is_signed(door_of: Make, knock: Make, provider: P, header: str) -> None:
    """These two sign the JSON text, and GitHub the form that carries it."""
    body = b"payload=%7B%22ref%22%3A+%22a%2Bb%22%7D"
    signed = (header, hex_of(b'{"ref": "a+b"}'))
    door = door_of(provider)
    assert (knock(door, body, FORM, signed).status, len(door.accepted)) == (202, 1)
    assert knock(door_of(provider), b'{"ref": "a+b"}', signed).status == 202
    for other in (
        body + b"&extra=1",
        b"extra=1&" + body,
        body + b"&" + body,
        b"x" + body,
        body[len(b"payload=") :],
        b"",
    ):
        door = door_of(provider)
        assert (knock(door, other, FORM, signed).status, door.accepted) == (401, []), other
    assert knock(door_of(provider), body, signed).status == 401
    assert knock(door_of(provider), body, FORM, FORM, signed).status == 401
    assert knock(door_of(provider), body, FORM).status == 401


def test_githubs_form_is_signed_as_it_is(door_of: Make, knock: Make) -> None:
    body = b"payload=%7B%22ref%22%3A1%7D"
    signed = ("X-Hub-Signature-256", f"sha256={hex_of(body)}")
    assert knock(door_of(P.GITHUB), body, FORM, signed).status == 202


def test_twitchs_revocation_is_a_delivery(door_of: Make, knock: Make) -> None:
    """It says that something happened, and nothing else says it: a workflow may subscribe again."""
    door = door_of(P.TWITCH)
    stamp = door.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = b'{"subscription":{"status":"authorization_revoked"}}'
    made = hex_of(b"id-1" + stamp.encode() + body)
    response = knock(
        door,
        body,
        ("Twitch-Eventsub-Message-Id", "id-1"),
        ("Twitch-Eventsub-Message-Timestamp", stamp),
        ("Twitch-Eventsub-Message-Type", "revocation"),
        ("Twitch-Eventsub-Message-Signature", f"sha256={made}"),
    )
    assert (response.status, len(door.accepted)) == (202, 1)


def test_a_box_that_repeats_a_delivery_changes_its_header_and_not_its_body() -> None:
    """https://developer.box.com/guides/webhooks/v2/: its id changes in the header, and stays in the body."""
    source = PRESETS[P.BOX].delivery_id
    assert source is not None
    assert (source.header, source.body) == (None, ("id",))


@pytest.mark.parametrize("provider", list(P))
def test_a_paused_trigger_that_ignores_answers_as_its_provider_takes_it(
    provider: P, make_trigger: Make, make_door: Make, make_request: Make
) -> None:
    trigger = make_trigger(provider=provider, enabled=False, on_disabled=OnDisabled.IGNORE)
    door = make_door(trigger, public_url="https://hooks.example")
    response = door.send(make_request(trigger_id=trigger.id))
    assert (response.status, door.accepted) == (200, [])
    assert "X-Execution-Id" not in dict(response.headers)
    if provider in TOLD and provider is not P.DISCORD:
        assert (response.status, response.body, response.content_type) == TOLD[provider]
    else:
        assert json.loads(response.body)["success"] is True

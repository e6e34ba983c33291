"""Questions that providers ask before they send anything: answered, recorded, and nothing is started."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from trigger_contracts.config import HttpMethod
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import OnDisabled
from trigger_contracts.webhook_providers import WebhookProvider as P

Make = Callable[..., Any]

SECRET = b"0123456789abcdef0123456789abcdef"
TOKEN = "a-verify-token-of-mine"
HASHED = f"sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}"


@pytest.fixture
def door_of(make_trigger: Make, make_secret: Make, make_door: Make) -> Make:
    def make(provider: P, *, secret: bytes = SECRET, **config: Any) -> Any:
        return make_door(make_trigger(provider=provider, secrets=(make_secret(secret),), **config))

    return make


def asked(**query: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"hub.{name}", value) for name, value in query.items())


def started_nothing(door: Any, *, reason: Reason = Reason.HANDSHAKE) -> bool:
    return not door.accepted and door.rejected[-1].reason == reason and door.outcomes[-1] == reason


@pytest.mark.parametrize("provider", [P.META, P.WHATSAPP])
def test_metas_challenge_is_echoed_for_its_token(door_of: Make, make_request: Make, provider: P) -> None:
    door = door_of(provider, verify_token=HASHED)

    def knock(*query: tuple[str, str], method: str = "GET") -> Any:
        return door.send(make_request(trigger_id=door.trigger.id, method=method, query=query), body=b"")

    good = asked(mode="subscribe", challenge="1158201444<b>", verify_token=TOKEN)
    response = knock(*good)
    assert (response.status, response.body) == (200, b"1158201444<b>")
    assert response.content_type == "text/plain; charset=utf-8"
    assert dict(response.headers)["X-Content-Type-Options"] == "nosniff"
    assert started_nothing(door)
    assert TOKEN not in repr(door.rejected[-1])
    for query, reason in [
        (asked(mode="subscribe", challenge="1", verify_token="wrong"), Reason.CREDENTIAL_INVALID),
        (asked(mode="subscribe", challenge="1", verify_token=HASHED), Reason.CREDENTIAL_INVALID),
        (asked(mode="subscribe", challenge="1", verify_token=""), Reason.CREDENTIAL_INVALID),
        (asked(mode="subscribe", challenge="1"), Reason.CREDENTIAL_MISSING),
        ((*good, *good[2:]), Reason.CREDENTIAL_INVALID),
        ((*good, *good[1:2]), Reason.MALFORMED_REQUEST),
        (asked(mode="unsubscribe", challenge="1", verify_token=TOKEN), Reason.SIGNATURE_MISSING),
        ((), Reason.SIGNATURE_MISSING),
    ]:
        assert knock(*query).status in {400, 401}
        assert started_nothing(door, reason=reason)
    assert knock(*good, method="POST").status == 401
    off = door_of(provider)
    response = off.send(make_request(trigger_id=off.trigger.id, method="GET", query=good), body=b"")
    assert (response.status, off.rejected[-1].reason) == (401, Reason.CREDENTIAL_INVALID)


def test_slacks_verification_is_replied_to_when_signed(door_of: Make, make_request: Make, sign: Make) -> None:
    door = door_of(P.SLACK)
    time = str(int(door.now.timestamp()))

    def knock(message: Any, *, secret: bytes = SECRET) -> Any:
        body = json.dumps(message).encode()
        headers = [
            ("X-Slack-Signature", f"v0={sign(secret, b'v0:' + time.encode() + b':' + body)}"),
            ("X-Slack-Request-Timestamp", time),
        ]
        return door.send(make_request(*headers, trigger_id=door.trigger.id), body=body)

    question = {"token": "t", "challenge": "3eZbrw1a", "type": "url_verification"}
    response = knock(question)
    assert (response.status, response.body) == (200, b"3eZbrw1a")
    assert started_nothing(door)
    assert knock(question, secret=b"f" * 32).status == 401
    assert started_nothing(door, reason=Reason.SIGNATURE_INVALID)
    assert knock({"type": "event_callback", "event_id": "Ev1", "challenge": "x"}).body == b""
    assert door.accepted[-1].idempotency_key == "Ev1"


def test_zooms_validation_is_replied_to_when_signed(door_of: Make, make_request: Make, sign: Make) -> None:
    """The token is hashed with the secret: it must not be possible to have a signature made that way."""
    door = door_of(P.ZOOM)
    time = str(int(door.now.timestamp()))

    def knock(token: Any, *, secret: bytes = SECRET) -> Any:
        body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": token}}).encode()
        headers = [
            ("X-Zm-Signature", f"v0={sign(secret, b'v0:' + time.encode() + b':' + body)}"),
            ("X-Zm-Request-Timestamp", time),
        ]
        return door.send(make_request(*headers, trigger_id=door.trigger.id), body=body)

    response = knock("qgg8vlvZRS6UYooatFL8Aw")
    assert json.loads(response.body) == {
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": sign(SECRET, b"qgg8vlvZRS6UYooatFL8Aw"),
    }
    assert started_nothing(door)
    assert knock("x", secret=b"other-secret-of-zoom").status == 401
    assert b"encryptedToken" not in knock(f"v0:{time}:{{}}").body


def test_zoom_gets_what_its_own_library_replies(door_of: Make, make_request: Make) -> None:
    door = door_of(P.ZOOM, secret=b"a-zoom-secret-token-16")
    door.now = datetime.fromtimestamp(1700000000, UTC)
    signature = "v0=4c51f365444b8611a1bfa9c210f3044190e345fce78e2b72ed39daf051ade902"
    headers = [("X-Zm-Signature", signature), ("X-Zm-Request-Timestamp", "1700000000")]
    body = (
        b'{"event":"endpoint.url_validation","event_ts":1700000000000,'
        b'"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
    )
    response = door.send(make_request(*headers, trigger_id=door.trigger.id), body=body)
    assert json.loads(response.body) == {
        "encryptedToken": "e92d3e8ee90f18a21881903ff73246a22cecf8fd3a990ac91ef151e4b850271d",
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
    }


def test_twitchs_challenge_is_echoed_when_signed(door_of: Make, make_request: Make, sign: Make) -> None:
    door = door_of(P.TWITCH)
    stamp = door.now.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")

    def knock(kind: str, *, secret: bytes = SECRET) -> Any:
        body = b'{"challenge": "pogchamp-kappa-360noscope-vohiyo"}'
        headers = [
            ("Twitch-Eventsub-Message-Id", "id-1"),
            ("Twitch-Eventsub-Message-Timestamp", stamp),
            ("Twitch-Eventsub-Message-Type", kind),
            (
                "Twitch-Eventsub-Message-Signature",
                f"sha256={sign(secret, b'id-1' + stamp.encode() + body)}",
            ),
        ]
        return door.send(make_request(*headers, trigger_id=door.trigger.id), body=body)

    response = knock("webhook_callback_verification")
    assert (response.status, response.body) == (200, b"pogchamp-kappa-360noscope-vohiyo")
    assert started_nothing(door)
    assert knock("webhook_callback_verification", secret=b"x" * 20).status == 401
    assert knock("notification").status == 202
    assert door.accepted[-1].idempotency_key == "id-1"


def test_discords_ping_is_replied_to_when_signed(door_of: Make, make_request: Make) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    door = door_of(P.DISCORD, secret=key.public_key().public_bytes_raw().hex().encode())
    time = str(int(door.now.timestamp()))

    def knock(body: bytes, *, signed: bytes | None = None) -> Any:
        made = key.sign(time.encode() + (signed or body)).hex()
        headers = [("X-Signature-Ed25519", made), ("X-Signature-Timestamp", time)]
        return door.send(make_request(*headers, trigger_id=door.trigger.id), body=body)

    pong = knock(b'{"version": 1, "type": 1, "id": "7"}')
    assert (pong.status, pong.body, pong.content_type) == (200, b'{"type":1}', "application/json")
    assert started_nothing(door)
    assert (knock(b'{"version": 1, "type": 0}').status, started_nothing(door)) == (204, True)
    assert knock(b'{"type": 1}', signed=b'{"type": 2}').status == 401
    for body in (b'{"type": 2}', b'{"type": true}', b'{"type": 1, "event": {}}', b"[]", b""):
        assert knock(body).status in {200, 204}
        assert door.accepted[-1].body == body


def test_graphs_validation_token_is_echoed(door_of: Make, make_request: Make) -> None:
    secret = b"a-client-state-of-mine"
    door = door_of(P.MICROSOFT_GRAPH, secret=secret)

    def knock(*tokens: str, body: bytes = b"", method: str = "POST") -> Any:
        query = tuple(("validationToken", token) for token in tokens)
        return door.send(make_request(trigger_id=door.trigger.id, query=query, method=method), body=body)

    response = knock("Validation: Testing client application <b>")
    assert (response.status, response.body) == (200, b"Validation: Testing client application <b>")
    assert response.content_type == "text/plain; charset=utf-8"
    assert started_nothing(door)
    for tokens in (("a", "b"), ("",), ("a\nb",), ("x" * 2001,)):
        assert knock(*tokens).status == 400
    assert knock("a", body=b"{}").status == 401
    assert knock("a", method="GET").status == 401
    body = json.dumps({"value": [{"clientState": secret.decode(), "id": "n1"}]}).encode()
    assert knock(body=body).status == 202
    record = door.accepted[-1]
    assert record.body == body.replace(secret, b"[redacted]")
    assert record.body_sha256 == hashlib.sha256(body).hexdigest()


def test_a_handshake_passes_no_other_check(door_of: Make, make_request: Make) -> None:
    query = asked(mode="subscribe", challenge="1", verify_token=TOKEN)
    door = door_of(P.META, verify_token=HASHED, allowed_ips=("192.0.2.0/24",), method=HttpMethod.PUT)
    asking = make_request(trigger_id=door.trigger.id, method="GET", query=query)
    assert (door.send(asking).status, door.rejected[-1].reason) == (403, Reason.IP_NOT_ALLOWED)


@pytest.mark.parametrize(("on_disabled", "status"), [(OnDisabled.REJECT, 403), (OnDisabled.IGNORE, 200)])
def test_a_disabled_trigger_refuses_or_ignores(
    make_trigger: Make, make_request: Make, make_door: Make, on_disabled: OnDisabled, status: int
) -> None:
    door = make_door(make_trigger(enabled=False, on_disabled=on_disabled))
    response = door.send(make_request(trigger_id=door.trigger.id, method="PUT"))
    assert response.status == status
    assert started_nothing(door, reason=Reason.TRIGGER_DISABLED)
    assert (door.rejected[-1].response_status, door.rejected[-1].body) == (status, b"{}")

"""The door over real HTTP and a real bus: what is let in, what is refused, and what is on record."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from trigger_contracts import ids
from trigger_contracts.config import AuthType, HttpMethod, ManualConfig, ResponseFormat, WebhookConfig
from trigger_contracts.webhook_config import IdempotencyKeySource

pytestmark = pytest.mark.integration

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
HMAC = WebhookConfig(auth_type=AuthType.HMAC)
KEY, OLD, NEW = "a-key-of-this-test", "the-old-key-of-it", "the-new-key-of-it"


def signature(secret: str, body: bytes) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


async def test_a_request_without_authentication_is_accepted_and_stored_as_sent(ingress: Any) -> None:
    trigger_id = await ingress.put()
    body = b'{"caf\xc3\xa9": 1}  \x00\xff'
    reply = await ingress.settled(
        trigger_id,
        status=202,
        data=body,
        params={"a": "1", "token": "t0p"},
        headers={"X-Request-Id": "mine-1", "Authorization": "Bearer nobody", "X-Thing": "kept"},
    )
    assert reply.json == {
        "success": True,
        "executionId": reply.headers["X-Execution-Id"],
        "message": "Workflow execution started",
    }
    assert UUID7.fullmatch(reply.json["executionId"])
    assert reply.request_id == "mine-1"
    (delivery,) = await ingress.accepted()
    assert str(delivery.execution_id) == reply.json["executionId"]
    assert delivery.trigger_id == trigger_id
    assert (delivery.workspace, delivery.trigger_name, delivery.trigger_version) == ("acme", "GitHub push", 1)
    assert delivery.body == body
    assert delivery.body_sha256 == hashlib.sha256(body).hexdigest()
    assert (delivery.method, delivery.path) == ("POST", f"/api/webhooks/{trigger_id}")
    assert delivery.query == (("a", "1"), ("token", "[redacted]"))
    fields = dict(delivery.headers)
    assert fields["authorization"] == "[redacted]"
    assert fields["x-thing"] == "kept"
    assert (delivery.client_address, delivery.request_id) == ("127.0.0.1", "mine-1")
    assert delivery.user_agent == fields["user-agent"]
    assert (delivery.response_status, delivery.response_body) == (202, reply.body.decode())
    assert 0 <= delivery.processing_ms < 5000
    assert abs(delivery.received_at - datetime.now(UTC)) < timedelta(seconds=30)


async def test_text_answers_and_other_methods(ingress: Any) -> None:
    trigger_id = await ingress.put(WebhookConfig(method=HttpMethod.GET, response_format=ResponseFormat.TEXT))
    reply = await ingress.settled(trigger_id, status=202, method="GET")
    assert (reply.body, reply.headers["Content-Type"]) == (b"OK", "text/plain; charset=utf-8")
    head = await ingress.send(trigger_id, method="HEAD")
    assert (head.status, head.headers["Allow"]) == (405, "GET")
    assert len(await ingress.accepted()) == 1


async def test_the_same_idempotency_key_has_the_same_execution(ingress: Any) -> None:
    trigger_id = await ingress.put()
    keyed = {"headers": {"Idempotency-Key": "delivery 42"}}
    first = await ingress.settled(trigger_id, status=202, **keyed)
    again = await ingress.send(trigger_id, **keyed)
    assert first.json == again.json
    assert UUID(first.json["executionId"]) == ids.delivery_execution_id(trigger_id, key="delivery 42")
    assert {d.idempotency_key for d in await ingress.accepted()} == {"delivery 42"}
    for bad in ("x" * 256, "caf\xe9"):
        reply = await ingress.send(trigger_id, headers={"Idempotency-Key": bad})
        assert (reply.status, reply.json["rejectionReason"]) == (400, "malformed_request")


async def test_a_delivery_id_within_a_list_or_under_any_key_is_found(ingress: Any) -> None:
    cases = {
        "data.items.0.id": b'{"data": {"items": [{"id": "q1"}]}}',
        "data.items[0].id": b'{"data": {"items": [{"id": "q1"}]}}',
        "[0].id": b'[{"id": "q1"}]',
        '["Order Id"]': b'{"Order Id": "q1"}',
        "order.id": b'{"order.id": "q1"}',
    }
    for path, body in cases.items():
        trigger_id = await ingress.put(WebhookConfig(idempotency_key=IdempotencyKeySource(body=path)))
        sent = {"data": body, "headers": {"Content-Type": "application/json"}}
        first = await ingress.settled(trigger_id, status=202, **sent)
        again = await ingress.send(trigger_id, **sent)
        assert first.json == again.json, path
        assert UUID(first.json["executionId"]) == ids.delivery_execution_id(trigger_id, key="q1")


async def test_a_github_signature_opens_the_door(ingress: Any, github_signature: str) -> None:
    trigger_id = await ingress.put(HMAC, secret="It's a Secret to Everybody")
    signed = {"X-Hub-Signature-256": github_signature}
    await ingress.settled(trigger_id, status=202, data=b"Hello, World!", headers=signed)
    (delivery,) = await ingress.accepted()
    assert delivery.secret_id is not None
    assert dict(delivery.headers)["x-hub-signature-256"] == "[redacted]"


async def test_a_compressed_body_is_verified_and_stored_as_sent(ingress: Any) -> None:
    trigger_id = await ingress.put(HMAC, secret=KEY)
    body = b"\x1f\x8b not really gzip"
    headers = {"Content-Encoding": "gzip", "X-Signature": signature(KEY, body)}
    await ingress.settled(trigger_id, status=202, data=body, headers=headers)
    assert [d.body for d in await ingress.accepted()] == [body]


REFUSALS: list[tuple[str, WebhookConfig, dict[str, Any], int, str, dict[str, str]]] = [
    ("unsigned", HMAC, {}, 401, "signature_missing", {"WWW-Authenticate": "HMAC-SHA256"}),
    (
        "wrongly signed",
        HMAC,
        {"headers": {"X-Signature": "sha256=" + "0" * 64}},
        401,
        "signature_invalid",
        {"WWW-Authenticate": "HMAC-SHA256"},
    ),
    (
        "no key",
        WebhookConfig(auth_type=AuthType.API_KEY),
        {"params": {"api_key": "s3cret-s3cret-s3cret"}},
        401,
        "credential_missing",
        {"WWW-Authenticate": "ApiKey"},
    ),
    (
        "wrong token",
        WebhookConfig(auth_type=AuthType.BEARER),
        {"headers": {"Authorization": "Bearer wrong"}},
        401,
        "credential_invalid",
        {"WWW-Authenticate": "Bearer"},
    ),
    ("method", WebhookConfig(), {"method": "PUT"}, 405, "method_not_allowed", {"Allow": "POST"}),
    ("options", WebhookConfig(), {"method": "OPTIONS"}, 405, "method_not_allowed", {"Allow": "POST"}),
    (
        "origin",
        WebhookConfig(allowed_origins=("https://good.example",)),
        {"headers": {"Origin": "https://evil.example"}},
        403,
        "origin_not_allowed",
        {},
    ),
    ("key", WebhookConfig(), {"headers": {"Idempotency-Key": ""}}, 400, "malformed_request", {}),
]


@pytest.mark.parametrize(
    ("config", "request_", "status", "reason", "headers"),
    [pytest.param(*case[1:], id=case[0]) for case in REFUSALS],
)
async def test_a_refusal_has_its_status_its_header_and_its_record(
    ingress: Any,
    config: WebhookConfig,
    request_: dict[str, Any],
    status: int,
    reason: str,
    headers: dict[str, str],
) -> None:
    trigger_id = await ingress.put(config, secret="s3cret-s3cret-s3cret")
    reply = await ingress.settled(trigger_id, status=status, data=b"hello", **request_)
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem = reply.json
    assert (problem["status"], problem["rejectionReason"], problem["code"]) == (status, reason, reason)
    assert problem["requestId"] == reply.request_id
    for name, start in headers.items():
        assert reply.headers[name].startswith(start)
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.trigger_id, record.workspace, record.reason) == (trigger_id, "acme", reason)
    assert (record.response_status, record.response_body) == (status, reply.body.decode())
    assert record.body == b"hello"
    assert await ingress.accepted() == []
    assert "s3cret-s3cret-s3cret" not in repr(record)


async def test_what_does_not_exist_is_404_and_on_record(ingress: Any) -> None:
    manual = await ingress.put(ManualConfig())
    for address in (uuid4(), manual, "not-a-uuid", "", f"{uuid4()}/more", "%00", "..%2F..%2Fetc"):
        reply = await ingress.send(str(address), data=b"unread")
        assert (reply.status, reply.json["rejectionReason"]) == (404, "unknown_trigger"), address
        record = await ingress.rejected(request_id=reply.request_id)
        assert (record.workspace, record.body) == (None, b"")
        named = str(record.trigger_id) if record.trigger_id else "none"
        assert str(address).startswith(named) is bool(record.trigger_id), address


async def test_changes_on_config_are_in_force(ingress: Any) -> None:
    body = b"{}"
    trigger_id = await ingress.put(HMAC, secret=OLD)
    by_old = {"data": body, "headers": {"X-Signature": signature(OLD, body)}}
    by_new = {"data": body, "headers": {"X-Signature": signature(NEW, body)}}
    await ingress.settled(trigger_id, status=202, **by_old)
    overlap = datetime.now(UTC) + timedelta(hours=1)
    secrets = (
        ingress.sealed(NEW, trigger_id=trigger_id),
        ingress.sealed(OLD, trigger_id=trigger_id, valid_until=overlap),
    )
    await ingress.put(HMAC, trigger_id=trigger_id, secrets=secrets)
    await ingress.settled(trigger_id, status=202, **by_new)
    assert (await ingress.send(trigger_id, **by_old)).status == 202
    matched = [delivery.secret_id for delivery in await ingress.accepted()]
    assert matched[-2:] == [secret.id for secret in secrets]

    await ingress.put(HMAC, trigger_id=trigger_id, secret=NEW)
    assert (await ingress.settled(trigger_id, status=401, **by_old)).status == 401
    await ingress.put(HMAC, trigger_id=trigger_id, secret=NEW, enabled=False)
    refused = await ingress.settled(trigger_id, status=403, **by_new)
    assert refused.json["rejectionReason"] == "trigger_disabled"
    await ingress.put(HMAC, trigger_id=trigger_id, secret=NEW)
    await ingress.settled(trigger_id, status=202, **by_new)
    await ingress.put(HMAC, trigger_id=trigger_id, deleted=True)
    await ingress.settled(trigger_id, status=404, **by_new)
    # An older state that comes late does not bring it back.
    await ingress.put(HMAC, trigger_id=trigger_id, secret=NEW, version=2)
    marker = await ingress.put()
    await ingress.settled(marker, status=202)
    assert (await ingress.send(trigger_id, **by_new)).status == 404


async def test_a_secret_that_cannot_be_opened_is_not_the_senders_fault(ingress: Any) -> None:
    """A provider gives an address up after enough 401s: what our key ring lacks is a 503, and on record."""
    trigger_id = uuid4()
    foreign = f"k1:{base64.b64encode(b'x' * 32).decode()}"
    secrets = (ingress.sealed("s", trigger_id=trigger_id, keys=foreign),)
    await ingress.put(HMAC, trigger_id=trigger_id, secrets=secrets)
    reply = await ingress.settled(trigger_id, status=503, headers={"X-Signature": signature("s", b"")})
    assert (reply.json["rejectionReason"], reply.json["status"]) == ("secret_unavailable", 503)
    assert reply.headers["Retry-After"] == "60"
    assert "WWW-Authenticate" not in reply.headers
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.response_status) == ("secret_unavailable", 503)
    async with ingress.session.get(f"{ingress.url}/metrics") as answer:
        assert 'webhook_deliveries_total{outcome="secret_unavailable"}' in await answer.text()
    # The signature that is not even there is the sender's all the same.
    assert (await ingress.send(trigger_id)).status == 401


async def test_a_state_from_the_future_is_not_served_as_it_was(ingress: Any) -> None:
    trigger_id = await ingress.put()
    await ingress.settled(trigger_id, status=202)
    await ingress.put_bytes(trigger_id, data=b'{"message": "TriggerChanged/9"}')
    reply = await ingress.settled(trigger_id, status=503)
    assert reply.headers["Retry-After"] == "1"
    await ingress.put(trigger_id=trigger_id)
    await ingress.settled(trigger_id, status=202)


async def test_cross_origin_requests(ingress: Any) -> None:
    config = WebhookConfig(allowed_origins=("https://good.example",), method=HttpMethod.PUT)
    trigger_id = await ingress.put(config)
    ask = {
        "Origin": "https://good.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type, x-api-key",
    }
    reply = await ingress.settled(trigger_id, status=202, method="PUT", headers={"Origin": ask["Origin"]})
    assert reply.headers["Access-Control-Allow-Origin"] == "https://good.example"
    assert reply.headers["Vary"] == "Origin"

    allowed = await ingress.send(trigger_id, method="OPTIONS", headers=ask)
    assert (allowed.status, allowed.body) == (204, b"")
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://good.example"
    assert allowed.headers["Access-Control-Allow-Methods"] == "PUT"
    assert allowed.headers["Access-Control-Allow-Headers"] == "content-type, x-api-key"
    assert "Access-Control-Allow-Credentials" not in allowed.headers

    elsewhere = await ingress.send(
        trigger_id, method="OPTIONS", headers={**ask, "Origin": "https://evil.example"}
    )
    unknown = await ingress.send(uuid4(), method="OPTIONS", headers=ask)
    for neutral in (elsewhere, unknown):
        assert neutral.status == 204
        assert not [name for name in neutral.headers if name.startswith("Access-Control-Allow")]
    refused = await ingress.send(trigger_id, headers={"Origin": "https://good.example"})
    assert refused.status == 405
    assert refused.headers["Access-Control-Allow-Origin"] == "https://good.example"
    await ingress.rejected(request_id=refused.request_id)
    recorded = [delivery for message in await ingress.messages() for delivery in message.deliveries]
    assert "OPTIONS" not in {delivery.method for delivery in recorded}


async def test_probes_metrics_and_other_addresses(ingress: Any) -> None:
    trigger_id = await ingress.put()
    await ingress.settled(trigger_id, status=202)
    async with ingress.session.get(f"{ingress.url}/metrics") as answer:
        text = await answer.text()
    assert 'webhook_deliveries_total{outcome="accepted"} 1.0' in text
    assert "webhook_triggers 1.0" in text
    assert 'route="/api/webhooks/{triggerId}"' in text
    assert str(trigger_id) not in text
    async with ingress.session.get(f"{ingress.url}/elsewhere") as answer:
        assert answer.status == 404

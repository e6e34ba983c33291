"""The options of a trigger over real HTTP and a real bus."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from embedded_stack.servers.nats import NatsServer
from trigger_contracts import streams
from trigger_contracts.config import AuthType, HttpMethod, WebhookConfig
from trigger_contracts.secret_uses import USES
from trigger_contracts.webhook_config import OnDisabled, RateLimit, WebhookResponse
from trigger_contracts.webhook_providers import WebhookProvider

pytestmark = pytest.mark.integration

URL = "https://hooks.example/base"


def hex_of(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


async def test_an_answer_of_the_triggers_own_is_framed_by_the_service(ingress: Any) -> None:
    config = WebhookConfig(
        custom_headers={"X-Seen": "yes"},
        response=WebhookResponse(status=200, headers={"Content-Type": "text/html"}, body="<b>hi</b>"),
    )
    trigger_id = await ingress.put(config)
    reply = await ingress.settled(trigger_id, status=200, data=b"{}")
    assert (reply.body, reply.headers["Content-Type"]) == (b"<b>hi</b>", "text/html")
    assert (reply.headers["X-Seen"], reply.headers["Content-Length"]) == ("yes", "9")
    assert reply.headers["Content-Security-Policy"].startswith("sandbox")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    (delivery,) = await ingress.accepted()
    assert (delivery.response_status, delivery.response_body) == (200, "<b>hi</b>")

    empty = await ingress.put(WebhookConfig(response=WebhookResponse(status=204)))
    reply = await ingress.settled(empty, status=204, data=b"{}")
    assert reply.body == b""
    head = await ingress.put(WebhookConfig(method=HttpMethod.HEAD))
    reply = await ingress.settled(head, status=202, method="HEAD")
    assert (reply.body, "X-Execution-Id" in reply.headers) == (b"", True)

    forbidden = await ingress.put(WebhookConfig(custom_headers={"Content-Length": "1"}))
    reply = await ingress.settled(forbidden, status=503)
    assert (reply.json["rejectionReason"], reply.headers["Retry-After"]) == ("not_supported", "60")
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.response_status) == ("not_supported", 503)


async def test_a_repeated_key_is_answered_before_the_rate_limit(ingress: Any) -> None:
    config = WebhookConfig(rate_limit=RateLimit(requests=1, per_seconds=3600))
    trigger_id = await ingress.serving(config)
    keyed = {"data": b"{}", "headers": {"Idempotency-Key": "delivery 1"}}
    first = await ingress.send(trigger_id, **keyed)
    again = await ingress.send(f"{trigger_id}/", **keyed)
    assert (first.status, again.status, again.json) == (202, 202, first.json)
    record = await ingress.rejected(request_id=again.request_id)
    assert (record.reason, record.response_status, record.idempotency_key) == ("repeated", 202, "delivery 1")
    assert (str(record.execution_id), record.body) == (first.json["executionId"], b"{}")
    assert len(await ingress.accepted()) == 1
    assert (await ingress.send(trigger_id, data=b"{}")).status == 429


async def test_a_rate_limit_is_told_and_on_record(ingress: Any) -> None:
    trigger_id = await ingress.put(WebhookConfig(rate_limit=RateLimit(requests=1, per_seconds=3600)))
    reply = await ingress.settled(trigger_id, status=202)
    assert reply.headers["RateLimit"] == '"webhook";r=0;t=3600'
    reply = await ingress.send(trigger_id, data=b"again")
    assert (reply.status, reply.json["rejectionReason"]) == (429, "rate_limited")
    assert 3590 <= int(reply.headers["Retry-After"]) <= 3600
    assert reply.headers["RateLimit-Policy"] == '"webhook";q=1;w=3600'
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.body) == ("rate_limited", b"again")
    assert len(await ingress.accepted()) == 1


async def test_a_trigger_that_is_off_may_ignore(ingress: Any) -> None:
    trigger_id = await ingress.put(WebhookConfig(on_disabled=OnDisabled.IGNORE), enabled=False)
    reply = await ingress.settled(trigger_id, status=200)
    assert reply.json == {"success": True, "message": "The webhook is switched off; nothing was started"}
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.response_status) == ("trigger_disabled", 200)
    assert await ingress.accepted() == []


async def test_addresses_are_those_that_trusted_proxies_say(
    nats_server: NatsServer, new_ingress: Any
) -> None:
    ingress = await new_ingress(nats_server, trusted_proxy_hops=1)
    await ingress.ready()
    trigger_id = await ingress.put(WebhookConfig(allowed_ips=("192.0.2.0/24",)))
    await ingress.settled(trigger_id, status=202, headers={"X-Forwarded-For": "6.6.6.6, ::ffff:192.0.2.9"})
    for claim in ({"X-Forwarded-For": "192.0.2.9, 6.6.6.6"}, {}):
        reply = await ingress.send(trigger_id, headers=claim)
        assert (reply.status, reply.json["rejectionReason"]) == (403, "ip_not_allowed")


async def test_the_address_that_is_signed_is_the_public_one(
    nats_server: NatsServer, new_ingress: Any
) -> None:
    """Path and query exactly as they were sent: odd escapes, an empty value, a plus."""
    ingress = await new_ingress(nats_server, public_url=URL)
    await ingress.ready()
    secret = "a-square-signature-key"
    trigger_id = await ingress.put(WebhookConfig(provider=WebhookProvider.SQUARE), secret=secret)
    body = b'{"event_id": "e-1"}'
    query = b"?a=%7e&b=&c=x+y&d=%2F/;e&f"
    target = b"/api/webhooks/" + str(trigger_id).encode() + query
    content = URL.encode() + target + body
    digest = base64.b64encode(bytes.fromhex(hex_of(secret, content))).decode()
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    await ingress.settled(trigger_id, status=204, method="OPTIONS", headers=ask)
    head = b"\r\n".join(
        [
            b"POST " + target + b" HTTP/1.1",
            b"Host: anything.example",
            b"X-Square-HmacSha256-Signature: " + digest.encode(),
            b"Content-Length: %d" % len(body),
        ]
    )

    async def opened() -> bool:
        answer = await ingress.raw(head + b"\r\n\r\n" + body)
        return bool(answer.startswith(b"HTTP/1.1 202"))

    await ingress.eventually(opened)
    assert (await ingress.accepted())[-1].idempotency_key == "e-1"
    elsewhere = head.replace(b"x+y", b"x%20y")
    assert (await ingress.raw(elsewhere + b"\r\n\r\n" + body)).startswith(b"HTTP/1.1 401")


async def test_a_scheme_that_signs_the_address_is_closed_where_that_is_unknown(ingress: Any) -> None:
    secret = "ab" * 16
    trigger_id = await ingress.put(WebhookConfig(provider=WebhookProvider.TWILIO), secret=secret)
    reply = await ingress.settled(trigger_id, status=503)
    assert reply.json["rejectionReason"] == "not_supported"


async def test_a_handshake_is_answered_and_on_record(ingress: Any) -> None:
    token = "a-verify-token"
    config = WebhookConfig(
        provider=WebhookProvider.META,
        verify_token=f"sha256:{hashlib.sha256(token.encode()).hexdigest()}",
    )
    secret = "ab" * 16
    trigger_id = await ingress.put(config, secret=secret)
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    reply = await ingress.settled(trigger_id, status=200, method="GET", params=query)
    assert (reply.body, reply.headers["Content-Type"]) == (b"1158201444", "text/plain; charset=utf-8")
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.response_status, record.method) == ("handshake", 200, "GET")
    assert dict(record.query)["hub.verify_token"] == "[redacted]"
    wrong = await ingress.send(trigger_id, method="GET", params={**query, "hub.verify_token": "x"})
    assert wrong.status == 401
    assert wrong.headers["WWW-Authenticate"] == 'Webhook realm="webhook", provider="meta"'
    signed = {"X-Hub-Signature-256": f"sha256={hex_of(secret, b'{}')}"}
    assert (await ingress.send(trigger_id, data=b"{}", headers=signed)).status == 200
    assert len(await ingress.accepted()) == 1


async def test_the_use_of_an_older_secret_is_told_on_the_bus(ingress: Any) -> None:
    trigger_id = uuid4()
    older = ingress.sealed(
        "old-secret-of-mine", trigger_id=trigger_id, valid_until=datetime.now(UTC) + timedelta(hours=1)
    )
    secrets = (ingress.sealed("new-secret-of-mine", trigger_id=trigger_id), older)
    await ingress.put(WebhookConfig(auth_type=AuthType.API_KEY), trigger_id=trigger_id, secrets=secrets)
    await ingress.settled(trigger_id, status=202, headers={"X-API-Key": "new-secret-of-mine"})
    for _ in range(3):
        assert (await ingress.send(trigger_id, headers={"X-API-Key": "old-secret-of-mine"})).status == 202
    js = (await ingress.bus()).jetstream()

    async def told() -> Any:
        state = (await js.stream_info(streams.SECRETS.name)).state
        return state if state.messages else None

    state = await ingress.eventually(told)
    assert state.last_seq == 1
    found = await js.get_last_msg(streams.SECRETS.name, streams.secret(trigger_id))
    message = USES.decode(found.data or b"")
    assert (message.trigger_id, message.secret_id) == (trigger_id, older.id)
    assert abs(message.at - datetime.now(UTC)) < timedelta(seconds=30)
    assert b"old-secret-of-mine" not in (found.data or b"")

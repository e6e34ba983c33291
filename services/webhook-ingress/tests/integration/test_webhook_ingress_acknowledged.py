"""What providers hear, over real HTTP: of deliveries, and of tests of the address."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trigger_contracts.config import WebhookConfig
from trigger_contracts.webhook_config import WebhookResponse
from trigger_contracts.webhook_providers import WebhookProvider as P

pytestmark = pytest.mark.integration

SECRET = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://hooks.example/base"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def digest(content: bytes, *, algorithm: str = "sha256") -> bytes:
    return hmac.digest(SECRET.encode(), content, algorithm)


def of_line(body: bytes) -> dict[str, str]:
    return {"X-Line-Signature": base64.b64encode(digest(body)).decode()}


def of_zoom(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    made = digest(b"v0:" + now.encode() + b":" + body).hex()
    return {"X-Zm-Signature": f"v0={made}", "X-Zm-Request-Timestamp": now}


def of_paddle(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    return {"Paddle-Signature": f"ts={now};h1={digest(now.encode() + b':' + body).hex()}"}


def of_slack(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    made = digest(b"v0:" + now.encode() + b":" + body).hex()
    return {"X-Slack-Signature": f"v0={made}", "X-Slack-Request-Timestamp": now}


def of_discord(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    made = KEY.sign(now.encode() + body).hex()
    return {"X-Signature-Ed25519": made, "X-Signature-Timestamp": now}


def of_telegram(_body: bytes) -> dict[str, str]:
    return {"X-Telegram-Bot-Api-Secret-Token": SECRET}


def of_github(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={digest(body).hex()}"}


@pytest.mark.parametrize(
    ("provider", "sign", "body", "status", "expected"),
    [
        (P.LINE, of_line, b'{"events":[{"webhookEventId":"e1"}]}', 200, None),
        (P.ZOOM, of_zoom, b'{"event":"meeting.started"}', 200, None),
        (P.PADDLE, of_paddle, b'{"event_id":"e1"}', 200, None),
        (P.SLACK, of_slack, b'{"type":"event_callback","event_id":"Ev1"}', 200, b""),
        (P.SLACK, of_slack, b"command=%2Fdeploy&text=now", 200, b""),
        (P.DISCORD, of_discord, b'{"type":2}', 200, b'{"type":5}'),
        (P.DISCORD, of_discord, b'{"type":3}', 200, b'{"type":6}'),
        (P.DISCORD, of_discord, b'{"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}', 204, b""),
        (P.TELEGRAM, of_telegram, b'{"update_id":1}', 200, b""),
        (P.GITHUB, of_github, b'{"ref":"refs/heads/main"}', 202, None),
    ],
)
async def test_a_delivery_is_acknowledged_as_its_provider_takes_it(
    ingress: Any, provider: P, sign: Any, body: bytes, status: int, expected: bytes | None
) -> None:
    secret = KEY.public_key().public_bytes_raw().hex() if provider is P.DISCORD else SECRET
    trigger_id = await ingress.serving(WebhookConfig(provider=provider), secret=secret)
    reply = await ingress.send(trigger_id, data=body, headers={**sign(body), "Content-Type": "x/y"})
    (delivery,) = await ingress.accepted()
    assert (reply.status, delivery.response_status, delivery.body) == (status, status, body)
    assert reply.headers["X-Execution-Id"] == str(delivery.execution_id)
    if expected is None:
        assert reply.json["executionId"] == str(delivery.execution_id)
    else:
        assert reply.body == expected


async def test_twilio_gets_twiml_without_a_verb(nats_server: Any, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, public_url=PUBLIC_URL)
    await ingress.ready()
    trigger_id = await ingress.serving(WebhookConfig(provider=P.TWILIO), secret=SECRET)
    body = b"Body=hello&From=%2B14158675309"
    covered = f"{PUBLIC_URL}/api/webhooks/{trigger_id}BodyhelloFrom+14158675309".encode()
    made = base64.b64encode(digest(covered, algorithm="sha1")).decode()
    reply = await ingress.send(trigger_id, data=body, headers={**FORM, "X-Twilio-Signature": made})
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert reply.body == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
    assert len(await ingress.accepted()) == 1


async def test_a_response_of_the_triggers_own_wins_and_may_leave_out_its_status(ingress: Any) -> None:
    own = WebhookConfig(provider=P.SLACK, response=WebhookResponse(body={"text": "On it."}))
    trigger_id = await ingress.serving(own, secret=SECRET)
    body = b"command=%2Fdeploy&text=now"
    reply = await ingress.send(trigger_id, data=body, headers={**of_slack(body), **FORM})
    assert (reply.status, reply.json) == (200, {"text": "On it."})
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("provider", "sign", "body", "headers", "expected"),
    [
        (P.LINE, of_line, b'{"destination":"U0","events":[]}', {}, b""),
        (P.GITHUB, of_github, b'{"zen":"Design for failure."}', {"X-GitHub-Event": "ping"}, b""),
        (P.BITBUCKET, None, b'{"test":true}', {"X-Event-Key": "diagnostics:ping"}, b""),
        (P.SLACK, None, b"ssl_check=1&token=x", FORM, b""),
        (P.SLACK, of_slack, b'{"type":"url_verification","challenge":"<b>3eZ"}', {}, b"<b>3eZ"),
        (P.DISCORD, of_discord, b'{"type":1}', {}, b'{"type":1}'),
    ],
)
async def test_a_test_of_the_address_starts_nothing_and_is_on_record(
    ingress: Any, provider: P, sign: Any, body: bytes, headers: dict[str, str], expected: bytes
) -> None:
    secret = KEY.public_key().public_bytes_raw().hex() if provider is P.DISCORD else SECRET
    trigger_id = await ingress.serving(WebhookConfig(provider=provider), secret=secret)
    signed = {} if sign is None else sign(body)
    reply = await ingress.send(trigger_id, data=body, headers={"Content-Type": "x/y", **headers, **signed})
    assert (reply.status, reply.body) == (200, expected)
    assert "X-Execution-Id" not in reply.headers
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "html" not in reply.headers.get("Content-Type", "")
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.response_status, record.body) == ("handshake", 200, body)
    assert record.body_sha256 == hashlib.sha256(body).hexdigest()
    assert await ingress.accepted() == []


async def test_zooms_validation_is_on_record_and_starts_nothing(ingress: Any) -> None:
    trigger_id = await ingress.serving(WebhookConfig(provider=P.ZOOM), secret=SECRET)
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vl"}}).encode()
    reply = await ingress.send(trigger_id, data=body, headers=of_zoom(body))
    assert (reply.status, reply.json["encryptedToken"]) == (200, digest(b"qgg8vl").hex())
    assert (await ingress.rejected(request_id=reply.request_id)).reason == "handshake"

"""What is on record of a request: no secret, and nothing that could be sent again."""

import base64
import hashlib
import hmac
from typing import Any
from uuid import uuid4

import msgspec
import nats
import pytest

pytestmark = pytest.mark.e2e

OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"authType": "hmac"}, "X-Signature"),
    ({"authType": "hmac", "signatureHeader": "X-Odd"}, "X-Odd"),
    ({"provider": "github"}, "X-Hub-Signature-256"),
    ({"authType": "bearer"}, "Authorization"),
    ({"authType": "api_key"}, "X-API-Key"),
    ({"authType": "api_key", "apiKeyHeader": "Shop-Hello"}, "Shop-Hello"),
    ({"authType": "basic"}, "Authorization"),
    ({"provider": "gitlab"}, "X-Gitlab-Token"),
]


def _proof(options: dict[str, Any], *, secret: str, body: bytes) -> str:
    if options.get("authType") == "hmac" or options.get("provider") == "github":
        return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if options.get("authType") == "basic":
        return "Basic " + base64.b64encode(secret.encode()).decode()
    return f"Bearer {secret}" if options.get("authType") == "bearer" else secret


@pytest.mark.parametrize(("options", "header"), OPTIONS)
async def test_what_was_recorded_of_an_accepted_request_opens_nothing(
    client: Any, options: dict[str, Any], header: str
) -> None:
    workflow_id = await client.workflow("{{trigger.payload.query.code}}")
    secret = f"user:canary-{uuid4().hex}"
    trigger = await client.trigger("webhook", options, workflow_id=workflow_id, secret=secret)
    path = f"/api/webhooks/{trigger['id']}"
    body = msgspec.json.encode({"note": secret, "kept": 1})
    sent = {
        "Content-Type": "application/json",
        header: _proof(options, secret=secret, body=body),
        "X-Wrong-Place": secret,
        "Referer": f"https://a.example/?token={secret}",
    }
    address = f"{path}?code=SUMMER25&x={secret}"
    async with client.session.post(address, data=body, headers=sent) as answer:
        assert answer.status in range(200, 300), await answer.text()
        execution_id = answer.headers["X-Execution-Id"]
    execution = await client.ended(execution_id)
    assert (execution["status"], execution["outputs"]) == ("completed", "SUMMER25")
    async with client.session.post(path, data=body, headers={"X-Wrong-Place": secret}) as answer:
        assert answer.status == 401

    logs = f"/api/triggers/{trigger['id']}/webhook-logs"
    (row,) = (await client.call("GET", f"{logs}?status=202", status=200))["items"]
    row = await client.call("GET", f"/api/webhook-logs/{row['id']}", status=200)
    assert row["requestQuery"] == {"code": "[hidden]", "x": "[redacted]"}
    assert row["requestHeaders"][header.lower()] == "[redacted]"
    again = {
        name: value for name, value in row["requestHeaders"].items() if name not in ("host", "content-length")
    }
    for payload in (body, msgspec.json.encode(row["requestBody"])):
        async with client.session.post(path, data=payload, headers=again) as answer:
            assert answer.status == 401
    assert len(await client.executions(trigger["id"])) == 1

    bus = await nats.connect(client.stack["nats_url"])
    try:
        messages = []
        for stream in ("DELIVERIES", "REJECTIONS", "EXECUTIONS"):
            info = await bus.jetstream().stream_info(stream)
            for sequence in range(info.state.first_seq, info.state.last_seq + 1):
                message = await bus.jetstream().get_msg(stream, sequence)
                messages.append((message.data or b"").decode())
    finally:
        await bus.close()
    everything = [
        *messages,
        *(file.read_text() for file in (client.stack["var"] / "log").iterdir()),
        str(await client.call("GET", logs, status=200)),
        str(row),
        str(execution),
        str(await client.call("GET", f"/api/triggers/{trigger['id']}", status=200)),
    ]
    assert any(trigger["id"] in text for text in messages), "the messages of this trigger were looked at"
    bare = secret.removeprefix("user:")
    for form in (bare, base64.b64encode(secret.encode()).decode().rstrip("=")):
        assert not any(form in text for text in everything)
    for text in messages:
        for delivery in msgspec.json.decode(text).get("deliveries", []):
            assert bare.encode() not in base64.b64decode(delivery["body"])

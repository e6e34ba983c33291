"""Tests of triggers with a sample, by the services that decide: what they say is what happens."""

import hashlib
import hmac
import json
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

SECRET = "a-secret-of-this-test-0123456789"


def outcomes(answer: Any) -> dict[str, str]:
    return {check.get("path") or check["name"]: check["outcome"] for check in answer["checks"]}


def headers_of(signature: str) -> dict[str, str]:
    return {"X-Signature": f"sha256={signature}", "Content-Type": "application/json"}


async def test_a_sample_a_recorded_delivery_and_a_draft_say_what_the_door_does(
    client: Any, eventually: Any
) -> None:
    workflow_id = await client.workflow({"ref": "{{trigger.payload.body.ref}}"})
    config = {"authType": "hmac", "filters": {"body.ref": "main"}, "expression": "payload.body.n > 1"}
    trigger = await client.trigger("webhook", config, workflow_id=workflow_id)
    path = f"/api/triggers/{trigger['id']}/test"
    body = json.dumps({"ref": "main", "n": 2})
    signature = hmac.new(trigger["webhookSecret"].encode(), body.encode(), hashlib.sha256).hexdigest()
    signed = {"headers": headers_of(signature), "body": body}
    answer = await client.call("POST", path, {"delivery": signed}, status=200)
    assert answer["wouldRun"] is True
    assert outcomes(answer) == {
        "enabled": "passed",
        "allowedIps": "not_asked",
        "authType": "passed",
        "method": "passed",
        "allowedOrigins": "not_asked",
        "onUnreadableBody": "not_asked",
        "idempotencyKey": "not_asked",
        "rateLimit": "not_asked",
        "body.ref": "passed",
        "expression": "passed",
    }
    assert answer["payload"]["body"] == {"ref": "main", "n": 2}
    assert answer["payload"]["headers"]["x-signature"] == "[redacted]"

    plain = {"delivery": {"body": {"ref": "dev", "n": 2}}}
    unsigned = await client.call("POST", path, plain, status=200)
    assert unsigned["wouldRun"] is False
    assert outcomes(unsigned)["authType"] == outcomes(unsigned)["body.ref"] == "failed"
    assert trigger["webhookSecret"] not in json.dumps([answer, unsigned])

    status, _, _ = await client.deliver(trigger, b'{"ref": "dev", "n": 2}')
    assert status == 200

    async def recorded() -> Any:
        filtered = f"/api/webhook-logs?triggerId={trigger['id']}&reason=filtered"
        page = await client.call("GET", filtered, status=200)
        return page["items"][0]["id"] if page["items"] else None

    log_id = await eventually(recorded)
    of_record = await client.call("POST", path, {"webhookLogId": log_id}, status=200)
    assert of_record["wouldRun"] is False
    assert outcomes(of_record)["authType"] == "not_asked"
    assert outcomes(of_record)["body.ref"] == "failed"
    missing = await client.call("POST", path, {"webhookLogId": trigger["id"]}, status=422)
    assert missing["errors"][0]["pointer"] == "/webhookLogId"

    draft = {
        "workflowId": workflow_id,
        "name": "draft",
        "triggerType": "webhook",
        "config": {**config, "filters": {"body.ref": "dev"}},
        "secret": SECRET,
    }
    signature = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    request = {"trigger": draft, "delivery": {"headers": headers_of(signature), "body": body}}
    of_draft = await client.call("POST", "/api/triggers/test", request, status=200)
    assert of_draft["wouldRun"] is False
    assert outcomes(of_draft)["authType"] == "passed"
    assert outcomes(of_draft)["body.ref"] == "failed"
    assert SECRET not in json.dumps(of_draft)
    # Nothing of it started anything, or is on record.
    page = await client.call("GET", f"/api/triggers/{trigger['id']}/executions", status=200)
    assert page["items"] == []
    page = await client.call("GET", f"/api/webhook-logs?triggerId={trigger['id']}", status=200)
    assert [row["id"] for row in page["items"] if row["requestMethod"] == "POST"] == [log_id]


async def test_a_sample_may_have_the_longest_body_that_the_guide_names(client: Any) -> None:
    workflow_id = await client.workflow({"ref": "{{trigger.payload.body.ref}}"})
    trigger = await client.trigger("webhook", {"filters": {"body.ref": "main"}}, workflow_id=workflow_id)
    path = f"/api/triggers/{trigger['id']}/test"
    body = json.dumps({"ref": "main", "pad": ""})
    longest = body.replace('""', json.dumps("x" * (512 * 1024 - len(body))))
    delivery = {"headers": {"Content-Type": "application/json"}, "body": longest}
    answer = await client.call("POST", path, {"delivery": delivery}, status=200)
    assert answer["wouldRun"] is True
    delivery["body"] = f"{longest} "
    refused = await client.call("POST", path, {"delivery": delivery}, status=422)
    assert refused["errors"][0]["pointer"] == "/delivery/body"
    assert refused["detail"] == "This is 524289 bytes; 524288 are allowed."

"""Each kind of trigger, from the outside to a completed execution on record."""

import asyncio
import hashlib
import signal
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import nats
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client as Temporal

pytestmark = pytest.mark.e2e


async def test_a_github_push_becomes_a_completed_execution_with_its_log_row(
    client: Any, github_push: bytes
) -> None:
    assert 7_500 < len(github_push) < 12_000
    workflow_id = await client.workflow(
        {
            "branch": "{{trigger.payload.body.ref}}",
            "message": "{{trigger.payload.body.head_commit.message}}",
            "event": "{{trigger.payload.headers.x-github-event}}",
            "text": "{{trigger.payload.body.pusher.name}} pushed {{trigger.payload.body.commits}}",
        }
    )
    trigger = await client.trigger(
        "webhook", {"authType": "hmac", "allowedOrigins": ["https://github.com"]}, workflow_id=workflow_id
    )
    delivery_id = str(uuid4())
    status, answer, headers = await client.deliver(
        trigger,
        github_push,
        **{
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": delivery_id,
            "User-Agent": "GitHub-Hookshot/044aadd",
        },
    )
    assert status == 202
    assert answer == {
        "success": True,
        "executionId": answer["executionId"],
        "message": "Workflow execution started",
    }
    execution = await client.ended(answer["executionId"])
    assert execution["status"] == "completed", execution["error"]
    assert execution["outputs"]["branch"] == "refs/heads/main"
    assert execution["outputs"]["message"].startswith("Round totals half to even")
    assert execution["outputs"]["message"] == msgspec.json.decode(github_push)["head_commit"]["message"]
    assert execution["outputs"]["event"] == "push"
    assert execution["outputs"]["text"].startswith('mona pushed [{"id"')
    assert execution["payload"]["body"] == msgspec.json.decode(github_push)
    assert execution["triggerId"] == trigger["id"]
    assert execution["workflowId"] == workflow_id
    assert execution["workflowVersion"] == 1
    assert execution["triggerType"] == "webhook"
    assert execution["acceptedAt"] <= execution["startedAt"] <= execution["completedAt"]

    logs = f"/api/triggers/{trigger['id']}/webhook-logs?status=202"
    (row,) = (await client.call("GET", logs, status=200))["items"]
    row = await client.call("GET", f"/api/webhook-logs/{row['id']}", status=200)
    assert execution["cause"] == {"kind": "delivery", "id": row["id"]}
    assert row["executionId"] == answer["executionId"]
    assert row["responseStatus"] == 202
    assert row["responseBody"] == answer
    assert row["requestBody"] == msgspec.json.decode(github_push)
    assert row["requestBodySha256"] == hashlib.sha256(github_push).hexdigest()
    assert row["requestHeaders"]["x-github-delivery"] == delivery_id
    assert row["requestId"] == headers["X-Request-Id"]
    assert row["userAgent"] == "GitHub-Hookshot/044aadd"
    assert row["ipAddress"] == "127.0.0.1"
    assert row["rejectionReason"] is None
    assert row["processingTimeMs"] > 0
    shown = await client.call("GET", f"/api/triggers/{trigger['id']}", status=200)
    assert trigger["webhookSecret"] not in str((row, execution, shown))


async def test_an_execution_can_be_followed_through_the_logs(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload.body}}")
    trigger = await client.trigger("webhook", {"authType": "bearer"}, workflow_id=workflow_id)
    secret = trigger["webhookSecret"]
    request_id = f"followed-{uuid4()}"
    headers = {"Authorization": f"Bearer {secret}", "X-Request-Id": request_id}
    path = f"/api/webhooks/{trigger['id']}?token=in-the-query"
    async with client.session.post(path, json={"n": 1}, headers=headers) as answer:
        assert answer.headers["X-Request-Id"] == request_id
        execution_id = (await answer.json())["executionId"]
    await client.ended(execution_id)

    def lines(service: str) -> list[Any]:
        text = (client.stack["var"] / "log" / f"{service}.log").read_text()
        return [msgspec.json.decode(line) for line in text.splitlines()]

    async def written() -> bool:
        return all(
            any(line.get("execution_id") == execution_id for line in lines(service))
            for service in ("webhook-ingress", "orchestrator-worker")
        )

    await eventually(written)
    for service in client.stack["services"]:
        for line in lines(service):
            assert {"at", "level", "event", "service"} <= line.keys()
    followed = [line for line in lines("orchestrator-worker") if line.get("request_id") == request_id]
    assert {line["execution_id"] for line in followed} == {execution_id}
    (row,) = (await client.call("GET", f"/api/triggers/{trigger['id']}/webhook-logs?status=202", status=200))[
        "items"
    ]
    assert row["requestQuery"] == {"token": "[redacted]"}
    everything = "".join(path.read_text() for path in (client.stack["var"] / "log").iterdir())
    for word in (secret, "in-the-query", client.stack["token"], client.stack["jwt_secret"]):
        assert word not in everything + str(row)


async def test_refused_webhooks_say_why_start_nothing_and_are_on_record(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload}}")
    trigger = await client.trigger(
        "webhook", {"authType": "hmac", "allowedOrigins": ["https://a.example"]}, workflow_id=workflow_id
    )
    signed_by_another = {**trigger, "webhookSecret": "another secret"}
    seen = [
        await client.deliver(signed_by_another, b"{}"),
        await client.deliver(trigger, b"{}", Origin="https://b.example"),
    ]
    path = f"/api/webhooks/{trigger['id']}"
    async with client.session.post(path, data=b"{}") as answer:
        seen.append((answer.status, msgspec.json.decode(await answer.read()), answer.headers))
        assert "WWW-Authenticate" in answer.headers
    await client.call("POST", f"/api/triggers/{trigger['id']}/pause", status=200)

    async def refused_as_disabled() -> Any:
        found = await client.deliver(trigger, b"{}")
        return found if found[0] == 403 else None

    seen.append(await eventually(refused_as_disabled))
    reasons = ["signature_invalid", "origin_not_allowed", "signature_missing", "trigger_disabled"]
    assert [answer["rejectionReason"] for _, answer, _ in seen] == reasons
    assert [status for status, _, _ in seen] == [401, 403, 401, 403]
    assert {headers["Content-Type"] for _, _, headers in seen} == {"application/problem+json"}

    async def recorded() -> Any:
        page = await client.call("GET", f"/api/triggers/{trigger['id']}/webhook-logs?limit=200", status=200)
        found = {row["rejectionReason"]: row["responseStatus"] for row in page["items"]}
        return found if found.keys() >= set(reasons) else None

    rows = await eventually(recorded)
    assert {reason: rows[reason] for reason in reasons} == dict(
        zip(reasons, [401, 403, 401, 403], strict=True)
    )
    refused = [row for row in await client.executions(trigger["id"]) if row["status"] == "failed"]
    assert refused == []
    async with client.session.post(f"/api/webhooks/{uuid4()}", data=b"{}") as answer:
        assert answer.status == 404


async def test_a_repeated_delivery_runs_once(client: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload.body}}")
    trigger = await client.trigger("webhook", {"authType": "hmac"}, workflow_id=workflow_id)
    key = {"Idempotency-Key": "order-17"}
    answers = await asyncio.gather(*(client.deliver(trigger, b'{"n": 1}', **key) for _ in range(20)))
    assert {status for status, _, _ in answers} == {202}
    (execution_id,) = {answer["executionId"] for _, answer, _ in answers}
    assert (await client.ended(execution_id))["outputs"] == {"n": 1}
    assert len(await client.executions(trigger["id"])) == 1


async def test_an_event_on_the_bus_starts_what_matches(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow({"total": "{{trigger.payload.data.total}}"})
    kind = f"order.created.{uuid4().hex[:8]}"
    config = {
        "eventType": kind,
        "source": "/shop",
        "filters": {"data.country": "NL"},
        "expression": "event.data.total > 100.0",
    }
    trigger = await client.trigger("event", config, workflow_id=workflow_id)
    bus = await nats.connect(client.stack["nats_url"])
    event = {"specversion": "1.0", "source": "/shop", "type": kind}

    async def publish(event_id: str, country: str) -> None:
        data = {"total": 120, "country": country}
        message = msgspec.json.encode({**event, "id": event_id, "data": data})
        await bus.publish(f"events.{kind}", message)
        await bus.flush()

    async def started() -> Any:
        # The trigger is announced after its 201; an event before that has nobody to start. The same id
        # again and again starts it once.
        await publish("e1", "NL")
        return await client.executions(trigger["id"])

    (execution,) = await eventually(started)
    await publish("e2", "DE")
    await publish("e1", "NL")
    await publish("e3", "NL")

    async def both() -> Any:
        found = await client.executions(trigger["id"])
        return found if len(found) > 1 else None

    assert {row["cause"]["id"] for row in await eventually(both)} == {"e1", "e3"}
    execution = await client.ended(execution["id"])
    assert execution["outputs"] == {"total": 120}
    assert execution["cause"]["kind"] == "event"
    assert execution["payload"]["source"] == "/shop"
    await bus.close()


async def test_a_manual_run_completes(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow({"n": "{{trigger.payload.n}}", "by": "{{trigger.name}}"})
    trigger = await client.trigger("manual", {"inputs": {"n": 1}}, workflow_id=workflow_id)
    path = f"/api/triggers/{trigger['id']}/execute"
    answer = await client.call("POST", path, {"inputs": {"n": 2}}, status=202)
    execution = await client.ended(answer["executionId"])
    assert execution["status"] == "completed"
    assert execution["outputs"] == {"n": 2, "by": "manual"}
    assert execution["cause"]["kind"] == "manual"

    async def counted() -> bool:
        shown = await client.call("GET", f"/api/triggers/{trigger['id']}", status=200)
        return bool(shown["triggerCount"] == 1 and shown["lastTriggeredAt"] == execution["acceptedAt"])

    await eventually(counted)


async def test_a_run_of_a_workflow_that_is_gone_ends_as_failed(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload}}")
    trigger = await client.trigger("manual", {}, workflow_id=workflow_id)
    bus = await nats.connect(client.stack["nats_url"])

    async def tombstone() -> bool:
        message = await bus.jetstream().get_last_msg("CONFIG", f"config.workflow.{workflow_id}")
        return msgspec.json.decode(message.data or b"")["workflow"]["deletedAt"] is not None

    client.signal("orchestrator-worker", signal.SIGSTOP)
    try:
        answer = await client.call("POST", f"/api/triggers/{trigger['id']}/execute", {}, status=202)
        await client.call("DELETE", f"/api/workflows/{workflow_id}", status=204)
        await eventually(tombstone)
    finally:
        client.signal("orchestrator-worker", signal.SIGCONT)
    execution = await client.ended(answer["executionId"])
    assert execution["status"] == "failed"
    assert execution["error"]["code"] == "workflow_not_found"
    await bus.close()


async def test_a_definition_that_was_just_saved_is_the_one_that_runs(client: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload.n}}")
    trigger = await client.trigger("manual", {}, workflow_id=workflow_id)
    for number in range(5):
        nodes = {"out": {"type": "output", "config": {"value": number}}}
        body = {"name": "e2e", "definition": {"nodes": nodes, "entryPoint": "out"}}
        await client.call("PUT", f"/api/workflows/{workflow_id}", body, status=200)
        answer = await client.call("POST", f"/api/triggers/{trigger['id']}/execute", {}, status=202)
        execution = await client.ended(answer["executionId"])
        assert (execution["outputs"], execution["workflowVersion"]) == (number, number + 2)


async def test_a_worker_killed_before_the_start_does_not_lose_or_double_it(
    client: Any, eventually: Any, github_push: bytes
) -> None:
    workflow_id = await client.workflow("{{trigger.payload.body.ref}}")
    trigger = await client.trigger("webhook", {"authType": "hmac"}, workflow_id=workflow_id)
    # Stopped first, so that the delivery is accepted and certainly not started when the process dies.
    before = client.pid("orchestrator-worker")
    client.signal("orchestrator-worker", signal.SIGSTOP)
    status, answer, _ = await client.deliver(trigger, github_push)
    assert status == 202
    waiting = await eventually(lambda: client.executions(trigger["id"]))
    assert [row["status"] for row in waiting] == ["accepted"]
    client.signal("orchestrator-worker", signal.SIGKILL)
    execution = await client.ended(answer["executionId"], seconds=60)
    assert execution["status"] == "completed"
    assert client.pid("orchestrator-worker") != before, "the supervisor started another one"
    assert [row["id"] for row in await client.executions(trigger["id"])] == [answer["executionId"]]
    temporal = await Temporal.connect(client.stack["temporal_address"])
    runs = [
        run.id async for run in temporal.list_workflows(f"WorkflowId = '{execution['temporalWorkflowId']}'")
    ]
    assert runs == [execution["temporalWorkflowId"]], "one run in Temporal too"


async def test_a_schedule_appears_fires_and_disappears(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow({"at": "{{trigger.payload.scheduledTime}}"})
    config = {"cronExpression": "* * * * *", "timezone": "Europe/Amsterdam"}
    trigger = await client.trigger("schedule", config, workflow_id=workflow_id)
    temporal = await Temporal.connect(client.stack["temporal_address"])
    handle = temporal.get_schedule_handle(trigger["temporalScheduleId"])

    async def exists() -> bool:
        return trigger["temporalScheduleId"] in {item.id async for item in await temporal.list_schedules()}

    await eventually(exists)
    described = await handle.describe()
    assert described.schedule.spec.time_zone_name == "Europe/Amsterdam"

    async def announced() -> Any:
        return (await client.call("GET", f"/api/triggers/{trigger['id']}", status=200))["nextScheduledAt"]

    next_at = await eventually(announced)
    shown = await client.call("GET", f"/api/triggers/{trigger['id']}/schedule", status=200)
    assert (shown["live"], shown["state"]) == (True, "running")
    preview = await client.call(
        "POST", "/api/schedules/preview", {**config, "count": len(shown["nextFireTimes"])}, status=200
    )
    # A minute may have gone by between the two.
    foretold = {item["utc"] for item in preview["fireTimes"]}
    assert len(foretold & set(shown["nextFireTimes"])) >= len(foretold) - 1 > 0
    (execution,) = await eventually(lambda: client.executions(trigger["id"]), seconds=90)
    execution = await client.ended(execution["id"])
    assert execution["status"] == "completed"
    assert execution["cause"] == {"kind": "schedule", "id": next_at}
    assert execution["outputs"] == {"at": next_at}
    assert datetime.fromisoformat(next_at) <= datetime.now(UTC)
    await client.call("DELETE", f"/api/triggers/{trigger['id']}", status=204)

    async def gone() -> bool:
        return not await exists()

    await eventually(gone)


async def test_a_schedule_is_run_now_and_makes_up_for_what_is_over(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow({"at": "{{trigger.payload.scheduledTime}}"})
    config = {"cronExpression": "0 12 5,6,7 1 *", "overlapPolicy": "skip"}
    trigger = await client.trigger("schedule", config, workflow_id=workflow_id, enabled=False)
    path = f"/api/triggers/{trigger['id']}/schedule"

    async def in_temporal() -> bool:
        return bool((await client.call("GET", path, status=200))["live"])

    await eventually(in_temporal)
    run = await client.call("POST", f"{path}/run", status=202)
    execution = await client.ended(run["executionId"])
    assert (execution["status"], execution["cause"]["kind"]) == ("completed", "manual")
    assert datetime.fromisoformat(execution["outputs"]["at"]) <= datetime.now(UTC)

    window = {"startAt": "2026-01-05T12:00:00Z", "endAt": "2026-01-06T12:00:00Z"}
    shown = await client.call("POST", f"{path}/backfill/preview", window, status=200)
    assert [fire["fireTime"] for fire in shown["fires"]] == list(window.values())
    wanted = {**window, "overlapPolicy": "bufferAll", "expectedFires": 2}
    begun = await client.call("POST", f"{path}/backfill", wanted, status=202)
    assert [fire["fireTime"] for fire in begun["fires"]] == list(window.values())
    for fire, own in zip(begun["fires"], shown["fires"], strict=True):
        # Known once it runs: the second waits for the first.
        execution = await client.ended(fire["executionId"])
        assert (execution["status"], execution["cause"]["kind"]) == ("completed", "backfill")
        assert execution["repeats"]["executionId"] == own["executionId"]
        assert execution["outputs"] == {"at": fire["fireTime"]}


async def test_a_rotation_shows_whether_the_old_secret_is_still_in_use(
    client: Any, github_push: bytes, eventually: Any
) -> None:
    workflow_id = await client.workflow("{{trigger.payload.method}}")
    trigger = await client.trigger("webhook", {"authType": "hmac"}, workflow_id=workflow_id)
    path = f"/api/triggers/{trigger['id']}"
    await client.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 600}, status=200)

    async def used() -> bool:
        status, _, _ = await client.deliver(trigger, github_push)
        assert status == 202, "in its overlap the old secret is accepted"
        previous = (await client.call("GET", path, status=200))["previousSecret"]
        return previous is not None and previous["lastUsedAt"] is not None

    await eventually(used)


async def test_temporal_remembers_for_longer_than_the_bus_repeats(client: Any) -> None:
    temporal = await Temporal.connect(client.stack["temporal_address"])
    described = await temporal.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="default")
    )
    remembered = described.config.workflow_execution_retention_ttl.ToTimedelta()
    bus = await nats.connect(client.stack["nats_url"])
    for stream in ("DELIVERIES", "FIRINGS", "EVENTS"):
        info = await bus.jetstream().stream_info(stream)
        assert remembered.total_seconds() > (info.config.max_age or 0)
    await bus.close()

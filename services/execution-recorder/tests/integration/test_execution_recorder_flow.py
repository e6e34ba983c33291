"""From the bus to the API, on the real servers."""

import hashlib
import json
import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from trigger_contracts import deliveries, executions, streams
from trigger_contracts.codec import encode
from trigger_contracts.config import TriggerType
from trigger_contracts.deliveries import ClaimCheck, LargeDeliveryAccepted
from trigger_contracts.firings import ManualFiring
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.object_store import ObjectStore

pytestmark = pytest.mark.integration


def _facts(given: Any, execution: executions.Execution, **payload: Any) -> list[tuple[str, Any]]:
    common: dict[str, Any] = {"execution": execution, "temporal_workflow_id": "w", "temporal_run_id": "r"}
    started = executions.ExecutionStarted(
        **common, at=given.now + timedelta(seconds=1), workflow_version=3, payload=payload or {"a": 1}
    )
    completed = executions.ExecutionCompleted(
        **common, at=given.now + timedelta(seconds=2), outputs={"branch": "main"}
    )
    return [("started", started), ("completed", completed)]


async def _publish(recorder: Any, facts: list[tuple[str, Any]]) -> None:
    for name, fact in facts:
        await recorder.publish(streams.execution(name), fact)


def _is(status: str) -> Any:
    return lambda shown: shown["status"] == status


async def test_a_webhook_from_request_to_end(recorder: Any, given: Any) -> None:
    delivery = given.accepted()
    await recorder.publish(*given.batch(delivery))
    path = f"/api/executions/{delivery.execution_id}"
    accepted = await recorder.shown(path)
    assert (accepted["status"], accepted["payload"], accepted["startedAt"]) == ("accepted", None, None)

    execution = given.execution(
        id=delivery.execution_id,
        trigger_id=delivery.trigger_id,
        workflow_id=delivery.workflow_id,
        cause=executions.Cause(kind=executions.CauseKind.DELIVERY, id=str(delivery.id)),
        accepted_at=delivery.received_at,
    )
    await _publish(recorder, _facts(given, execution))
    # The end may be recorded before the start, which then fills in what it knows.
    whole = await recorder.shown(path, when=lambda item: item["completedAt"] and item["startedAt"])
    assert whole == {
        "id": str(delivery.execution_id),
        "triggerId": str(delivery.trigger_id),
        "triggerType": "webhook",
        "triggerName": "GitHub push",
        "workflowId": str(delivery.workflow_id),
        "workflowVersion": 3,
        "status": "completed",
        "payload": {"a": 1},
        "outputs": {"branch": "main"},
        "error": None,
        "cause": {"kind": "delivery", "id": str(delivery.id)},
        "temporalWorkflowId": "w",
        "temporalRunId": "r",
        "acceptedAt": "2026-11-01T12:00:00.123456Z",
        "startedAt": "2026-11-01T12:00:01.123456Z",
        "completedAt": "2026-11-01T12:00:02.123456Z",
    }
    expected_log = {
        "triggerVersion": None,
        "idempotencyKey": None,
        "repetition": False,
        "bodyFormat": "json",
        "bodyProblem": None,
        "id": str(delivery.id),
        "triggerId": str(delivery.trigger_id),
        "workflowId": str(delivery.workflow_id),
        "executionId": str(delivery.execution_id),
        "requestId": "request-1",
        "requestMethod": "POST",
        "requestPath": "/api/webhooks/x",
        "requestHeaders": {"Content-Type": "application/json", "X-One": "1, 2"},
        "requestBody": {"ref": "refs/heads/main"},
        "requestBodyBytes": 26,
        "requestBodySha256": "0" * 64,
        "requestQuery": {"a": ["1", "2"], "b": "3"},
        "responseStatus": 202,
        "responseBody": {"success": True},
        "rejectionReason": None,
        "error": None,
        "ipAddress": "192.0.2.1",
        "userAgent": "tests",
        "processingTimeMs": 1.9,
        "createdAt": "2026-11-01T12:00:00.123456Z",
    }
    assert (await recorder.get(f"/api/webhook-logs/{delivery.id}")).json() == expected_log
    listed = (await recorder.get(f"/api/triggers/{delivery.trigger_id}/webhook-logs")).json()
    assert listed == {"items": [expected_log], "nextCursor": None}
    listed = (await recorder.get(f"/api/triggers/{delivery.trigger_id}/executions")).json()
    assert [item["id"] for item in listed["items"]] == [str(delivery.execution_id)]
    assert listed["items"][0]["payload"] == {"a": 1}


async def test_a_manual_run_is_found_at_once(recorder: Any, given: Any) -> None:
    firing = ManualFiring(
        execution_id=uuid4(),
        workspace="acme",
        trigger_id=uuid4(),
        trigger_type=TriggerType.SCHEDULE,
        trigger_name="Daily",
        trigger_version=1,
        workflow_id=uuid4(),
        inputs={"n": 1},
        requested_at=given.now,
        actor="somebody",
        request_id="request-9",
    )
    await recorder.publish(streams.FIRINGS_MANUAL, firing)
    shown = await recorder.shown(f"/api/executions/{firing.execution_id}")
    assert (shown["status"], shown["triggerType"]) == ("accepted", "schedule")
    assert shown["cause"] == {"kind": "manual", "id": "request-9"}


async def test_a_rejected_request_is_on_record_and_starts_nothing(recorder: Any, given: Any) -> None:
    delivery = given.rejected(body=b"", headers=())
    nobodys = given.rejected(workspace=None, trigger_id=None, workflow_id=None)
    await recorder.publish(*given.batch(nobodys, delivery))
    shown = await recorder.shown(f"/api/webhook-logs/{delivery.id}")
    assert (shown["rejectionReason"], shown["responseStatus"]) == ("signature_invalid", 401)
    assert (shown["executionId"], shown["requestBody"], shown["requestBodyBytes"]) == (None, None, 0)
    assert shown["error"] == "The signature does not match."
    assert (await recorder.get("/api/executions")).json()["items"] == []
    assert (await recorder.get(f"/api/webhook-logs/{nobodys.id}")).status == 404
    assert len((await recorder.get("/api/webhook-logs")).json()["items"]) == 1


async def test_a_retried_delivery_adds_its_row_and_leaves_the_execution(
    recorder: Any, eventually: Any, given: Any
) -> None:
    first = given.accepted()
    again = given.accepted(
        execution_id=first.execution_id,
        trigger_id=first.trigger_id,
        workflow_id=first.workflow_id,
        received_at=given.now + timedelta(minutes=5),
    )
    await recorder.publish(*given.batch(first))
    path = f"/api/executions/{first.execution_id}"
    before = await recorder.shown(path)
    # Once more alone, once more with the first, and both repeated by the bus.
    for batch in (given.batch(again), given.batch(again, first), given.batch(again)):
        await recorder.publish(*batch)
    await recorder.shown(f"/api/webhook-logs/{again.id}")
    await _drained(recorder, eventually)
    assert (await recorder.get(path)).json() == before
    logs = (await recorder.get(f"/api/triggers/{first.trigger_id}/webhook-logs")).json()["items"]
    assert [log["id"] for log in logs] == [str(again.id), str(first.id)]


async def test_facts_in_any_order_and_again(recorder: Any, eventually: Any, given: Any) -> None:
    many = [given.execution() for _ in range(30)]
    facts = [fact for execution in many for fact in _facts(given, execution)] * 2
    random.Random(4).shuffle(facts)
    await _publish(recorder, facts)
    for execution in many:
        shown = await recorder.shown(
            f"/api/executions/{execution.id}",
            when=lambda item: item["status"] == "completed" and item["startedAt"],
        )
        assert (shown["payload"], shown["outputs"]) == ({"a": 1}, {"branch": "main"})
    await _drained(recorder, eventually)
    assert await recorder.dead_letters() == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (executions.ExecutionFailed, {"code": "node_failed", "message": "no", "node": "pick"}),
        (executions.ExecutionTimedOut, {"code": "timeout", "message": "late", "node": None}),
        (executions.ExecutionCancelled, None),
        (executions.ExecutionTerminated, None),
    ],
)
async def test_every_end(recorder: Any, given: Any, kind: Any, error: Any) -> None:
    execution = given.execution()
    fields = {} if error is None else {"error": executions.ExecutionError(**error)}
    fact = kind(execution=execution, at=given.now, temporal_workflow_id="w", temporal_run_id="r", **fields)
    name = executions.NAME_OF[kind]
    await recorder.publish(streams.execution(name), fact)
    shown = await recorder.shown(f"/api/executions/{execution.id}")
    assert (shown["status"], shown["error"], shown["outputs"]) == (name, error, None)


@pytest.mark.parametrize(
    "text",
    [
        '{"nul": "\\u0000", "number": 1e130000, "twice": 1, "twice": 2}',
        "[0.10000000000000000001,  123456789012345678901234567890]",
        "[" * 500 + "]" * 500,
    ],
    ids=["nul and numbers", "digits", "deep"],
)
async def test_json_values_are_shown_as_they_came(
    recorder: Any, eventually: Any, given: Any, text: str
) -> None:
    execution = given.execution(trigger_name="a\x00b")
    for name, fact in _facts(given, execution):
        data = encode(fact).replace(b'{"a":1}', text.encode()).replace(b'{"branch":"main"}', text.encode())
        await recorder.publish(streams.execution(name), data)
    path = f"/api/executions/{execution.id}"

    async def ended() -> Any:
        answer = await recorder.get(path)
        return answer.body.count(text.encode()) == 2 and answer

    from_single = await eventually(ended)
    listed = await recorder.get(f"/api/triggers/{execution.trigger_id}/executions")
    assert listed.body == b'{"items":[' + from_single.body + b'],"nextCursor":null}'
    assert "a\ufffdb" in from_single.body.decode()


async def test_a_large_body_is_kept_whole_and_left_out_of_lists(recorder: Any, given: Any) -> None:
    body = random.Random(1).randbytes(1024 * 1024)
    delivery = given.accepted(body=body, body_sha256=hashlib.sha256(body).hexdigest())
    await recorder.publish(*given.batch(delivery))
    shown = await recorder.shown(f"/api/webhook-logs/{delivery.id}")
    assert set(shown["requestBody"]) == {"base64"}
    assert len(shown["requestBody"]["base64"]) == 4 * -(-len(body) // 3)
    (listed,) = (await recorder.get("/api/webhook-logs")).json()["items"]
    assert "requestBody" not in listed
    assert listed["requestBodyBytes"] == len(body)
    assert listed["requestBodySha256"] == delivery.body_sha256


async def test_a_large_payload_is_kept_whole_and_left_out_of_lists(recorder: Any, given: Any) -> None:
    execution = given.execution()
    payload = {"text": "x" * 1024 * 1024}
    await _publish(recorder, _facts(given, execution, **payload))
    shown = await recorder.shown(f"/api/executions/{execution.id}", when=lambda item: item["payload"])
    assert shown["payload"] == payload
    await recorder.shown(f"/api/executions/{execution.id}", when=_is("completed"))
    (listed,) = (await recorder.get("/api/executions")).json()["items"]
    assert "payload" not in listed
    assert listed["outputs"] == {"branch": "main"}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"a\0b", "a\0b"),
        (b"\xff", {"base64": "/w=="}),
        (b"[1e130000]", ["1e130000"]),
        (b"[1.50]", None),
        (b"[" * 900 + b"]" * 900, ...),
    ],
)
async def test_odd_bodies(recorder: Any, given: Any, body: bytes, shown: Any) -> None:
    delivery = given.accepted(body=body, user_agent="a\x00", path="/\x00", query=(("\x00", "\x00"),))
    await recorder.publish(*given.batch(delivery))
    await recorder.shown(f"/api/webhook-logs/{delivery.id}")
    answer = await recorder.get(f"/api/webhook-logs/{delivery.id}")
    if shown is None:
        assert b'"requestBody":' + body in answer.body
    else:
        assert answer.json()["requestBody"] == (body.decode() if shown is ... else shown)
    assert answer.json()["requestQuery"] == {"\x00": "\x00"}
    assert (answer.json()["userAgent"], answer.json()["requestPath"]) == ("a\ufffd", "/\ufffd")


async def test_exact_bytes_are_stored(recorder: Any, given: Any, database_url: str) -> None:
    delivery = given.accepted(body=bytes(range(256)))
    await recorder.publish(*given.batch(delivery))
    await recorder.shown(f"/api/webhook-logs/{delivery.id}")
    connection = await asyncpg.connect(database_url)
    stored = await connection.fetchval("SELECT request_body FROM execution_recorder.webhook_logs")
    await connection.close()
    assert stored == delivery.body


@pytest.mark.parametrize(
    ("subject", "data"),
    [
        (streams.DELIVERIES_ACCEPTED, b"not json"),
        (streams.DELIVERIES_REJECTED, b'{"message":"DeliveriesRejected/1"}'),
        (streams.FIRINGS_MANUAL, b'{"message":"ManualFiring/1"}'),
        ("executions.started", b'{"message":"ExecutionStarted/1","payload":'),
    ],
)
async def test_what_cannot_be_read_is_dead_lettered(
    recorder: Any, eventually: Any, subject: str, data: bytes
) -> None:
    await recorder.publish(subject, data)
    (letter,) = await eventually(recorder.dead_letters)
    assert letter.data == data
    assert letter.headers["Dead-Subject"] == subject


@pytest.mark.parametrize(
    ("subject", "stream", "durable", "data"),
    [
        (
            streams.DELIVERIES_ACCEPTED,
            streams.DELIVERIES,
            streams.RECORD_DELIVERIES,
            b'{"message":"DeliveriesAccepted/9"}',
        ),
        (
            streams.DELIVERIES_REJECTED,
            streams.REJECTIONS,
            streams.RECORD_REJECTIONS,
            b'{"message":"DeliveriesRejected/9"}',
        ),
        (streams.FIRINGS_MANUAL, streams.FIRINGS, streams.RECORD_FIRINGS, b'{"message":"ManualFiring/9"}'),
        (
            "executions.paused",
            streams.EXECUTIONS,
            streams.RECORD_EXECUTIONS,
            b'{"message":"ExecutionPaused/1"}',
        ),
    ],
    ids=["accepted", "rejected", "manual", "fact"],
)
async def test_what_only_a_newer_reader_knows_is_parked_and_holds_up_nothing(
    recorder: Any, eventually: Any, given: Any, subject: str, stream: Any, durable: str, data: bytes
) -> None:
    await recorder.publish(subject, data)

    async def tried_again() -> bool:
        metrics = (await recorder.ask("GET", "/metrics")).body.decode()
        return f'durable="{durable}",outcome="retried"' in metrics

    await eventually(tried_again)
    delivery, refused = given.accepted(), given.rejected()
    await recorder.publish(*given.batch(delivery))
    await recorder.publish(*given.batch(refused))
    await recorder.shown(f"/api/executions/{delivery.execution_id}")
    await recorder.shown(f"/api/webhook-logs/{refused.id}")
    info = await recorder.bus.jetstream().consumer_info(stream.name, durable)
    assert info.num_ack_pending == 1
    assert await recorder.dead_letters() == []


async def test_what_cannot_be_stored_is_dead_lettered(recorder: Any, eventually: Any, given: Any) -> None:
    good, bad = given.execution(), given.execution()
    for execution, version in ((bad, 2**40), (good, 3)):
        for name, fact in _facts(given, execution):
            data = encode(fact).replace(b'"workflowVersion":3', b'"workflowVersion":%d' % version)
            await recorder.publish(streams.execution(name), data)
    (letter,) = await eventually(recorder.dead_letters)
    assert "ValueRefusedError" in letter.headers["Dead-Reason"]
    await recorder.shown(f"/api/executions/{good.id}", when=_is("completed"))


async def test_dropped_refusals_are_counted(recorder: Any, eventually: Any, given: Any) -> None:
    _, message = given.batch(given.rejected())
    data = json.loads(encode(message)) | {"dropped": 7}
    await recorder.publish(streams.DELIVERIES_REJECTED, json.dumps(data).encode())

    async def counted() -> bool:
        metrics = (await recorder.ask("GET", "/metrics")).body
        return b"webhook_refusals_unrecorded_total 7.0" in metrics

    await eventually(counted)


async def _drained(recorder: Any, eventually: Any) -> None:
    """Wait until everything published so far is settled."""
    durables = {
        streams.DELIVERIES.name: streams.RECORD_DELIVERIES,
        streams.REJECTIONS.name: streams.RECORD_REJECTIONS,
        streams.FIRINGS.name: streams.RECORD_FIRINGS,
        streams.EXECUTIONS.name: streams.RECORD_EXECUTIONS,
    }

    async def idle() -> bool:
        infos = [
            await recorder.bus.jetstream().consumer_info(stream, durable)
            for stream, durable in durables.items()
        ]
        return all(info.num_pending == 0 and info.num_ack_pending == 0 for info in infos)

    await eventually(idle)


async def test_a_large_body_is_in_its_row(recorder: Any, given: Any) -> None:
    body = b"x" * 2_000_000
    large, lost = given.accepted(body=b""), given.accepted(body=b"")
    bus = next(part for part in recorder.service._components if isinstance(part, Bus))
    store = ObjectStore(bus, bucket=streams.DELIVERY_BODIES)
    sha256 = await store.put(str(large.id), data=body, seconds=10)
    for delivery in (lost, large):
        claim = ClaimCheck(key=delivery.id, size=len(body), sha256=sha256)
        await recorder.publish(
            streams.DELIVERIES_ACCEPTED, LargeDeliveryAccepted(delivery=delivery, claim=claim)
        )
    found = await recorder.shown(f"/api/webhook-logs/{large.id}")
    assert (found["requestBody"], found["error"]) == (body.decode(), None)
    found = await recorder.shown(f"/api/webhook-logs/{lost.id}")
    assert (found["requestBody"], found["responseStatus"]) == (None, 202)
    assert found["error"].startswith("The body is lost")
    assert (await recorder.shown(f"/api/executions/{lost.execution_id}"))["status"] == "accepted"


async def test_a_reason_of_a_later_release_is_recorded_as_it_came(recorder: Any, given: Any) -> None:
    refusal = given.rejected(reason="of_a_later_release")
    await recorder.publish(streams.DELIVERIES_REJECTED, deliveries.DeliveriesRejected2(deliveries=(refusal,)))
    row = await recorder.shown(f"/api/webhook-logs/{refusal.id}")
    assert row["rejectionReason"] == "of_a_later_release"
    rates = await recorder.shown(
        f"/api/triggers/{refusal.trigger_id}/webhook-rates?from=2026-11-01T00:00:00Z"
    )
    assert rates["items"][0]["outcomes"] == {"of_a_later_release": 1}

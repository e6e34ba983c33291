"""Messages on the real bus become executions in the real Temporal, once each."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from nats.js.errors import NotFoundError
from temporalio.client import WorkflowExecutionStatus

from orchestrator_worker.adapters.event_trigger_directory import EventTriggerDirectory
from trigger_contracts import ids, streams
from trigger_contracts.codec import encode
from trigger_contracts.config import EventConfig
from trigger_contracts.deliveries import ClaimCheck, LargeDeliveryAccepted
from trigger_contracts.executions import (
    CauseKind,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionStarted,
)
from trigger_contracts.workflow_io import execution_workflow_id
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.object_store import ObjectStore

pytestmark = pytest.mark.integration


async def test_a_batch_of_deliveries_completes(bench: Any) -> None:
    workflow_id = await bench.workflow()
    batch = [bench.delivery(workflow_id, body=b'{"n": %d}' % number) for number in range(20)]
    async with bench.serving():
        await bench.deliver(batch)
        ends = [await bench.end(delivery.execution_id) for delivery in batch]
    assert [end.outputs for end in ends] == [{"n": number} for number in range(20)]

    first = batch[0]
    started, completed = await bench.facts(first.execution_id)
    assert isinstance(started, ExecutionStarted)
    assert isinstance(completed, ExecutionCompleted)
    assert started.workflow_version == 3
    assert started.payload["body"] == {"n": 0}
    assert started.execution == completed.execution
    assert started.execution.cause.kind is CauseKind.DELIVERY
    assert started.execution.cause.id == str(first.id)
    assert started.execution.trigger_name == "A webhook"
    handle = await bench.handle(first.execution_id)
    description = await handle.describe()
    assert description.status is WorkflowExecutionStatus.COMPLETED
    assert (started.temporal_workflow_id, started.temporal_run_id) == (handle.id, description.run_id)
    assert completed.temporal_run_id == description.run_id
    assert (await description.memo())["triggerName"] == "A webhook"
    assert await description.static_summary() == "A webhook"
    assert (await handle.result())["outputs"] == {"n": 0}


async def test_a_message_that_comes_again_starts_nothing(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow())
    async with bench.serving():
        await bench.deliver([delivery])
        await bench.end(delivery.execution_id)
        await bench.deliver([delivery, delivery])
        await bench.settled(stream="DELIVERIES", durable=streams.DISPATCH_DELIVERIES)
    client = await bench.temporal()
    query = f"WorkflowId = '{execution_workflow_id(delivery.execution_id)}'"

    async def listed() -> list[Any] | None:
        return [run async for run in client.list_workflows(query)] or None

    assert len(await bench.eventually(listed)) == 1
    assert len(await bench.facts(delivery.execution_id)) == 2


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def cloud_event(**given: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/shop",
        "type": "order.created",
        "data": {"country": "NL", "lines": [{"sku": "a"}]},
        **given,
    }


async def test_an_event_starts_each_trigger_that_it_matches_once(bench: Any) -> None:
    workflow_id = await bench.workflow(
        {
            "nodes": {
                "out": {"type": "output", "config": {"value": "{{trigger.payload.data.lines[0].sku}}"}}
            },
            "entryPoint": "out",
        }
    )
    exact = await bench.trigger(
        EventConfig(event_type="order.created", source="/shop", filters={"data.country": "NL"}),
        workflow_id=workflow_id,
    )
    below = await bench.trigger(EventConfig(event_type="order.*"), workflow_id=workflow_id)
    other = await bench.trigger(EventConfig(event_type="order.paid"), workflow_id=workflow_id)
    stranger = await bench.trigger(
        EventConfig(event_type="order.created"), workflow_id=workflow_id, workspace="other"
    )
    event = cloud_event(workspace="acme")
    async with bench.serving():
        for _ in range(3):
            await bench.bus.publish(streams.event("order.created"), json.dumps(event).encode())
        found = [
            ids.event_execution_id(trigger.id, source="/shop", event_id="e-1") for trigger in (exact, below)
        ]
        ends = [await bench.end(execution_id) for execution_id in found]
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    assert [end.outputs for end in ends] == ["a", "a"]
    started = (await bench.facts(found[0]))[0]
    assert started.payload == event
    assert started.execution.cause.kind is CauseKind.EVENT
    assert started.execution.cause.id == "e-1"
    assert len(await bench.facts_of_workflow(workflow_id)) == 4
    for trigger in (other, stranger):
        silent = ids.event_execution_id(trigger.id, source="/shop", event_id="e-1")
        assert await bench.facts(silent) == []


async def test_events_wait_for_the_whole_directory(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, apply = asyncio.Event(), EventTriggerDirectory.apply

    async def held_back(directory: EventTriggerDirectory, batch: Sequence[Received]) -> None:
        await whole.wait()
        await apply(directory, batch)

    monkeypatch.setattr(EventTriggerDirectory, "apply", held_back)
    workflow_id = await bench.workflow()
    trigger = await bench.trigger(EventConfig(event_type="order.created"), workflow_id=workflow_id)
    await bench.bus.publish(streams.event("order.created"), json.dumps(cloud_event()).encode())
    async with bench.serving(ready="starting"):
        # What does not need the directory works meanwhile, so the events had their chance.
        firing = await bench.fire(workflow_id, inputs={})
        await bench.end(firing.execution_id)
        with pytest.raises(NotFoundError):
            await bench.bus.js.consumer_info("EVENTS", streams.DISPATCH_EVENTS)
        whole.set()
        await bench.end(ids.event_execution_id(trigger.id, source="/shop", event_id="e-1"))


async def test_a_trigger_whose_newest_state_cannot_be_read_is_started_no_more(bench: Any) -> None:
    workflow_id = await bench.workflow()
    config = EventConfig(event_type="order.created")
    unreadable = await bench.trigger(config, workflow_id=workflow_id)
    fine = await bench.trigger(config, workflow_id=workflow_id)
    event = cloud_event()
    async with bench.serving() as settings:
        await bench.bus.publish(streams.event("order.created"), json.dumps(event).encode())
        for trigger in (unreadable, fine):
            await bench.end(ids.event_execution_id(trigger.id, source="/shop", event_id="e-1"))
        # It may say that the trigger is paused, or deleted.
        await bench.bus.publish(streams.config_trigger(unreadable.id), b'{"message": "TriggerChanged/99"}')

        async def noticed() -> bool:
            return bool(await bench.metric(settings, name="trigger_states_unreadable"))

        await bench.eventually(noticed)
        event["id"] = "e-2"
        await bench.bus.publish(streams.event("order.created"), json.dumps(event).encode())
        await bench.end(ids.event_execution_id(fine.id, source="/shop", event_id="e-2"))
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    assert await bench.facts(ids.event_execution_id(unreadable.id, source="/shop", event_id="e-2")) == []


async def test_a_manual_firing_runs_with_its_inputs(bench: Any) -> None:
    workflow_id = await bench.workflow(
        {
            "nodes": {"out": {"type": "output", "config": {"value": "n is {{trigger.payload.n}}"}}},
            "entryPoint": "out",
        }
    )
    async with bench.serving():
        firing = await bench.fire(workflow_id, inputs={"n": 5})
        end = await bench.end(firing.execution_id)
    assert end.outputs == "n is 5"
    assert end.execution.cause.kind is CauseKind.MANUAL
    assert end.execution.cause.id == "request-1"
    assert (await bench.facts(firing.execution_id))[0].payload == {"n": 5}


@pytest.mark.parametrize("name", [None, "🎉" * 200, "a\nb\x00"])
async def test_every_trigger_name_can_be_started(bench: Any, name: str | None) -> None:
    delivery = msgspec.structs.replace(bench.delivery(await bench.workflow()), trigger_name=name)
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
    assert isinstance(end, ExecutionCompleted)
    assert end.execution.trigger_name == (name or "")


async def test_poison_is_dead_lettered_and_the_queue_moves_on(bench: Any) -> None:
    workflow_id = await bench.workflow()
    delivery = bench.delivery(workflow_id)
    async with bench.serving():
        await bench.bus.publish(streams.DELIVERIES_ACCEPTED, b"\xff not a message")
        await bench.bus.publish(streams.event("order.created"), b'{"specversion": "1.0"}')
        await bench.bus.publish(streams.FIRINGS_MANUAL, b"{}")
        await bench.deliver([delivery])
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)

        async def dead() -> list[Any] | None:
            letters = await bench.messages("DEAD_LETTERS")
            return letters if len(letters) == 2 else None

        letters = await bench.eventually(dead)
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    assert {letter.subject for letter in letters} == {
        streams.dead_letter(stream="DELIVERIES", durable=streams.DISPATCH_DELIVERIES),
        streams.dead_letter(stream="FIRINGS", durable=streams.DISPATCH_FIRINGS),
    }
    (refused,) = await bench.messages("REFUSED_EVENTS")
    assert refused.headers["Dead-Subject"] == "events.order.created"
    assert "MalformedMessageError: not a CloudEvent" in refused.headers["Dead-Reason"]
    assert refused.data == b'{"specversion": "1.0"}'
    assert all(letter.headers["Dead-Reason"] for letter in letters)


async def test_messages_from_the_future_wait_for_who_can_read_them(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow())
    subjects = {
        ("DELIVERIES", streams.DISPATCH_DELIVERIES): streams.DELIVERIES_ACCEPTED,
        ("FIRINGS", streams.DISPATCH_FIRINGS): streams.FIRINGS_MANUAL,
    }
    async with bench.serving():
        for subject in subjects.values():
            await bench.bus.publish(subject, b'{"message": "FromTheFuture/99"}')
        await bench.deliver([delivery])
        await bench.end(delivery.execution_id)

        async def tried_again() -> bool:
            found = [
                await bench.bus.js.consumer_info("PARKED", f"{durable}-parked") for _, durable in subjects
            ]
            return all(info.num_redelivered for info in found)

        await bench.eventually(tried_again)
        for stream, durable in subjects:
            await bench.settled(stream=stream, durable=durable)
    assert await bench.messages("DEAD_LETTERS") == []


async def test_a_start_that_temporal_never_takes_ends_as_failed_and_does_not_block_its_batch(
    bench: Any,
) -> None:
    workflow_id = await bench.workflow()
    good = bench.delivery(workflow_id)
    # 2 MiB of bytes are 2.8 MiB as base64, and Temporal takes 2 MiB.
    huge = bench.delivery(workflow_id, body=b"\xff" * 2 * 1024 * 1024, content_type="image/png")
    async with bench.serving():
        await bench.deliver([huge, good])
        failed = await bench.end(huge.execution_id)
        assert isinstance(await bench.end(good.execution_id), ExecutionCompleted)
        await bench.settled(stream="DELIVERIES", durable=streams.DISPATCH_DELIVERIES)
    assert isinstance(failed, ExecutionFailed)
    assert failed.error.code == "not_startable"
    assert failed.execution.cause.id == str(huge.id)
    assert await bench.messages("DEAD_LETTERS") == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff" * 1024 * 1024, "application/octet-stream"),
        (b"\x01" * 1024 * 1024, "text/plain"),
        (b"[" + b"1e15," * 200_000 + b"1]", "application/json"),
        (b"x" * 1024 * 1024, "text/plain"),
    ],
    ids=["binary", "control characters", "numbers that grow", "text"],
)
async def test_a_body_of_one_mebibyte_runs_to_the_end(bench: Any, body: bytes, content_type: str) -> None:
    workflow_id = await bench.workflow(
        {
            "nodes": {
                "in": {"type": "input"},
                "out": {"type": "output", "config": {"value": "{{trigger.payload.body}}"}},
            },
            "edges": [{"source": "in", "target": "out"}],
            "entryPoint": "in",
        }
    )
    delivery = bench.delivery(workflow_id, body=body, content_type=content_type)
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
    assert isinstance(end, ExecutionCompleted), end
    assert end.outputs == (await bench.facts(delivery.execution_id))[0].payload["body"]


@pytest.mark.parametrize(
    ("template", "body", "content_type", "value"),
    [
        ('{{trigger.payload.body["First Name"]}}', b"First+Name=Ann", FORM, "Ann"),
        ("Dear {{trigger.payload.body['First Name']}}", b"First+Name=Ann", FORM, "Dear Ann"),
        ('{{trigger.payload.body["System.State"]}}', b'{"System.State": "New"}', JSON, "New"),
        ("{{trigger.payload.body.System.State}}", b'{"System.State": "New"}', JSON, "New"),
        ("{{trigger.payload.body.l['a/b'][0]}}", b'{"l": {"a/b": [7]}}', JSON, 7),
        ('{{trigger.payload.body.a ?? "none"}}', b"{}", JSON, "none"),
        ("Dear {{'{{'}}customer}}", b"{}", JSON, "Dear {{customer}}"),
    ],
)
async def test_whatever_the_keys_of_a_body_are_a_template_reads_them(
    bench: Any, template: str, body: bytes, content_type: str, value: Any
) -> None:
    definition = {"nodes": {"out": {"type": "output", "config": {"value": template}}}, "entryPoint": "out"}
    workflow_id = await bench.workflow(definition)
    delivery = bench.delivery(workflow_id, body=body, content_type=content_type)
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
    assert isinstance(end, ExecutionCompleted), end
    assert end.outputs == value


async def test_a_filter_finds_keys_with_dots_and_items_of_lists(bench: Any) -> None:
    workflow_id = await bench.workflow()
    labels = {"app.kubernetes.io/name": "shop"}
    matching = [
        {'data.labels["app.kubernetes.io/name"]': "shop"},
        {"data.lines[0].sku": "a", "data['First Name']": "Ann"},
        # As an earlier release saved it.
        {"data.labels.app.kubernetes.io/name": "shop"},
    ]
    triggers = [
        await bench.trigger(EventConfig(event_type="order.created", filters=filters), workflow_id=workflow_id)
        for filters in matching
    ]
    event = cloud_event(data={"labels": labels, "lines": [{"sku": "a"}], "First Name": "Ann"})
    async with bench.serving():
        await bench.bus.publish(streams.event("order.created"), json.dumps(event).encode())
        for trigger in triggers:
            await bench.end(ids.event_execution_id(trigger.id, source="/shop", event_id="e-1"))


async def test_a_large_body_is_seen_or_referred_to(bench: Any) -> None:
    """The body came apart from its delivery: what Temporal can carry of it the workflow sees."""
    workflow_id = await bench.workflow()
    store = ObjectStore(bench.bus, bucket=streams.DELIVERY_BODIES)
    bodies = {"seen": json.dumps({"text": "x" * 700_000}).encode(), "referred": b"x" * 3_000_000}
    deliveries = {}
    async with bench.serving():
        for name, body in bodies.items():
            delivery = deliveries[name] = bench.delivery(workflow_id, body=b"")
            sha256 = await store.put(str(delivery.id), data=body, seconds=10)
            claim = ClaimCheck(key=delivery.id, size=len(body), sha256=sha256)
            message = LargeDeliveryAccepted(delivery=delivery, claim=claim)
            await bench.bus.publish(streams.DELIVERIES_ACCEPTED, encode(message), timeout=10)
        for delivery in deliveries.values():
            await bench.end(delivery.execution_id)
    started, _ = await bench.facts(deliveries["seen"].execution_id)
    assert started.payload["body"] == {"text": "x" * 700_000}
    started, _ = await bench.facts(deliveries["referred"].execution_id)
    assert started.payload["body"] is None
    assert started.payload["bodyReference"]["webhookLogId"] == str(deliveries["referred"].id)

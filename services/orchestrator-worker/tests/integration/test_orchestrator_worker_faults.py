"""Servers that are away, half set up or stricter than ours; messages of another version."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import NotFoundError

from embedded_stack.ports import free_port
from embedded_stack.servers import NatsServer, running
from orchestrator_worker.domain.starts import delivery_start
from trigger_contracts import ids, streams
from trigger_contracts.config import EventConfig
from trigger_contracts.events import MAX_ID_LENGTH
from trigger_contracts.executions import ExecutionCompleted, ExecutionFailed, ExecutionStarted
from trigger_contracts.workflow_io import (
    MAX_VALUE_BYTES,
    TASK_QUEUE,
    TRIGGERED_WORKFLOW,
    execution_workflow_id,
)
from trigger_runtime.bus.connection import Bus
from trigger_runtime.temporal import TemporalSettings

pytestmark = pytest.mark.integration


def picking(path: str) -> dict[str, Any]:
    return {
        "nodes": {"out": {"type": "output", "config": {"value": f"{{{{{path}}}}}"}}},
        "entryPoint": "out",
    }


async def redelivered(bench: Any) -> bool | None:
    try:
        info = await bench.bus.js.consumer_info("DELIVERIES", streams.DISPATCH_DELIVERIES)
    except NotFoundError:
        return None
    return True if info.num_redelivered else None


async def test_a_missing_namespace_keeps_the_messages(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow())
    await bench.deliver([delivery])
    nowhere = TemporalSettings(temporal_address=bench.temporal_address, temporal_namespace="nowhere")
    settings = bench.settings(temporal=nowhere)
    async with bench.serving(settings=settings, ready="starting"):
        await bench.eventually(lambda: redelivered(bench))
        assert await bench.is_ready(settings) is None
    assert await bench.messages("DEAD_LETTERS") == []
    assert await bench.messages("EXECUTIONS") == []
    async with bench.serving():
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)


async def test_an_execution_waits_for_the_bus(bench: Any, tmp_path: Path) -> None:
    own = NatsServer(directory=tmp_path / "own", port=free_port())
    bus = Bus(url=own.url, client_name="test", streams=streams.ALL)
    bench.nats_url, bench.bus = own.url, bus
    async with running(own):
        await bus.start()
        await bus.ready()
        delivery = bench.delivery(await bench.workflow())
        service = bench.serving()
        await service.__aenter__()
    client = await bench.temporal()
    try:
        handle = await client.start_workflow(
            TRIGGERED_WORKFLOW,
            delivery_start(delivery).make_input(),
            id=execution_workflow_id(delivery.execution_id),
            task_queue=TASK_QUEUE,
        )

        async def tried_twice() -> bool | None:
            pending = (await handle.describe()).raw_description.pending_activities
            return True if pending and pending[0].attempt > 1 else None

        await bench.eventually(tried_twice)
        async with running(own):
            await handle.result()
            await bus.ready()
            assert [type(fact) for fact in await bench.facts(delivery.execution_id)] == [
                ExecutionStarted,
                ExecutionCompleted,
            ]
            await service.__aexit__(None, None, None)
            await bus.stop()
    finally:
        await bus.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictNatsServer(NatsServer):
    """A server with the limit that NATS has by default, 1 MiB."""

    async def prepare(self) -> None:
        await super(StrictNatsServer, self).prepare()
        config = json.loads(self._config.read_text())
        self._config.write_text(json.dumps({**config, "max_payload": 1024 * 1024}))


async def test_facts_that_the_bus_does_not_take_end_as_failures(bench: Any, tmp_path: Path) -> None:
    async with running(StrictNatsServer(directory=tmp_path / "strict")) as strict:
        bench.nats_url = strict.url
        bench.bus = Bus(url=strict.url, client_name="test", streams=streams.ALL)
        await bench.bus.start()
        await bench.bus.ready()
        twice = {
            "nodes": {
                "out": {"type": "output", "config": {"value": ["{{trigger.payload}}", "{{trigger.payload}}"]}}
            },
            "entryPoint": "out",
        }
        many = bench.delivery(await bench.workflow(twice), body=b"x" * 600_000, content_type="text/plain")
        # As base64 on the bus it is smaller than as JSON text in the fact.
        odd = bench.delivery(await bench.workflow(), body=b'"' * 700_000, content_type="text/plain")
        async with bench.serving():
            await bench.deliver([many])
            first = await bench.end(many.execution_id)
            await bench.deliver([odd])
            second = await bench.end(odd.execution_id)
        assert [type(fact) for fact in await bench.facts(many.execution_id)] == [
            ExecutionStarted,
            ExecutionFailed,
        ]
        await bench.bus.stop()
    assert isinstance(first, ExecutionFailed)
    assert first.error.code == "outputs_too_large"
    assert isinstance(second, ExecutionFailed)
    assert second.error.code == "payload_too_large"


async def test_the_longest_id_and_the_largest_outputs_end_on_record(bench: Any) -> None:
    whole = {
        "nodes": {"out": {"type": "output", "config": {"value": "{{trigger.payload.data}}"}}},
        "entryPoint": "out",
    }
    trigger = await bench.trigger(
        EventConfig(event_type="order.created"), workflow_id=await bench.workflow(whole)
    )
    event = {"specversion": "1.0", "source": "/shop", "type": "order.created"}
    # Twelve bytes as JSON, for each of its characters.
    identity = "\N{PILE OF POO}" * MAX_ID_LENGTH
    data = "x" * (MAX_VALUE_BYTES - 2)
    document = {**event, "id": identity, "data": data}
    async with bench.serving():
        await bench.bus.publish("events.order.created", json.dumps(document).encode(), timeout=10)
        started = ids.event_execution_id(trigger.id, source="/shop", event_id=identity)
        end = await bench.end(started)
        assert isinstance(end, ExecutionCompleted)
        assert end.outputs == data
        too_long = {**document, "id": f"{identity}-", "data": None}
        await bench.bus.publish("events.order.created", json.dumps(too_long).encode(), timeout=10)
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    (refused,) = await bench.messages("REFUSED_EVENTS")
    assert "over 1024 characters" in refused.headers["Dead-Reason"]


async def test_a_workflow_that_cannot_be_read(bench: Any) -> None:
    delivery = bench.delivery(bench.new_id())
    await bench.bus.publish(
        streams.config_workflow(delivery.workflow_id), b'{"message": "WorkflowChanged/1"}'
    )
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
    assert isinstance(end, ExecutionFailed)
    assert end.error.code == "workflow_unreadable"


async def test_trigger_states_that_cannot_be_read_do_not_hide_the_others(bench: Any) -> None:
    await bench.bus.publish(streams.config_trigger(bench.new_id()), b"{}")
    await bench.bus.publish(streams.config_trigger(bench.new_id()), b'{"message": "TriggerChanged/99"}')
    async with bench.serving() as settings:
        assert await bench.is_ready(settings)

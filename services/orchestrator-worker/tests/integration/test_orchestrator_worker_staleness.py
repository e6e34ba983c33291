"""A directory of event triggers that is behind: events wait for it, and the readiness says so."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator_worker.adapters.event_trigger_directory import EventTriggerDirectory
from trigger_contracts import ids, streams
from trigger_contracts.codec import encode
from trigger_contracts.config import Change, EventConfig, TriggerChanged, TriggerState
from trigger_contracts.executions import ExecutionCompleted
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.jetstream_api import Received

pytestmark = pytest.mark.integration


@dataclass
class Gate:
    """Holds back what the directory applies, while it is closed."""

    open: asyncio.Event


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate, apply = Gate(asyncio.Event()), EventTriggerDirectory.apply
    gate.open.set()

    async def held_back(directory: EventTriggerDirectory, batch: Sequence[Received]) -> None:
        await gate.open.wait()
        await apply(directory, batch)

    monkeypatch.setattr(EventTriggerDirectory, "apply", held_back)
    return gate


async def changed(bench: Any, trigger: TriggerState, **given: Any) -> None:
    """Publish the trigger's next version."""
    fields = {name: getattr(trigger, name) for name in trigger.__struct_fields__}
    state = TriggerState(**{**fields, "version": trigger.version + 1, **given})
    change = Change(
        event="TriggerPaused", version=state.version, at=datetime.now(UTC), actor="ada", request_id="r"
    )
    await bench.bus.publish(
        streams.config_trigger(state.id), encode(TriggerChanged(change=change, trigger=state))
    )


async def publish(bench: Any, event_id: str) -> None:
    event = {"specversion": "1.0", "id": event_id, "source": "/shop", "type": "order.created"}
    await bench.bus.publish("events.order.created", json.dumps(event).encode())


async def handed_out(bench: Any) -> bool:
    """Tell whether the events' consumer has a message in work or waiting for its next attempt."""
    info = await bench.bus.js.consumer_info("EVENTS", streams.DISPATCH_EVENTS)
    return bool(info.num_ack_pending)


def run_of(trigger: TriggerState, event_id: str) -> Any:
    return ids.event_execution_id(trigger.id, source="/shop", event_id=event_id)


async def test_while_the_directory_is_frozen_new_triggers_miss_nothing_and_paused_ones_start_nothing(
    bench: Any, gate: Gate
) -> None:
    workflow_id = await bench.workflow()
    config = EventConfig(event_type="order.created")
    paused = await bench.trigger(config, workflow_id=workflow_id)
    deleted = await bench.trigger(config, workflow_id=workflow_id)
    retyped = await bench.trigger(config, workflow_id=workflow_id)
    async with bench.serving() as settings:
        gate.open.clear()
        await changed(bench, paused, enabled=False)
        await changed(bench, deleted, deleted_at=datetime.now(UTC))
        await changed(bench, retyped, config=EventConfig(event_type="order.paid"))
        new = await bench.trigger(config, workflow_id=workflow_id)
        await publish(bench, "meanwhile")
        await bench.eventually(lambda: handed_out(bench))

        async def unready() -> bool:
            return await bench.is_ready(settings) is None

        await bench.eventually(unready)
        assert "behind its stream" in json.dumps(bench.last_readiness)
        gate.open.set()
        assert isinstance(await bench.end(run_of(new, "meanwhile")), ExecutionCompleted)
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
        await bench.eventually(lambda: bench.is_ready(settings))
    for trigger in (paused, deleted, retyped):
        assert await bench.facts(run_of(trigger, "meanwhile")) == []


async def test_while_the_directory_has_lost_its_consumer_events_wait_for_its_next(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach, attached = asyncio.Event(), Follower._consumer
    attach.set()

    async def held_back(follower: Follower, after: int | None) -> Any:
        await attach.wait()
        return await attached(follower, after)

    monkeypatch.setattr(Follower, "_consumer", held_back)
    workflow_id = await bench.workflow()
    config = EventConfig(event_type="order.created")
    paused = await bench.trigger(config, workflow_id=workflow_id)
    async with bench.serving():
        attach.clear()
        for info in await bench.bus.js.consumers_info("CONFIG"):
            await bench.bus.js.delete_consumer("CONFIG", info.name)
        await changed(bench, paused, enabled=False)
        new = await bench.trigger(config, workflow_id=workflow_id)
        await publish(bench, "meanwhile")
        await bench.eventually(lambda: handed_out(bench))
        attach.set()
        assert isinstance(await bench.end(run_of(new, "meanwhile"), seconds=60), ExecutionCompleted)
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    assert await bench.facts(run_of(paused, "meanwhile")) == []


async def test_an_event_right_after_a_trigger_is_not_missed(bench: Any) -> None:
    workflow_id = await bench.workflow()
    async with bench.serving():
        triggers = []
        for number in range(10):
            config = EventConfig(event_type="order.created", filters={"id": f"e-{number}"})
            triggers.append(await bench.trigger(config, workflow_id=workflow_id))
            await publish(bench, f"e-{number}")
        for number, trigger in enumerate(triggers):
            assert isinstance(await bench.end(run_of(trigger, f"e-{number}")), ExecutionCompleted)

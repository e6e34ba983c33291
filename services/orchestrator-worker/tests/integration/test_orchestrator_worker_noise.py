"""A publisher of noise, and dead letters that are full: what is an event starts its workflow all the same."""

import asyncio
import json
from typing import Any

import pytest
from nats.js import api

from trigger_contracts import ids, streams
from trigger_contracts.config import EventConfig
from trigger_contracts.executions import ExecutionCompleted

pytestmark = pytest.mark.integration


async def fill_dead_letters(bench: Any, *, limit: dict[str, int]) -> None:
    """Bring the stream to a limit of it, as an operator may have set it."""
    config = (await bench.bus.js.stream_info("DEAD_LETTERS")).config
    await bench.bus.js.update_stream(config.evolve(**limit))
    with pytest.raises(Exception, match="maximum"):
        for _ in range(1000):
            await bench.bus.js.publish("dead.TEST.test", b"x")


@pytest.mark.parametrize("limit", [{"max_bytes": 5000}, {"max_msgs": 3}], ids=["bytes", "messages"])
async def test_noise_and_full_dead_letters_do_not_stop_what_is_an_event(
    bench: Any, limit: dict[str, int]
) -> None:
    await fill_dead_letters(bench, limit=limit)
    full = (await bench.bus.js.stream_info("DEAD_LETTERS")).state.messages
    trigger = await bench.trigger(EventConfig(event_type="order.created"), workflow_id=await bench.workflow())
    for start in range(0, 3000, 200):
        await asyncio.gather(
            *(
                bench.bus.publish("events.order.created", f"noise {number}".encode(), timeout=20)
                for number in range(start, start + 200)
            )
        )
    # As hopeless, and not refused apart: more of them than the server lets wait.
    for _round in range(11):
        await asyncio.gather(
            *(bench.bus.publish(streams.FIRINGS_MANUAL, b"no firing", timeout=20) for _ in range(200))
        )
    event = {"specversion": "1.0", "id": "good", "source": "/shop", "type": "order.created"}
    await bench.bus.publish("events.order.created", json.dumps(event).encode())
    firing = await bench.fire(trigger.workflow_id, inputs={})
    async with bench.serving() as settings:
        started = ids.event_execution_id(trigger.id, source="/shop", event_id="good")
        assert isinstance(await bench.end(started, seconds=120), ExecutionCompleted)
        assert isinstance(await bench.end(firing.execution_id, seconds=120), ExecutionCompleted)
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
        refused = f'bus_messages_total{{durable="{streams.DISPATCH_EVENTS}",outcome="refused"}}'
        assert await bench.metric(settings, name=refused) == 3000
        not_stored = f'bus_messages_total{{durable="{streams.DISPATCH_FIRINGS}",outcome="dead_not_stored"}}'
        assert await bench.metric(settings, name=not_stored) == 2200
    assert (await bench.bus.js.stream_info("DEAD_LETTERS")).state.messages == full
    assert (await bench.bus.js.stream_info("REFUSED_EVENTS")).state.messages == 3000


async def test_refusals_go_on_where_their_records_cannot_be_stored(bench: Any) -> None:
    config = (await bench.bus.js.stream_info("REFUSED_EVENTS")).config
    trigger = await bench.trigger(EventConfig(event_type="order.created"), workflow_id=await bench.workflow())
    async with bench.serving():
        await bench.bus.js.update_stream(config.evolve(max_msgs=1, discard=api.DiscardPolicy.NEW))
        for number in range(5):
            await bench.bus.publish("events.order.created", b"%d" % number)
        await bench.bus.js.delete_stream("REFUSED_EVENTS")
        for number in range(5):
            await bench.bus.publish("events.order.created", b"again %d" % number)
        event = {"specversion": "1.0", "id": "good", "source": "/shop", "type": "order.created"}
        await bench.bus.publish("events.order.created", json.dumps(event).encode())
        started = ids.event_execution_id(trigger.id, source="/shop", event_id="good")
        assert isinstance(await bench.end(started), ExecutionCompleted)
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    assert await bench.messages("DEAD_LETTERS") == []

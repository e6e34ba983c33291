"""What the comparison of everything takes for the configuration."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from scheduler_sync.adapters.config_stream import ConfigStream
from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.config import Change, ManualConfig, ScheduleConfig, TriggerChanged, TriggerState
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.jetstream_api import Received

AT = datetime(2026, 1, 1, tzinfo=UTC)


def received(sequence: int, *, data: bytes | None = None, **given: Any) -> Received:
    state = TriggerState(
        **{
            "id": UUID(int=1),
            "workspace": "acme",
            "workflow_id": UUID(int=2),
            "name": "Daily",
            "enabled": True,
            "config": ScheduleConfig(cron_expression="0 9 * * *"),
            "version": sequence,
            "created_at": AT,
            "updated_at": AT,
            **given,
        }
    )
    change = Change(event="X", version=state.version, at=AT, actor="ada", request_id="r")
    return Received(
        subject=streams.config_trigger(state.id),
        data=encode(TriggerChanged(change=change, trigger=state)) if data is None else data,
        stream="CONFIG",
        sequence=sequence,
        attempt=1,
        pending=0,
        stored_at=AT,
    )


async def test_it_knows_the_newest_states_and_tombstones_of_schedule_triggers() -> None:
    stream = ConfigStream(Bus(url="nats://127.0.0.1:1", client_name="test"))
    await stream.apply([received(1), received(2, enabled=False), received(3, version=1)])
    assert [(state.version, state.enabled) for state in stream.schedule_triggers()] == [(2, False)]
    await stream.apply([received(4, id=UUID(int=5), config=ManualConfig())])
    await stream.apply([received(5, deleted_at=AT)])
    assert [(state.version, state.deleted_at) for state in stream.schedule_triggers()] == [(5, AT)]
    assert await stream.position() == 5


async def test_a_trigger_that_cannot_be_read_is_left_alone_until_it_can() -> None:
    stream = ConfigStream(Bus(url="nats://127.0.0.1:1", client_name="test"))
    # What it was before says nothing: it may be paused or deleted now.
    await stream.apply([received(1), received(2, data=b'{"message": "TriggerChanged/99"}')])
    assert list(stream.schedule_triggers()) == []
    await stream.apply([received(3)])
    assert [state.version for state in stream.schedule_triggers()] == [3]

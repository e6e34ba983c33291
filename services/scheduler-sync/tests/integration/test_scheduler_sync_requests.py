"""Describing, and the options of a schedule, on a real NATS and a real Temporal."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import msgspec
import pytest
from nats.js.errors import NotFoundError
from temporalio.client import Client, ScheduleBackfill, ScheduleDescription
from temporalio.service import RPCError

from embedded_stack.servers.running import running
from embedded_stack.servers.temporal import TemporalServer, TemporalStorage
from scheduler_sync.app import build
from scheduler_sync.settings import Settings
from trigger_contracts import codec, schedules, streams
from trigger_contracts.config import Change, ScheduleConfig, TriggerChanged, TriggerState
from trigger_contracts.schedule_requests import (
    DESCRIBE_REPLIES,
    DescribeSchedule,
    DroppedFires,
    FailureCode,
    RequestFailed,
    ScheduleDescribed,
    ScheduleStatus,
)
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.request_reply import send_request
from trigger_runtime.settings import Secret
from trigger_runtime.temporal import DATA_CONVERTER, TemporalSettings

pytestmark = pytest.mark.integration

AT = datetime(2026, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)
MONTHLY = "0 9 5 * *"


def trigger(config: ScheduleConfig, **changes: Any) -> TriggerState:
    base: dict[str, Any] = {
        "id": uuid4(),
        "workspace": "acme",
        "workflow_id": uuid4(),
        "name": "Monthly",
        "enabled": True,
        "config": config,
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    return TriggerState(**{**base, **changes})


class Asker:
    """Who publishes triggers and asks for their schedules, as trigger-api does."""

    def __init__(self, bus: Bus, *, temporal: Client, metrics_port: int, eventually: Any) -> None:
        self.bus = bus
        self.temporal = temporal
        self._metrics_port = metrics_port
        self._eventually = eventually

    async def ask(self, data: bytes) -> ScheduleDescribed | RequestFailed:
        answer = await send_request(self.bus, subject=streams.DESCRIBE_SCHEDULE, data=data, timeout=5)
        return DESCRIBE_REPLIES.decode(answer)

    async def describe(self, trigger_id: UUID) -> ScheduleDescribed | RequestFailed:
        return await self.ask(codec.encode(DescribeSchedule(trigger_id=trigger_id)))

    async def described(self, trigger_id: UUID) -> ScheduleDescribed:
        """Describe; ask again while Temporal does not answer in time, as a caller is told to."""

        async def answered() -> ScheduleDescribed | None:
            reply = await self.describe(trigger_id)
            if isinstance(reply, RequestFailed) and reply.code is FailureCode.UNAVAILABLE:
                return None
            assert isinstance(reply, ScheduleDescribed)
            return reply

        found: ScheduleDescribed = await self._eventually(answered)
        return found

    async def synced(self, state: TriggerState) -> schedules.ScheduleSynced:
        """Publish a trigger and wait until the service says that it is in Temporal."""
        change = Change(event="X", version=state.version, at=AT, actor="ada", request_id="r")
        message = codec.encode(TriggerChanged(change=change, trigger=state))
        await self.bus.publish(streams.config_trigger(state.id), message)

        async def said() -> schedules.ScheduleSynced | None:
            fact = await self.fact(state.id)
            return fact if fact is not None and fact.trigger_version == state.version else None

        found: schedules.ScheduleSynced = await self._eventually(said)
        return found

    async def fact(self, trigger_id: UUID) -> schedules.ScheduleSynced | None:
        data = await self.bus.last(streams.SCHEDULES.name, subject=streams.schedule(trigger_id))
        if data is None:
            return None
        fact = schedules.FACTS.decode(data)
        assert isinstance(fact, schedules.ScheduleSynced)
        return fact

    async def place(self, trigger_id: UUID) -> int | None:
        """Where the last fact is in its stream: it grows with each time that something is said."""
        try:
            message = await self.bus.js.get_last_msg(streams.SCHEDULES.name, streams.schedule(trigger_id))
        except NotFoundError:
            return None
        return message.seq

    async def in_temporal(self, trigger_id: UUID) -> ScheduleDescription | None:
        try:
            return await self.temporal.get_schedule_handle(f"trigger-{trigger_id}").describe()
        except RPCError:
            return None

    async def metric(self, name: str) -> float:
        url = f"http://127.0.0.1:{self._metrics_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            lines = (await answer.text()).splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0.0)

    async def compared_again(self) -> None:
        """Wait until everything was compared, from beginning to end, after this call."""
        for _ in range(2):
            before = await self.metric("schedules_compared_at_seconds")

            async def another(before: float = before) -> bool:
                return await self.metric("schedules_compared_at_seconds") > before

            await self._eventually(another)


Serving = Callable[[str], Any]


@pytest.fixture
def serving(nats_url: str, unused_tcp_port: int, eventually: Any) -> Serving:
    """The service with a Temporal at an address, once it answers."""

    @asynccontextmanager
    async def serve(temporal_address: str) -> AsyncIterator[Asker]:
        service = build(
            Settings(
                http_port=unused_tcp_port,
                nats_url=Secret(nats_url),
                temporal=TemporalSettings(temporal_address=temporal_address),
                resync_seconds=1,
            )
        )
        bus = Bus(url=nats_url, client_name="asker")
        temporal = await Client.connect(temporal_address, data_converter=DATA_CONVERTER, lazy=True)
        asker = Asker(bus, temporal=temporal, metrics_port=unused_tcp_port, eventually=eventually)

        async def answered() -> bool:
            try:
                return bool(await asker.ask(b""))
            except BusUnavailableError:
                return False

        await bus.start()
        await service.start()
        try:
            await bus.ready()
            await eventually(answered)
            yield asker
        finally:
            await service.stop()
            await bus.stop()

    return serve


@pytest.fixture
async def asker(serving: Serving, temporal_address: str) -> AsyncIterator[Asker]:
    async with serving(temporal_address) as asker:
        yield asker


async def test_what_is_running_missing_and_paused(asker: Asker) -> None:
    state = trigger(ScheduleConfig(cron_expression=MONTHLY, timezone="Europe/Berlin"))
    assert await asker.described(state.id) == ScheduleDescribed(
        trigger_id=state.id, schedule_id=f"trigger-{state.id}", status=ScheduleStatus.MISSING
    )
    fact = await asker.synced(state)
    running = await asker.described(state.id)
    assert running.status is ScheduleStatus.RUNNING
    assert len(running.next_fire_times) == 10
    assert running.next_fire_times[:5] == fact.next_fire_times
    assert running.recent_fire_times == ()
    await asker.synced(msgspec.structs.replace(state, version=2, enabled=False))
    assert await asker.described(state.id) == ScheduleDescribed(
        trigger_id=state.id,
        schedule_id=f"trigger-{state.id}",
        status=ScheduleStatus.PAUSED,
        dropped_fires=DroppedFires(),
    )


async def test_recent_fires_are_nominal_and_what_runs_is_named(asker: Asker, eventually: Any) -> None:
    state = trigger(ScheduleConfig(cron_expression=MONTHLY, jitter_seconds=3600))
    await asker.synced(state)
    nominal = datetime(2026, 1, 5, 9, tzinfo=UTC)
    minute = timedelta(minutes=1)
    handle = asker.temporal.get_schedule_handle(f"trigger-{state.id}")
    await handle.backfill(ScheduleBackfill(start_at=nominal - minute, end_at=nominal + timedelta(hours=2)))

    async def fired() -> ScheduleDescribed | None:
        found = await asker.described(state.id)
        return found if found.recent_fire_times else None

    described = await eventually(fired)
    temporals = (await handle.describe()).info.recent_actions[0]
    assert nominal < temporals.scheduled_at < nominal + timedelta(hours=1), "Temporal adds the jitter"
    assert described.recent_fire_times == (nominal,)
    # No worker is there to end it.
    workflow_id = f"scheduled-{state.id}-2026-01-05T09:00:00Z"
    assert described.running_workflow_ids == (workflow_id,)
    assert described.status is ScheduleStatus.RUNNING
    await asker.temporal.get_workflow_handle(workflow_id).terminate()


async def test_the_options_arrive_in_temporal(asker: Asker) -> None:
    start = datetime(2099, 1, 1, 12, tzinfo=UTC)
    end = datetime(2099, 3, 5, 9, tzinfo=UTC)
    state = trigger(ScheduleConfig(cron_expression=MONTHLY, jitter_seconds=90, start_at=start, end_at=end))
    fact = await asker.synced(state)
    found = await asker.in_temporal(state.id)
    assert found is not None
    spec = found.schedule.spec
    assert (spec.jitter, spec.start_at, spec.end_at) == (timedelta(seconds=90), start, end)
    nominal = [datetime(2099, month, 5, 9, tzinfo=UTC) for month in (1, 2, 3)]
    late = [said - meant for said, meant in zip(fact.next_fire_times, nominal, strict=True)]
    assert all(timedelta(0) <= by < timedelta(seconds=90) for by in late), "one at the very end fires, too"
    without = trigger(ScheduleConfig(cron_expression=MONTHLY), id=state.id, version=2)
    await asker.synced(without)
    found = await asker.in_temporal(state.id)
    assert found is not None
    spec = found.schedule.spec
    assert (spec.jitter, spec.start_at, spec.end_at) == (None, None, None)


async def test_what_is_finished_is_written_once_and_not_made_again(asker: Asker) -> None:
    state = trigger(ScheduleConfig(cron_expression=MONTHLY))
    await asker.synced(state)
    ended = trigger(ScheduleConfig(cron_expression=MONTHLY, end_at=PAST), id=state.id, version=2)
    assert (await asker.synced(ended)).next_fire_times == ()
    assert await asker.described(state.id) == ScheduleDescribed(
        trigger_id=state.id,
        schedule_id=f"trigger-{state.id}",
        status=ScheduleStatus.FINISHED,
        dropped_fires=DroppedFires(),
    )
    before, said = await asker.in_temporal(state.id), await asker.place(state.id)
    await asker.compared_again()
    after = await asker.in_temporal(state.id)
    assert before is not None
    assert after is not None
    assert after.info.last_updated_at == before.info.last_updated_at
    assert await asker.place(state.id) == said

    # What Temporal does by itself 7 days later.
    await asker.temporal.get_schedule_handle(f"trigger-{state.id}").delete()
    await asker.compared_again()
    assert await asker.metric("schedules_drift") == 0
    assert await asker.in_temporal(state.id) is None
    assert await asker.place(state.id) == said
    described = await asker.described(state.id)
    assert described.status is ScheduleStatus.MISSING


async def test_what_has_ended_before_it_began_is_in_order_without_a_schedule(asker: Asker) -> None:
    state = trigger(ScheduleConfig(cron_expression=MONTHLY, end_at=PAST))
    assert (await asker.synced(state)).next_fire_times == ()
    await asker.compared_again()
    assert await asker.metric("schedules_drift") == 0
    assert await asker.in_temporal(state.id) is None


async def test_a_damaged_request_is_answered(asker: Asker) -> None:
    for data in (b"", b"\xff\x00", b'{"message": "DescribeSchedule/1", "triggerId": "no"}'):
        answer = await asker.ask(data)
        assert isinstance(answer, RequestFailed)
        assert answer.code is FailureCode.UNKNOWN_REQUEST


async def test_temporal_is_away_from_the_beginning_and_later(
    serving: Serving, tmp_path: Any, eventually: Any
) -> None:
    away = RequestFailed(reason="Temporal cannot be reached now")
    server = TemporalServer(directory=tmp_path / "temporal", storage=TemporalStorage.MEMORY)
    async with serving(server.address) as asker:
        assert await asker.describe(uuid4()) == away

        async with running(server):
            await asker.described(uuid4())
        begun = datetime.now(UTC)
        assert await asker.describe(uuid4()) == away
        assert datetime.now(UTC) - begun < timedelta(seconds=4), "within what an asker waits"

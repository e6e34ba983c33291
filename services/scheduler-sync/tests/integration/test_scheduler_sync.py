"""The service on a real NATS and a real Temporal."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import msgspec
import nats
import pytest
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError
from temporalio.client import (
    Client,
    ScheduleDescription,
    ScheduleOverlapPolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from embedded_stack.servers.temporal import TemporalServer
from scheduler_sync.app import build
from scheduler_sync.settings import Settings
from trigger_contracts import codec, config, schedules, streams
from trigger_contracts.config import AnyTriggerConfig, Change, ScheduleConfig, TriggerChanged, TriggerState
from trigger_runtime.lifecycle import Service
from trigger_runtime.settings import Secret
from trigger_runtime.temporal import DATA_CONVERTER, TemporalSettings

pytestmark = pytest.mark.integration

AT = datetime(2026, 1, 1, tzinfo=UTC)


def trigger(**changes: Any) -> TriggerState:
    base: dict[str, Any] = {
        "id": uuid4(),
        "workspace": "acme",
        "workflow_id": uuid4(),
        "name": "Daily",
        "enabled": True,
        "config": ScheduleConfig(cron_expression="0 9 13 * 5", timezone="America/New_York"),
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    return TriggerState(**{**base, **changes})


def again(state: TriggerState, **changes: Any) -> TriggerState:
    return trigger(
        **{
            "id": state.id,
            "workflow_id": state.workflow_id,
            "config": state.config,
            "version": state.version + 1,
            **changes,
        }
    )


class Bench:
    """The service's neighbours: the bus, Temporal, and the service's own health."""

    def __init__(self, nats_url: str, temporal: Client, *, settings: Settings, service: Service) -> None:
        self.service = service
        self.nats_url = nats_url
        self.temporal = temporal
        self.settings = settings

    async def publish(self, state: TriggerState) -> None:
        change = Change(event="X", version=state.version, at=AT, actor="ada", request_id="r")
        client = await nats.connect(self.nats_url)
        message = codec.encode(TriggerChanged(change=change, trigger=state))
        await client.jetstream().publish(streams.config_trigger(state.id), message)
        await client.close()

    async def described(self, trigger_id: UUID) -> ScheduleDescription | None:
        try:
            return await self.temporal.get_schedule_handle(f"trigger-{trigger_id}").describe()
        except RPCError:
            return None

    async def fact(self, trigger_id: UUID) -> Any:
        message = await self._last_fact(trigger_id)
        return None if message is None else schedules.FACTS.decode(message.data or b"")

    async def fact_sequence(self, trigger_id: UUID) -> int:
        """The place in the stream: it grows with each time that something is said of a trigger."""
        message = await self._last_fact(trigger_id)
        return 0 if message is None else message.seq or 0

    async def _last_fact(self, trigger_id: UUID) -> RawStreamMsg | None:
        client = await nats.connect(self.nats_url)
        try:
            return await client.jetstream().get_last_msg("SCHEDULES", streams.schedule(trigger_id))
        except NotFoundError:
            return None
        finally:
            await client.close()

    async def metric(self, name: str) -> float | None:
        url = f"http://127.0.0.1:{self.settings.http_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            lines = (await answer.text()).splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)


@pytest.fixture
def settings(nats_url: str, temporal_address: str, unused_tcp_port: int) -> Settings:
    return Settings(
        http_port=unused_tcp_port,
        nats_url=Secret(nats_url),
        temporal=TemporalSettings(temporal_address=temporal_address),
        resync_seconds=1,
    )


@pytest.fixture
async def bench(
    settings: Settings, nats_url: str, temporal_address: str, eventually: Any
) -> AsyncIterator[Bench]:
    temporal = await Client.connect(temporal_address, data_converter=DATA_CONVERTER)
    service = build(settings)
    await service.start()
    try:
        bench = Bench(nats_url, temporal, settings=settings, service=service)
        await eventually(lambda: bench.metric("schedules_compared_at_seconds"))
        yield bench
    finally:
        await service.stop()


async def test_a_schedule_appears_as_configured_changes_and_disappears(bench: Bench, eventually: Any) -> None:
    state = trigger()
    await bench.publish(state)
    created = await eventually(lambda: bench.described(state.id))
    assert created.schedule.policy.overlap is ScheduleOverlapPolicy.BUFFER_ONE
    assert created.schedule.policy.catchup_window == timedelta(minutes=1)
    assert created.schedule.spec.time_zone_name == "America/New_York"
    assert len(created.schedule.spec.calendars) == 2, "cron takes either day field"
    assert not created.schedule.spec.cron_expressions
    assert not created.schedule.state.paused
    fact = await eventually(lambda: bench.fact(state.id))
    assert isinstance(fact, schedules.ScheduleSynced)
    assert list(fact.next_fire_times) == list(created.info.next_action_times)[:5]

    paused = again(state, enabled=False)
    await bench.publish(paused)

    async def is_paused() -> bool:
        found = await bench.described(state.id)
        return found is not None and found.schedule.state.paused

    await eventually(is_paused)

    changed = again(paused, config=ScheduleConfig(cron_expression="@hourly"), enabled=True)
    await bench.publish(changed)

    async def is_hourly() -> bool:
        found = await bench.described(state.id)
        return found is not None and len(found.schedule.spec.calendars) == 1

    await eventually(is_hourly)

    await bench.publish(again(changed, deleted_at=AT, enabled=False))

    async def is_gone() -> bool:
        return await bench.described(state.id) is None

    await eventually(is_gone)

    async def is_announced() -> bool:
        return isinstance(await bench.fact(state.id), schedules.ScheduleRemoved)

    await eventually(is_announced)


async def test_an_older_message_that_comes_late_changes_nothing(bench: Bench, eventually: Any) -> None:
    state = trigger(version=5, deleted_at=AT)
    await bench.publish(state)

    async def removed() -> bool:
        return isinstance(await bench.fact(state.id), schedules.ScheduleRemoved)

    await eventually(removed)
    live = trigger()
    await bench.publish(live)
    await eventually(lambda: bench.described(live.id))
    assert await bench.described(state.id) is None


async def test_a_change_made_by_hand_is_reverted(bench: Bench, eventually: Any) -> None:
    state, other = trigger(), trigger()
    for one in (state, other):
        await bench.publish(one)
        await eventually(lambda trigger_id=one.id: bench.fact(trigger_id))
    await bench.temporal.get_schedule_handle(f"trigger-{state.id}").pause(note="by hand")
    await bench.temporal.get_schedule_handle(f"trigger-{other.id}").delete()

    async def is_back() -> bool:
        first, second = await bench.described(state.id), await bench.described(other.id)
        return first is not None and second is not None and not first.schedule.state.paused

    await eventually(is_back)


async def test_a_change_by_hand_that_keeps_the_note_is_put_back(bench: Bench, eventually: Any) -> None:
    state = trigger(config=ScheduleConfig(cron_expression="0 9 * * *"))
    await bench.publish(state)
    await eventually(lambda: bench.fact(state.id))
    handle = bench.temporal.get_schedule_handle(f"trigger-{state.id}")
    before = (await handle.describe()).schedule.spec

    def change(given: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule = given.description.schedule
        schedule.spec = ScheduleSpec(calendars=[], cron_expressions=["0 3 * * *"])
        return ScheduleUpdate(schedule=schedule)

    await handle.update(change)

    async def is_back() -> bool:
        found = await bench.described(state.id)
        return found is not None and found.schedule.spec == before

    await eventually(is_back)


async def test_a_long_name_does_not_keep_a_schedule_from_running(bench: Bench, eventually: Any) -> None:
    state = trigger(name="é漢" * 100, config=ScheduleConfig(cron_expression="0 9 * * *"))
    await bench.publish(state)
    await eventually(lambda: bench.fact(state.id))
    await bench.temporal.get_schedule_handle(f"trigger-{state.id}").trigger()

    async def has_run() -> bool:
        found = await bench.described(state.id)
        return found is not None and bool(found.info.recent_actions)

    await eventually(has_run)


async def test_a_schedule_with_an_unknown_trigger_is_left_and_counted(
    bench: Bench, settings: Settings, eventually: Any, unused_tcp_port_factory: Any
) -> None:
    state = trigger()
    await bench.publish(state)
    await eventually(lambda: bench.fact(state.id))
    client = await nats.connect(bench.nats_url)
    await client.jetstream().purge_stream("CONFIG")
    await client.close()
    await bench.service.stop()
    # A new replica knows nothing of the trigger; what is on the bus does not say that it was deleted.
    second_settings = msgspec.structs.replace(settings, http_port=unused_tcp_port_factory())
    second = build(second_settings)
    await second.start()
    try:
        newcomer = Bench(bench.nats_url, bench.temporal, settings=second_settings, service=second)

        async def counted() -> bool:
            return bool(await newcomer.metric("schedules_unknown"))

        await eventually(counted)
        assert await bench.described(state.id) is not None
    finally:
        await second.stop()


async def test_a_refusal_of_temporal_is_published_and_delays_no_other_trigger(
    bench: Bench, eventually: Any
) -> None:
    refused = trigger(config=ScheduleConfig(cron_expression="@hourly", timezone="Mars/Base"))
    fine = trigger()
    await bench.publish(refused)
    await bench.publish(fine)
    await eventually(lambda: bench.described(fine.id))
    fact = await eventually(lambda: bench.fact(refused.id))
    assert isinstance(fact, schedules.ScheduleSyncFailed)
    assert "Mars/Base" in fact.reason


async def test_an_input_that_grpc_does_not_carry_is_refused_and_delays_no_other_trigger(
    bench: Bench, eventually: Any
) -> None:
    # Over 4 MiB gRPC answers RESOURCE_EXHAUSTED, as an overloaded server would.
    text = "x" * 5 * 1024 * 1024
    refused = trigger(config=ScheduleConfig(cron_expression="@hourly", input=text))
    await bench.publish(refused)
    fact = await eventually(lambda: bench.fact(refused.id))
    assert isinstance(fact, schedules.ScheduleSyncFailed)
    assert "over 2031616" in fact.reason
    fine = trigger()
    await bench.publish(fine)
    await eventually(lambda: bench.fact(fine.id))
    await bench.temporal.get_schedule_handle(f"trigger-{fine.id}").delete()
    # Only the comparison of everything finds that out.
    await eventually(lambda: bench.described(fine.id))
    assert (await bench.fact_sequence(refused.id)) < (await bench.fact_sequence(fine.id))


async def test_a_message_from_the_future_waits_and_a_damaged_one_is_given_up(
    bench: Bench, eventually: Any
) -> None:
    client = await nats.connect(bench.nats_url)
    stream = client.jetstream()
    try:
        future = b'{"message": "TriggerChanged/99"}'
        await stream.publish(streams.config_trigger(uuid4()), future)
        await stream.publish(streams.config_trigger(uuid4()), b"{}")

        async def given_up() -> list[bytes | None]:
            state = (await stream.stream_info("DEAD_LETTERS")).state
            return [
                (await stream.get_msg("DEAD_LETTERS", number)).data for number in range(1, state.messages + 1)
            ]

        async def parked() -> bool:
            found = await stream.consumer_info("PARKED", f"{streams.SYNC_SCHEDULES}-parked")
            return bool(found.num_redelivered)

        assert await eventually(given_up) == [b"{}"]
        await eventually(parked)
        assert await given_up() == [b"{}"]
    finally:
        await client.close()


async def test_other_types_are_ignored(bench: Bench, eventually: Any) -> None:
    manual: AnyTriggerConfig = config.ManualConfig()
    other, mine = trigger(config=manual), trigger()
    await bench.publish(other)
    await bench.publish(mine)
    await eventually(lambda: bench.fact(mine.id))
    assert await bench.fact(other.id) is None


async def test_it_waits_for_servers_that_come_late(
    tmp_path: Any, unused_tcp_port: int, eventually: Any
) -> None:
    bus, temporal = NatsServer(directory=tmp_path / "n"), TemporalServer(directory=tmp_path / "t")
    service = build(
        Settings(
            http_port=unused_tcp_port,
            nats_url=Secret(bus.url),
            temporal=TemporalSettings(temporal_address=temporal.address),
        )
    )
    await service.start()

    async def readyz() -> tuple[int, Any]:
        url = f"http://127.0.0.1:{unused_tcp_port}/readyz"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.json()

    async def ready() -> bool:
        return (await readyz())[0] == 200

    try:
        status, document = await readyz()
        assert status == 503
        assert {"bus", "temporal", "triggers", "consumer"} <= set(document["missing"])
        async with running(bus), running(temporal):
            await eventually(ready)
    finally:
        await service.stop()

"""Start-up, and several replicas: one compares everything, all share the events."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from scheduler_sync.adapters.fact_stream import FactPublisher
from scheduler_sync.adapters.resync_lease import ResyncLease
from scheduler_sync.ports import NewerFactError
from trigger_contracts import streams
from trigger_contracts.config import DstPolicy, ScheduleConfig
from trigger_contracts.schedules import FACTS, ScheduleSynced, ScheduleSyncFailed, schedule_id
from trigger_runtime.bus.connection import Bus

pytestmark = pytest.mark.integration


async def test_everything_is_compared_at_start(stage: Any, eventually: Any) -> None:
    """A start-up synchronisation that is written and never called is worth nothing."""
    deleted, paused = stage.trigger(), stage.trigger()
    async with stage.replica():
        for state in (deleted, paused):
            await stage.publish(state)
            await eventually(lambda state=state: stage.fact(state))
    # What happens while nobody serves leaves no message that anybody would still get.
    await stage.temporal.get_schedule_handle(f"trigger-{deleted.id}").delete()
    await stage.temporal.get_schedule_handle(f"trigger-{paused.id}").pause()

    async def listed() -> bool:
        found = {entry.id: entry async for entry in await stage.temporal.list_schedules()}
        other = found.get(f"trigger-{paused.id}")
        return f"trigger-{deleted.id}" not in found and bool(other and other.schedule.state.paused)

    await eventually(listed)
    async with stage.replica(resync_seconds=3600) as replica:
        await eventually(lambda: replica.metric("schedules_compared_at_seconds"))
        assert await stage.described(deleted.id) is not None
        found = await stage.described(paused.id)
        assert not found.schedule.state.paused
        assert await replica.metric("schedules_drift_found") == 2
        assert await replica.metric("schedules_drift") == 0
        assert await replica.metric("schedules_drift_age_seconds") == 0

        async def nothing_waits() -> bool:
            return bool(await replica.metric("schedules_queue_depth") == 0)

        await eventually(nothing_waits)


async def test_one_replica_compares_and_another_one_takes_over(stage: Any, eventually: Any) -> None:
    async with stage.replica() as first:

        async def first_leads() -> bool:
            return bool(await first.metric("schedules_resync_leader") == 1)

        await eventually(first_leads)
        async with stage.replica() as second:
            state = stage.trigger()
            await stage.publish(state)
            await eventually(lambda: stage.fact(state))
            assert await second.metric("schedules_resync_leader") == 0
            assert await second.metric("schedules_compared_at_seconds") == 0
            await first.service.stop()
            await eventually(lambda: second.metric("schedules_compared_at_seconds"))
            assert await second.metric("schedules_resync_leader") == 1


async def test_a_leader_that_slept_has_stopped_before_its_successor_begins(
    stage: Any, eventually: Any
) -> None:
    def lease(replica: str) -> ResyncLease:
        return ResyncLease(stage.bus, replica=replica, seconds=1.0, replicas=1, registry=CollectorRegistry())

    sleeper, successor = lease("sleeper"), lease("successor")
    await sleeper.elect()
    assert sleeper.is_leader()
    await successor.start()
    try:
        async with asyncio.timeout(20):
            await successor.elected()
        assert not sleeper.is_leader()
        # Its late write is refused, and it knows.
        await sleeper.elect()
        assert not sleeper.is_leader()
        assert successor.is_leader()
    finally:
        await successor.stop()
    await sleeper.elect()
    assert sleeper.is_leader(), "it resigned, so no replica has to wait"


async def test_the_lease_is_asked_for_again_when_the_bus_is_back(stage: Any) -> None:
    away = Bus(url="nats://127.0.0.1:1", client_name="away")
    lease = ResyncLease(away, replica="a", seconds=1.0, replicas=1, registry=CollectorRegistry())
    await lease.start()
    assert not lease.is_leader()
    await lease.stop()


async def verb(stage: Any, name: str) -> tuple[int, str]:
    settings = stage.settings()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scheduler_sync", name),
        env={
            **os.environ,
            "NATS_URL": settings.nats_url.reveal(),
            "TEMPORAL_ADDRESS": stage.temporal_address,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_the_verbs_print_the_plan_and_apply_it(stage: Any) -> None:
    missing, other = stage.trigger(), stage.trigger()
    refused = stage.trigger(ScheduleConfig(cron_expression="@noon"))
    for state in (missing, other):
        await stage.publish(state)
    status, said = await verb(stage, "diff")
    assert status == 0
    assert f"create  trigger-{missing.id}\n" in said
    assert "2 triggers compared, 2 steps, 0 refused, " in said
    assert await stage.described(missing.id) is None, "it is only printed"
    status, said = await verb(stage, "resync")
    assert (status, said.split(", ")[:3]) == (0, ["2 triggers compared", "2 create", "0 left"])
    await stage.temporal.get_schedule_handle(f"trigger-{other.id}").pause()
    await stage.publish(refused)
    status, said = await verb(stage, "resync")
    assert status == 1
    assert "3 triggers compared, 1 update, 1 left" in said
    status, said = await verb(stage, "diff")
    assert status == 0
    assert f"refused trigger-{refused.id}: '@noon' is unknown" in said


async def test_a_refusal_has_the_times_of_what_still_fires(stage: Any, eventually: Any) -> None:
    state = stage.trigger()
    async with stage.replica():
        await stage.publish(state)
        before = await eventually(lambda: stage.fact(state))
        assert isinstance(before, ScheduleSynced)
        broken = stage.trigger(
            ScheduleConfig(cron_expression="@daily", timezone="Mars/Base"), id=state.id, version=2
        )
        await stage.publish(broken)
        failed = await eventually(lambda: stage.fact(broken))
        assert isinstance(failed, ScheduleSyncFailed)
        assert failed.next_fire_times == before.next_fire_times


async def test_the_options_of_a_timetable_fire_as_computed(stage: Any, eventually: Any) -> None:
    config = ScheduleConfig(
        cron_expression="30 2 LW * *",
        timezone="Europe/Berlin",
        additional_expressions=("30 2 29 3 *", "0 9 * * FRI#2"),
        dst_policy=DstPolicy.SHIFT,
    )
    plain = stage.trigger(config)
    async with stage.replica():
        await stage.publish(plain)
        fact = await eventually(lambda: stage.fact(plain))
        found = await stage.described(plain.id)
        assert list(fact.next_fire_times) == list(found.info.next_action_times)[:5]
        first = fact.next_fire_times[0].astimezone().date()
        excluded = stage.trigger(
            ScheduleConfig(cron_expression="0 12 * * *", excluded_dates=(first,)), id=plain.id, version=2
        )
        await stage.publish(excluded)
        fact = await eventually(lambda: stage.fact(excluded))
        found = await stage.described(plain.id)
        assert list(fact.next_fire_times) == list(found.info.next_action_times)[:5]
        assert len(found.schedule.spec.skip) == 1


async def test_an_older_fact_never_follows_a_newer_one(stage: Any) -> None:
    """Replicas that tell of one trigger at once, in whatever order their messages arrive."""
    facts = FactPublisher(stage.bus)
    state = stage.trigger()

    def fact(version: int) -> ScheduleSynced:
        return ScheduleSynced(
            trigger_id=state.id,
            trigger_version=version,
            schedule_id=schedule_id(state.id),
            at=state.created_at,
            next_fire_times=(),
        )

    async def told() -> int:
        data = await stage.bus.last(streams.SCHEDULES.name, subject=streams.schedule(state.id))
        return FACTS.decode(data).trigger_version

    first = await facts.publish(fact(1))
    assert await facts.publish(fact(1)) > first, "new times of the same version"
    versions = list(range(1, 30))
    Random(1).shuffle(versions)
    outcomes = await asyncio.gather(
        *(facts.publish(fact(version)) for version in versions), return_exceptions=True
    )
    assert isinstance(outcomes[versions.index(29)], int)
    assert all(isinstance(outcome, int | NewerFactError) for outcome in outcomes)
    assert await told() == 29
    with pytest.raises(NewerFactError) as newer:
        await facts.publish(fact(28))
    assert newer.value.version == 29
    assert await told() == 29
    with pytest.raises(NewerFactError):
        await facts.publish(fact(27), over_version=28)
    await facts.publish(fact(28), over_version=29)
    assert await told() == 28
    # Of a release that has facts of other names; and what is none at all.
    await stage.bus.publish(streams.schedule(state.id), b'{"message":"New/1","triggerVersion":40}')
    with pytest.raises(NewerFactError):
        await facts.publish(fact(39))
    await facts.publish(fact(40))
    await stage.bus.publish(streams.schedule(state.id), b"\xff")
    await facts.publish(fact(1))
    assert await told() == 1


async def test_a_replica_that_starts_publishes_nothing_again(stage: Any, eventually: Any) -> None:
    """The facts are on the bus: a start, or another leader, writes them no second time."""
    synced, paused = stage.trigger(), stage.trigger(enabled=False)
    refused = stage.trigger(ScheduleConfig(cron_expression="@noon"))
    gone = stage.trigger(version=2, deleted_at=synced.created_at)
    async with stage.replica():
        for state in (synced, paused, refused, gone):
            await stage.publish(state)
            await eventually(lambda state=state: stage.fact(state))

    async def written() -> int:
        return int((await stage.bus.js.stream_info(streams.SCHEDULES.name)).state.last_seq)

    before = await written()
    async with stage.replica() as replica:
        await eventually(lambda: replica.metric("schedules_compared_at_seconds"))
        first = await replica.metric("schedules_compared_at_seconds")

        async def compared_again() -> bool:
            return bool(await replica.metric("schedules_compared_at_seconds") > first)

        await eventually(compared_again)
        assert await replica.metric("schedules_drift") == 1, "what is refused"
    assert await written() == before


async def test_what_cannot_be_known_is_minus_one(stage: Any, tmp_path: Path, eventually: Any) -> None:
    """Neither how much waits, nor whether anybody compares, can be told while the bus is away."""
    server = NatsServer(directory=tmp_path / "own")
    own = type(stage)(
        nats_url=server.url,
        temporal_address=stage.temporal_address,
        temporal=stage.temporal,
        bus=stage.bus,
        new_port=stage.new_port,
    )
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(AsyncExitStack())
        await up.enter_async_context(running(server))
        replica = await stack.enter_async_context(own.replica())

        async def depth_and_drift(wanted: float) -> bool:
            names = ("schedules_queue_depth", "schedules_drift")
            return all([await replica.metric(name) == wanted for name in names])

        await eventually(lambda: depth_and_drift(0))
        assert await replica.metric("schedules_drift_age_seconds") == 0
        await up.aclose()
        await eventually(lambda: depth_and_drift(-1))
        await asyncio.sleep(0.01)
        age = await replica.metric("schedules_drift_age_seconds")
        assert age is not None
        assert age > 0
        async with running(server):
            await eventually(lambda: depth_and_drift(0))
            assert await replica.metric("schedules_drift_age_seconds") == 0


async def test_replicas_share_the_events(stage: Any, eventually: Any) -> None:
    states = [stage.trigger() for _ in range(120)]
    async with stage.replica(resync_seconds=3600) as first, stage.replica(resync_seconds=3600) as second:
        both = (first, second)

        async def all_are_ready() -> bool:
            return all([await replica.metric("schedules_queue_depth") == 0 for replica in both])

        await eventually(all_are_ready)
        for state in states:
            await stage.publish(state)
        for state in states:
            await eventually(lambda state=state: stage.fact(state))
        created = [await replica.metric('schedules_steps_total{step="create"}') or 0 for replica in both]
        assert sum(created) == len(states), "each by one of them"
        assert all(created), created

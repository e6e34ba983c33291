"""What scheduler-sync adds to Temporal's own cost, as ratios within one run: `make bench-schedules`.

Prints one JSON object a line. Each ratio is measured in turns (bare, ours, bare, ours, …), so that a machine
that slows down, or a server that has more schedules to look after, slows down both.
"""

import asyncio
import gc
import itertools
import json
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

import structlog
import uvloop
from temporalio.client import ScheduleUpdate
from temporalio.service import RPCError

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from embedded_stack.servers.temporal import TemporalServer, TemporalStorage
from scheduler_sync.adapters.temporal_mapping import to_temporal
from scheduler_sync.adapters.temporal_schedules import CONCURRENCY
from scheduler_sync.app import Core, build
from scheduler_sync.domain.describe_rotation import DescribeRotation
from scheduler_sync.domain.desired import desired_schedule
from scheduler_sync.settings import Settings
from scheduler_sync.usecases.full_resync import FullResync, SoleLeader
from trigger_contracts import codec, streams
from trigger_contracts.config import Change, ScheduleConfig, TriggerChanged, TriggerState
from trigger_contracts.schedules import ScheduleSynced, schedule_id
from trigger_cron.timetable_cache import CACHE
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.lifecycle import Service
from trigger_runtime.settings import Secret
from trigger_runtime.temporal import TemporalSettings

COUNT: Final = int(os.environ.get("BENCH_SCHEDULES", "2000"))
TURNS: Final = 10
CHANGES: Final = 40
FIRST: Final = 3
SEEN: Final = 110
WARM: Final = 10
"""Triggers of those that only warm everything up."""
HELD: Final = 20_000
"""Triggers in memory, for what one takes."""
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


def trigger(number: int, **changes: Any) -> TriggerState:
    """Return a trigger like many: each fires at its own minute of the day, far from now."""
    base: dict[str, Any] = {
        "id": uuid4(),
        "workspace": f"workspace-{number % 50}",
        "workflow_id": uuid4(),
        "name": f"Report {number}",
        "enabled": True,
        "config": ScheduleConfig(
            cron_expression=f"{number % 60} {number // 60 % 24} 1 1 *", timezone="Europe/Berlin"
        ),
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    return TriggerState(**{**base, **changes})


def report(measure: str, **values: Any) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps({"measure": measure, **values}) + "\n")
    sys.stdout.flush()


async def each(
    items: Iterable[Any], *, do: Callable[[Any], Awaitable[Any]], at_once: int = CONCURRENCY
) -> None:
    """Do it for every item, some at a time."""
    left = iter(items)

    async def some() -> None:
        for item in left:
            await do(item)

    await asyncio.gather(*(some() for _ in range(at_once)))


class Bench:
    """A running core of the service, with the servers that it needs."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.followed = 0

    async def store(self, state: TriggerState) -> None:
        """Store a trigger on the bus."""
        change = Change(event="X", version=state.version, at=AT, actor="ada", request_id="r")
        message = codec.encode(TriggerChanged(change=change, trigger=state))
        await self.core.bus.publish(streams.config_trigger(state.id), message)
        self.followed += 1

    async def publish(self, states: Iterable[TriggerState]) -> None:
        """Store triggers on the bus, and wait until the core knows them."""
        await each(states, do=self.store)
        while (await self.core.configuration.position() or 0) < self.followed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def is_there(self, state: TriggerState) -> None:
        """Wait until Temporal has the schedule as the configuration says."""
        wanted = desired_schedule(state)
        assert wanted is not None
        handle = self.core.temporal.client.get_schedule_handle(wanted.schedule_id)
        async with asyncio.timeout(60):
            while True:
                with suppress(RPCError):
                    if (await handle.describe()).schedule.state.note == wanted.note:
                        return
                await asyncio.sleep(0.002)

    async def sync(self, state: TriggerState) -> None:
        """Do what the handler of a message does."""
        await self.core.reconciler.reconcile(state.id, seen=state.version)

    async def bare_create(self, state: TriggerState) -> None:
        """Make the same call as the service, and nothing else; the id is not one of ours."""
        desired = desired_schedule(state)
        assert desired is not None
        await self.core.temporal.client.create_schedule(f"bare-{state.id}", to_temporal(desired))

    async def bare_update(self, state: TriggerState) -> None:
        """Update as the client library does it, and nothing else."""
        desired = desired_schedule(state)
        assert desired is not None
        update = ScheduleUpdate(schedule=to_temporal(desired))
        handle = self.core.temporal.client.get_schedule_handle(f"bare-{state.id}")
        await handle.update(lambda _: update)

    async def bare_listing(self) -> int:
        """List everything, and look at nothing."""
        count = 0
        async for _ in await self.core.temporal.client.list_schedules(page_size=1000):
            count += 1
        return count


async def timed(work: Awaitable[Any]) -> float:
    """Return the seconds that it takes."""
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


async def creating(bench: Bench) -> tuple[list[TriggerState], list[TriggerState]]:
    """Create COUNT schedules each way; ours come from the bus, with facts on the bus."""
    made, made_bare = list[TriggerState](), list[TriggerState]()
    bare = ours = 0.0
    for turn in range(TURNS):
        size = COUNT // TURNS
        mine = [trigger(turn * size + number) for number in range(size)]
        others = [trigger(turn * size + number) for number in range(size)]
        await bench.publish(mine)
        for way in ("bare", "ours") if turn % 2 else ("ours", "bare"):
            if way == "bare":
                bare += await timed(each(others, do=bench.bare_create))
            else:
                # As the consumer does it; Temporal gets CONCURRENCY calls at a time here, too.
                ours += await timed(each(mine, do=bench.sync, at_once=2 * CONCURRENCY))
        made += mine
        made_bare += others
    report(
        "create",
        schedules=len(made),
        bare_per_second=round(len(made) / bare, 1),
        ours_per_second=round(len(made) / ours, 1),
        ratio=round(bare / ours, 3),
        wanted="ratio >= 0.85",
    )
    return made, made_bare


async def without_the_bare_ones(bench: Bench, *, count: int) -> None:
    """Delete what the service does not look at, and wait until the listing shows only the rest."""
    client = bench.core.temporal.client
    bare = [entry.id async for entry in await client.list_schedules() if entry.id.startswith("bare-")]
    await each(bare, do=lambda schedule_id: client.get_schedule_handle(schedule_id).delete())
    async with asyncio.timeout(120):
        while await bench.bare_listing() != count:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def report_resync(
    measure: str, *, count: int, bare: Sequence[float], ours: Sequence[float], writes: int
) -> None:
    """Print what comparing took, beside the bare listing."""
    report(
        measure,
        schedules=count,
        bare_listing_seconds=round(median(bare), 4),
        seconds=round(median(ours), 4),
        ratio=round(median(ours) / median(bare), 3),
        writes=writes,
        wanted="ratio <= 2, writes 0",
    )


async def comparing(bench: Bench, *, count: int) -> None:
    """Compare everything again and again while nothing has changed, as if it were once a minute.

    Each time others are described, one in sixty of them at least: the clock goes on with each look at it.
    """
    core, minutes = bench.core, itertools.count()
    resync = FullResync(
        core.schedules,
        configuration=core.configuration,
        reconciler=core.reconciler,
        published=core.published,
        calculator=core.calculator,
        now=lambda: datetime.now(UTC) + timedelta(minutes=next(minutes)),
        rotation=DescribeRotation(seconds=60, rounds=60),
    )
    await resync.run(leadership=SoleLeader())
    core.steps.clear()
    bare, ours = list[float](), list[float]()
    for _ in range(TURNS):
        bare.append(await timed(bench.bare_listing()))
        begun = time.perf_counter()
        found = await resync.run(leadership=SoleLeader())
        ours.append(time.perf_counter() - begun)
        assert (found.compared, found.drift, found.unknown, found.not_described) == (count, 0, 0, 0), found
    report_resync("resync", count=count, bare=bare, ours=ours, writes=sum(core.steps.values()))


async def starting(bench: Bench, *, settings: Settings, count: int) -> None:
    """Compare everything for the first time in a process: all is compiled, and nothing is written."""
    bare, ours, written = list[float](), list[float](), 0
    for _ in range(FIRST):
        bare.append(await timed(bench.bare_listing()))
        CACHE.clear()
        core = Core(settings)
        for component in core.components:
            await component.start()
        await core.caught_up()
        before = (await core.bus.js.stream_info(streams.SCHEDULES.name)).state.last_seq
        begun = time.perf_counter()
        found = await core.resync.run(leadership=SoleLeader())
        ours.append(time.perf_counter() - begun)
        written += (await core.bus.js.stream_info(streams.SCHEDULES.name)).state.last_seq - before
        written += sum(core.steps.values())
        assert (found.compared, found.drift, found.unknown) == (count, 0, 0), found
        for component in reversed(core.components):
            await component.stop()
    report_resync("first resync of a process", count=count, bare=bare, ours=ours, writes=written)


async def changing(bench: Bench, *, mine: Sequence[TriggerState], bare: Sequence[TriggerState]) -> float:
    """Change some schedules both ways, in turn; return the processor seconds that ours takes here.

    Temporal's own answer times grow with what it has to look after, so what depends on the number of
    schedules in *this* process is shown by the processor time of its thread.
    """
    updates, syncs, busy = list[float](), list[float](), list[float]()
    for state, other in zip(mine[:CHANGES], bare[:CHANGES], strict=True):
        changed = changed_now(state)
        await bench.publish([changed])
        updates.append(await timed(bench.bare_update(changed_now(other))))
        begun = time.thread_time()
        syncs.append(await timed(bench.sync(changed)))
        busy.append(time.thread_time() - begun)
    report(
        "change",
        schedules=await bench.bare_listing(),
        bare_ms=round(median(updates) * 1000, 1),
        ours_ms=round(median(syncs) * 1000, 1),
        ratio=round(median(syncs) / median(updates), 2),
        ours_cpu_ms=round(median(busy) * 1000, 2),
    )
    return median(busy)


async def changing_new_ones(bench: Bench) -> float:
    """Create some schedules both ways and change them: the same work, however many others there are."""
    mine = [trigger(number) for number in range(CHANGES)]
    bare = [trigger(number) for number in range(CHANGES)]
    await bench.publish(mine)
    await each(mine, do=bench.sync)
    await each(bare, do=bench.bare_create)
    return await changing(bench, mine=mine, bare=bare)


def changed_now(state: TriggerState) -> TriggerState:
    """Return it with another expression."""
    config = ScheduleConfig(cron_expression="7 7 7 7 *", timezone="Europe/Berlin")
    return trigger(0, id=state.id, workflow_id=state.workflow_id, version=2, config=config)


async def appearing(bench: Bench, *, service: Service) -> None:
    """Publish changes, one at a time, to a whole service, and look when Temporal has them."""
    await service.start()
    seconds = list[float]()
    for number in range(SEEN):
        state = trigger(number)
        for newer in (state, changed_now(state)):
            begun = time.perf_counter()
            await bench.store(newer)
            await bench.is_there(newer)
            seconds.append(time.perf_counter() - begun)
    await service.stop()
    ranked = sorted(seconds[2 * WARM :])
    report(
        "visible in Temporal",
        changes=len(ranked),
        median_ms=round(median(ranked) * 1000, 1),
        p99_ms=round(ranked[len(ranked) * 99 // 100] * 1000, 1),
        most_ms=round(ranked[-1] * 1000, 1),
        wanted="within a second",
    )


async def with_temporal(core: Core, *, settings: Settings) -> None:
    """Measure a change with few schedules and with many, creating, and comparing."""
    bench = Bench(core)
    await appearing(bench, service=build(settings))
    few = await changing_new_ones(bench)
    made, _ = await creating(bench)
    many = await changing_new_ones(bench)
    report("change with many schedules", cpu_ratio=round(many / few, 2), wanted="about 1")
    count = SEEN + 2 * CHANGES + len(made)
    await without_the_bare_ones(bench, count=count)
    await comparing(bench, count=count)
    await starting(bench, settings=settings, count=count)


def stored(number: int, subject: str, data: bytes) -> Received:
    """Return a message as the follower hands it on."""
    return Received(
        subject=subject, data=data, stream="CONFIG", sequence=number, attempt=1, pending=0, stored_at=AT
    )


def resident() -> int:
    """Return the bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def hold(messages: Sequence[tuple[str, bytes]]) -> Core:
    """Return a core that holds triggers as the service does: states, targets, and the published facts."""
    core = Core(Settings(nats_url=Secret("nats://127.0.0.1:1")))
    await core.configuration.apply([stored(number, *message) for number, message in enumerate(messages, 1)])
    for sequence, state in enumerate(core.configuration.schedule_triggers(), start=1):
        await core.resync.targets.target_of(state)
        core.published.apply(
            ScheduleSynced(
                trigger_id=state.id,
                trigger_version=state.version,
                schedule_id=schedule_id(state.id),
                at=AT,
                next_fire_times=(AT,),
            ),
            sequence=sequence,
        )
    gc.collect()
    return core


async def memory() -> None:
    """Hold HELD triggers twice: once for the process's memory, once with Python's own accounting."""
    change = Change(event="X", version=1, at=AT, actor="ada", request_id="r")
    messages = [
        (streams.config_trigger(state.id), codec.encode(TriggerChanged(change=change, trigger=state)))
        for state in map(trigger, range(HELD))
    ]
    gc.collect()
    before = resident()
    held = [await hold(messages)]
    grown = resident() - before
    tracemalloc.start()
    held.append(await hold(messages))
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    report(
        "memory",
        triggers=HELD,
        bytes_each=round(traced / HELD),
        resident_bytes_each=round(grown / HELD),
        wanted="<= 2048",
    )


async def main() -> None:
    """Run everything; it takes about two minutes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        bus = NatsServer(directory=Path(folder) / "nats")
        temporal = TemporalServer(directory=Path(folder) / "temporal", storage=TemporalStorage.MEMORY)
        async with running(bus), running(temporal):
            settings = Settings(
                http_port=0,
                nats_url=Secret(bus.url),
                temporal=TemporalSettings(temporal_address=temporal.address),
            )
            core = Core(settings)
            for component in core.components:
                await component.start()
            await core.bus.ready()
            await core.caught_up()
            await with_temporal(core, settings=settings)
            for component in reversed(core.components):
                await component.stop()
    await memory()


if __name__ == "__main__":
    # As the service itself.
    uvloop.run(main())

"""Random histories: whatever happened, and whoever was killed meanwhile, in the end the plan is empty."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest
from temporalio.client import (
    Client,
    ScheduleOverlapPolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from embedded_stack.servers.temporal import TemporalServer
from scheduler_sync.adapters.temporal_diff import is_equivalent
from scheduler_sync.adapters.temporal_mapping import to_temporal
from scheduler_sync.app import Core
from scheduler_sync.domain.desired import desired_schedule
from scheduler_sync.domain.next_times import is_finished
from scheduler_sync.ports import TemporalUnavailableError
from scheduler_sync.usecases.status_publisher import PUBLISHED_TIMES
from trigger_contracts import streams
from trigger_contracts.config import DstPolicy, OverlapPolicy, ScheduleConfig, TriggerState
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.temporal import DATA_CONVERTER

pytestmark = pytest.mark.integration

STEPS = 30
EXPRESSIONS = ["0 9 LW * *", "30 2 15W * *", "0 0 * * FRI#3", "0 12 1,15 * MON", "@yearly", "0 0 L 2 *"]
# What fires while the history goes on, too.
EXPRESSIONS += ["* * * * *", "*/2 * * * *"]
OPTIONS: list[dict[str, Any]] = [
    *[{}] * 4,
    {"jitter_seconds": 30},
    {"start_at": datetime(2026, 1, 1, tzinfo=UTC), "end_at": datetime(2090, 1, 1, tzinfo=UTC)},
    {"end_at": datetime(2026, 1, 1, tzinfo=UTC)},
    {"additional_expressions": ("15 4 * * *",), "excluded_dates": (date(2027, 1, 1),)},
    {"cron_expression": "30 2 * * *", "timezone": "Europe/Berlin", "dst_policy": DstPolicy.SHIFT},
]


class Killable:
    """scheduler-sync in a process of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "scheduler_sync", "serve"),
                env={**os.environ, **self._environment},
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )

    @property
    def is_up(self) -> bool:
        return self._process is not None

    async def ready(self) -> None:
        """Wait until it says that it does its work, or for a moment: a server may be away."""
        url = f"http://127.0.0.1:{self._environment['HTTP_PORT']}/readyz"
        async with aiohttp.ClientSession() as session:
            for _ in range(60):
                with suppress(aiohttp.ClientError):
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End it at whatever it is doing: no handler, no last write."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


class Restartable:
    """A server with its data in a file."""

    def __init__(self, server: NatsServer | TemporalServer) -> None:
        self.server = server
        self._up: Any = None

    async def start(self) -> None:
        self._up = running(self.server)
        await self._up.__aenter__()

    async def stop(self) -> None:
        if self._up is not None:
            up, self._up = self._up, None
            await up.__aexit__(None, None, None)


class History:
    """What somebody does to triggers, to schedules behind the service's back, and to the processes."""

    def __init__(
        self,
        stage: Any,
        *,
        random: Random,
        replicas: Sequence[Killable],
        nats: Restartable,
        temporal: Restartable,
    ) -> None:
        self.stage = stage
        self.random = random
        self.replicas = replicas
        self.nats = nats
        self.temporal = temporal
        self.states: dict[UUID, TriggerState] = {}

    async def step(self) -> tuple[str, bool]:
        """Do something that has an effect; return what, and whether a replica was up."""
        up = any(replica.is_up for replica in self.replicas)
        alive = any(state.deleted_at is None for state in self.states.values())
        kinds: list[Callable[[], Any]] = [self.create] * 3
        if alive:
            by_hand = [self.pause_by_hand, self.delete_by_hand, self.update_by_hand]
            by_hand += [self.update_quietly, self.update_very_quietly]
            kinds += [*[self.change] * 5, *[self.toggle] * 4, self.delete, *by_hand * 2]
        kinds += [self.kill] * 3 if up else []
        kinds += [self.start] * (3 if up else 5)
        kinds += [self.restart_temporal] * 2
        kinds += [self.restart_nats]
        kind = self.random.choice(kinds)
        await kind()
        # The next one comes at any point of what this one has set off.
        await asyncio.sleep(self.random.choice([0, 0, 0.01, 0.03, 0.1, 0.3, 0.6]))
        return kind.__name__, up

    def _some(self) -> TriggerState | None:
        alive = [state for state in self.states.values() if state.deleted_at is None]
        return self.random.choice(alive) if alive else None

    async def _publish(self, state: TriggerState) -> None:
        self.states[state.id] = state
        async with asyncio.timeout(60):
            while True:
                # As the outbox does it.
                with suppress(BusUnavailableError):
                    await self.stage.publish(state)
                    return
                await asyncio.sleep(0.05)

    async def _next(self, **changes: Any) -> None:
        if (state := self._some()) is not None:
            await self._publish(msgspec.structs.replace(state, version=state.version + 1, **changes))

    def _config(self) -> ScheduleConfig:
        drawn: dict[str, Any] = {
            "cron_expression": self.random.choice(EXPRESSIONS),
            "timezone": self.random.choice(["UTC", "Europe/Berlin"]),
            "overlap_policy": self.random.choice(list(OverlapPolicy)),
        }
        return ScheduleConfig(**{**drawn, **self.random.choice(OPTIONS)})

    async def create(self) -> None:
        await self._publish(self.stage.trigger(self._config(), enabled=self.random.random() < 0.7))

    async def change(self) -> None:
        await self._next(config=self._config())

    async def toggle(self) -> None:
        await self._next(enabled=self.random.random() < 0.5)

    async def delete(self) -> None:
        await self._next(deleted_at=self.stage.trigger().created_at)

    async def pause_by_hand(self) -> None:
        await self._by_hand(lambda handle: handle.pause())

    async def delete_by_hand(self) -> None:
        await self._by_hand(lambda handle: handle.delete())

    async def update_by_hand(self) -> None:
        def other(given: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule = given.description.schedule
            schedule.spec.calendars = []
            schedule.state.note = "by hand"
            return ScheduleUpdate(schedule=schedule)

        await self._by_hand(lambda handle: handle.update(other))

    async def update_quietly(self) -> None:
        """Change when it fires, and leave the note as it was."""

        def other(given: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule = given.description.schedule
            schedule.spec = ScheduleSpec(cron_expressions=["17 3 * * *"])
            return ScheduleUpdate(schedule=schedule)

        await self._by_hand(lambda handle: handle.update(other))

    async def update_very_quietly(self) -> None:
        """Change what neither the note nor the times show."""
        chosen = self.random.randrange(4)

        def other(given: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule = given.description.schedule
            action: Any = schedule.action
            if chosen == 0:
                schedule.policy.overlap = ScheduleOverlapPolicy.TERMINATE_OTHER
            elif chosen == 1:
                schedule.policy.catchup_window = timedelta(days=300)
            elif chosen == 2:
                action.args = ["by hand"]
            else:
                action.task_queue = "by-hand"
            return ScheduleUpdate(schedule=schedule)

        await self._by_hand(lambda handle: handle.update(other))

    async def _by_hand(self, do: Callable[[Any], Any]) -> None:
        if (state := self._some()) is not None:
            # It may not be there (yet), which is as good a moment as any.
            with suppress(RPCError):
                await do(self.stage.temporal.get_schedule_handle(f"trigger-{state.id}"))

    async def kill(self) -> None:
        await self.random.choice([replica for replica in self.replicas if replica.is_up]).kill()

    async def start(self) -> None:
        replica = self.random.choice(self.replicas)
        await replica.start()
        if self.random.random() < 0.7:
            await replica.ready()

    async def restart_temporal(self) -> None:
        await self.temporal.stop()
        await self.temporal.start()

    async def restart_nats(self) -> None:
        await self.nats.stop()
        await asyncio.sleep(self.random.choice([0, 0.3]))
        await self.nats.start()


@asynccontextmanager
async def running_core(stage: Any) -> AsyncIterator[Core]:
    core = Core(stage.settings())
    for component in core.components:
        await component.start()
    try:
        await core.bus.ready()
        await core.caught_up()
        yield core
    finally:
        for component in reversed(core.components):
            await component.stop()


SEEDS = [1, 2, 3, 4]
happened: dict[int, set[tuple[str, bool]]] = {}
"""What was done in each history, and whether the service was up then."""


@asynccontextmanager
async def own_servers(stage: Any, directory: Path) -> AsyncIterator[tuple[Any, Restartable, Restartable]]:
    """Yield a stage on servers that can be restarted, and the servers."""
    nats, temporal = (
        NatsServer(directory=directory / "nats"),
        TemporalServer(directory=directory / "temporal"),
    )
    servers = [Restartable(nats), Restartable(temporal)]
    for server in servers:
        await server.start()
    bus = Bus(url=nats.url, client_name="history", streams=(streams.CONFIG, streams.SCHEDULES))
    await bus.start()
    try:
        await bus.ready()
        yield (
            type(stage)(
                nats_url=nats.url,
                temporal_address=temporal.address,
                temporal=await Client.connect(temporal.address, data_converter=DATA_CONVERTER),
                bus=bus,
                new_port=stage.new_port,
            ),
            *servers,
        )
    finally:
        await bus.stop()
        for server in servers:
            await server.stop()


@pytest.mark.parametrize("seed", SEEDS)
async def test_in_the_end_the_plan_is_empty(
    stage: Any, tmp_path: Path, eventually: Any, seed: int, unused_tcp_port_factory: Callable[[], int]
) -> None:
    async with own_servers(stage, tmp_path) as (mine, nats, temporal):
        replicas = [
            Killable(
                {
                    "HTTP_PORT": str(unused_tcp_port_factory()),
                    "NATS_URL": mine.nats_url,
                    "TEMPORAL_ADDRESS": mine.temporal_address,
                    "RESYNC_SECONDS": "1",
                    "RESYNC_LEASE_SECONDS": "1",
                    "RESYNC_CLOSELY_SECONDS": "3",
                }
            )
            for _ in "ab"
        ]
        history = History(mine, random=Random(seed), replicas=replicas, nats=nats, temporal=temporal)
        try:
            await history.start()
            for _ in range(3):
                await history.create()
            done = [await history.step() for _ in range(STEPS)]
            for replica in replicas:
                await replica.start()
            async with running_core(mine) as core:

                async def settled() -> bool:
                    try:
                        found = await core.resync.find_drift()
                        if found.steps or found.refused or found.unknown or found.not_described:
                            return False
                        wrong[:] = [text async for text in differences(history)]
                    except (BusUnavailableError, TemporalUnavailableError, AssertionError):
                        # The last step may have restarted a server, and this one has to connect again, too.
                        return False
                    return not wrong

                wrong = list[str]()
                try:
                    await eventually(settled, seconds=60)
                except AssertionError as error:
                    raise AssertionError(f"{wrong} after {done}") from error
            happened[seed] = set(done)
        finally:
            for replica in replicas:
                await replica.kill()


def test_everything_has_happened() -> None:
    """The histories are drawn, so it has to be shown that they are not empty ones."""
    if len(happened) < len(SEEDS):
        pytest.skip("not all histories have been run")
    everything = set[tuple[str, bool]]().union(*happened.values())
    up = {kind for kind, was_up in everything if was_up}
    assert {"create", "change", "toggle", "kill", "restart_temporal", "restart_nats"} <= up
    assert up & {"pause_by_hand", "delete_by_hand", "update_by_hand"}
    assert {"update_quietly", "update_very_quietly"} <= up
    assert {kind for kind, was_up in everything if not was_up} >= {"start", "change"}


async def differences(history: History) -> AsyncIterator[str]:
    """Yield what is not as its trigger says."""
    for state in history.states.values():
        found = await history.stage.described(state.id)
        desired = desired_schedule(state)
        if desired is not None and found is None and is_finished(desired, now=datetime.now(UTC)):
            # Nothing is left to fire, so it need not be there.
            pass
        elif found is None or desired is None:
            if (found is None) is not (desired is None):
                yield f"{state.id} is {'not there' if found is None else 'there'}"
        elif found.schedule.state.paused is state.enabled:
            yield f"{state.id} is paused: {found.schedule.state.paused}"
        elif not is_equivalent(found.schedule, to_temporal(desired)):
            yield f"{state.id} is {found.schedule} instead of {to_temporal(desired)}"
        fact = await history.stage.fact(state)
        if fact is None:
            yield f"nothing is said of {state.id}"
        elif found is not None and state.enabled and desired is not None:
            shown = tuple(found.info.next_action_times)[:PUBLISHED_TIMES]
            if fact.next_fire_times != shown:
                yield f"{fact.next_fire_times} is said of {state.id}, which fires at {shown}"

"""The supervisor with real processes: order, restart with back-off, stop, and no orphan whatever happens."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded_stack.launch import Identity, launch, shimmed
from embedded_stack.leftovers import ProcessRecord, end_leftovers, fingerprint
from embedded_stack.program import Job, ProgramStartError
from embedded_stack.servers.postgres_identity import refusal
from embedded_stack.supervisor import Event, Happening, RestartPolicy, Step, Supervisor

QUICK = RestartPolicy(
    first=0.01, longest=0.04, healthy=3600, ready_within=20, stop_within=20, start_attempts=2
)
SERVE = "import pathlib, time; pathlib.Path('{name}.ready').touch(); time.sleep(600)"
STUBBORN = (
    "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "pathlib.Path('{name}.ready').touch(); time.sleep(600)"
)
COUNTED = "import pathlib; pathlib.Path('{name}.lives').open('a').write('x');" + SERVE


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - conditions in other processes, which set no event of ours
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A program that is ready when its file `<name>.ready` is there."""

    name: str
    directory: Path
    code: str = SERVE
    identity: Identity = Identity.SAME
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL

    @property
    def environment(self) -> dict[str, str]:
        return {}

    @property
    def flag(self) -> Path:
        return self.directory / f"{self.name}.ready"

    def command(self) -> list[str | Path]:
        return [sys.executable, "-I", "-S", "-c", self.code.format(name=self.name)]

    async def prepare(self) -> None:
        self.flag.unlink(missing_ok=True)

    async def wait_ready(self) -> None:
        await until(self.flag.exists)

    async def unready_reason(self) -> str:
        return "no file"


@asynccontextmanager
async def supervised(
    folder: Path, *steps: Step, policy: RestartPolicy = QUICK
) -> AsyncIterator[tuple[Supervisor, list[Event]]]:
    events: list[Event] = []
    supervisor = Supervisor(
        steps, logs=folder / "log", record=folder / "processes.json", observe=events.append, policy=policy
    )
    try:
        yield supervisor, events
    finally:
        await supervisor.stop()


def order(events: list[Event], happening: Happening) -> list[str]:
    return [event.name for event in events if event.happening is happening]


async def until_restarted(events: list[Event], *, times: int) -> None:
    await until(lambda: len(order(events, Happening.RESTARTED)) == times)


async def test_starts_by_need_and_stops_in_reverse(tmp_path: Path) -> None:
    steps = [
        Step(program=Script(name="edge", directory=tmp_path), uses=frozenset({"service"})),
        Step(program=Script(name="service", directory=tmp_path), needs=frozenset({"migrate"})),
        Step(
            program=Job(name="migrate", directory=tmp_path, environment={}, arguments=["/bin/true"]),
            needs=frozenset({"store"}),
        ),
        Step(program=Script(name="store", directory=tmp_path)),
    ]
    async with supervised(tmp_path, *steps) as (supervisor, events):
        await supervisor.start()
        ready = [e.name for e in events if e.happening in {Happening.READY, Happening.DONE}]
        assert [name for name in ready if name != "edge"] == ["store", "migrate", "service"]
        assert set(supervisor.pids()) == {"edge", "service", "store"}
        pids = supervisor.pids()
    # The store waits for the migration, which waits for the service, which waits for the edge.
    assert order(events, Happening.STOPPED) == ["edge", "service", "store"]
    assert [pid for pid in pids.values() if fingerprint(pid)] == []


async def test_a_need_without_a_program_fails_at_once(tmp_path: Path) -> None:
    step = Step(program=Script(name="one", directory=tmp_path), needs=frozenset({"two"}))
    with pytest.raises(ValueError, match="needs two"):
        Supervisor([step], logs=tmp_path, record=tmp_path / "processes.json", observe=lambda _: None)


async def test_a_killed_program_starts_again_with_another_process(tmp_path: Path) -> None:
    async with supervised(tmp_path, Step(program=Script(name="one", directory=tmp_path))) as (
        supervisor,
        events,
    ):
        await supervisor.start()
        first = supervisor.pids()["one"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: bool(order(events, Happening.RESTARTED)))
        second = supervisor.pids()["one"]
        assert second != first
        assert (tmp_path / "processes.json").read_text().count(str(second)) == 1
    assert fingerprint(second) is None


async def test_the_pause_doubles_up_to_its_limit(tmp_path: Path) -> None:
    mortal = Script(name="one", directory=tmp_path)
    async with supervised(tmp_path, Step(program=mortal)) as (supervisor, events):
        await supervisor.start()
        for deaths in range(1, 5):
            os.kill(supervisor.pids()["one"], signal.SIGKILL)
            await until_restarted(events, times=deaths)
    pauses = [event.seconds for event in events if event.happening is Happening.DIED]
    assert pauses == [0.01, 0.02, 0.04, 0.04]


def test_the_pause_of_a_policy() -> None:
    policy = RestartPolicy(first=0.5, longest=10)
    assert [policy.pause(deaths) for deaths in (1, 2, 3, 10, 100000)] == [0.5, 1, 2, 10, 10]


async def test_a_healthy_life_makes_the_pause_short_again(tmp_path: Path) -> None:
    policy = RestartPolicy(first=0.01, longest=10, healthy=0)
    step = Step(program=Script(name="one", directory=tmp_path))
    async with supervised(tmp_path, step, policy=policy) as (supervisor, events):
        await supervisor.start()
        for deaths in range(1, 4):
            os.kill(supervisor.pids()["one"], signal.SIGKILL)
            await until_restarted(events, times=deaths)
    assert {event.seconds for event in events if event.happening is Happening.DIED} == {0.01}


async def test_a_program_that_never_becomes_ready_fails_with_its_log(tmp_path: Path) -> None:
    code = "print('this is the reason'); raise SystemExit(3)"
    step = Step(program=Script(name="one", directory=tmp_path, code=code))
    async with supervised(tmp_path, step) as (supervisor, _):
        with pytest.raises(ProgramStartError, match=r"(?s)one ended with code 3.*this is the reason"):
            await supervisor.start()


async def test_what_is_not_ready_yet_is_named_with_its_reason(tmp_path: Path) -> None:
    slow = "import time; time.sleep(600)"
    steps = [
        Step(program=Script(name="quick", directory=tmp_path)),
        Step(program=Script(name="slow", directory=tmp_path, code=slow), needs=frozenset({"quick"})),
        Step(program=Script(name="later", directory=tmp_path), needs=frozenset({"slow"})),
    ]
    async with supervised(tmp_path, *steps) as (supervisor, _):
        starting = asyncio.create_task(supervisor.start())
        await until(lambda: "slow" in supervisor.pids())
        assert await supervisor.waiting() == {"slow": "no file"}
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


async def test_a_failed_job_stops_what_needs_it(tmp_path: Path) -> None:
    steps = [
        Step(program=Job(name="migrate", directory=tmp_path, environment={}, arguments=["/bin/false"])),
        Step(program=Script(name="service", directory=tmp_path), needs=frozenset({"migrate"})),
        Step(program=Script(name="other", directory=tmp_path)),
    ]
    async with supervised(tmp_path, *steps) as (supervisor, events):
        with pytest.raises(ProgramStartError, match="migrate ended with code 1"):
            await supervisor.start()
        assert "service" not in order(events, Happening.STARTING)
    assert supervisor.pids() == {}


async def test_who_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    policy = RestartPolicy(ready_within=20, stop_within=0.05)
    step = Step(program=Script(name="one", directory=tmp_path, code=STUBBORN))
    async with supervised(tmp_path, step, policy=policy) as (supervisor, _):
        await supervisor.start()
        pid = supervisor.pids()["one"]
    assert fingerprint(pid) is None


async def test_kill_ends_a_patient_stop(tmp_path: Path) -> None:
    step = Step(program=Script(name="one", directory=tmp_path, code=STUBBORN))
    async with supervised(tmp_path, step, policy=RestartPolicy(stop_within=3600)) as (supervisor, _):
        await supervisor.start()
        stopping = asyncio.create_task(supervisor.stop())
        await asyncio.sleep(0)
        supervisor.kill()
        await asyncio.wait_for(stopping, 30)


async def test_a_stop_during_the_pause_starts_nothing(tmp_path: Path) -> None:
    policy = RestartPolicy(first=3600, longest=3600)
    step = Step(program=Script(name="one", directory=tmp_path, code=COUNTED))
    async with supervised(tmp_path, step, policy=policy) as (supervisor, events):
        await supervisor.start()
        os.kill(supervisor.pids()["one"], signal.SIGKILL)
        await until(lambda: bool(order(events, Happening.DIED)))
    assert (tmp_path / "one.lives").read_text() == "x"
    assert supervisor.pids() == {}


KILLED_SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from embedded_stack.launch import Identity, launch, shimmed

async def main():
    folder = Path(sys.argv[1])
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    command = shimmed([sys.executable, "-c", code], identity=Identity(sys.argv[2]))
    process = await launch(command, environment={}, directory=folder, log=folder / "child.log")
    (folder / "pid.part").write_text(str(process.pid))
    (folder / "pid.part").rename(folder / "pid")
    await process.wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux's")
@pytest.mark.parametrize("identity", list(Identity))
async def test_no_orphan_when_the_supervisor_is_killed(tmp_path: Path, identity: Identity) -> None:
    if identity is not Identity.SAME and (reason := refusal(identity)):
        pytest.skip(f"{identity.value}: {reason}")
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_SUPERVISOR, str(tmp_path), identity.value
    )
    await until((tmp_path / "pid").exists)
    child = int((tmp_path / "pid").read_text())
    assert fingerprint(child) is not None
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: fingerprint(child) is None)


async def test_leftovers_are_ended_only_when_they_are_certainly_ours(tmp_path: Path) -> None:
    command = shimmed([sys.executable, "-c", "import time; time.sleep(600)"])
    ours = await launch(command, environment={}, directory=tmp_path, log=tmp_path / "log")
    stranger = await launch(command, environment={}, directory=tmp_path, log=tmp_path / "log")
    path = tmp_path / "processes.json"
    record = ProcessRecord(path)
    record.add("ours", pid=ours.pid, stop_signal=signal.SIGTERM)
    record.add("recycled", pid=stranger.pid, stop_signal=signal.SIGTERM)
    mark = fingerprint(stranger.pid)
    recorded = json.loads(await asyncio.to_thread(path.read_text))
    recorded["recycled"]["fingerprint"] += "1"  # the same number, but a process that started at another time
    await asyncio.to_thread(path.write_text, json.dumps(recorded))
    try:
        assert await end_leftovers(path) == ["ours"]
        assert await ours.wait() != 0
        assert fingerprint(stranger.pid) == mark
    finally:
        stranger.kill()
        await stranger.wait()


async def test_no_record_and_a_damaged_record_mean_nothing_to_end(tmp_path: Path) -> None:
    path = tmp_path / "processes.json"
    assert await end_leftovers(path) == []
    await asyncio.to_thread(path.write_text, "{")
    assert await end_leftovers(path) == []

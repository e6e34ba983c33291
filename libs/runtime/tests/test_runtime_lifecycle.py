"""Starting, stopping, crashing; and a real process that is told to end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from trigger_runtime.lifecycle import BackgroundTask, Component, Readiness, Service, Watched, cancel


class Part:
    """A component that notes what happens to it."""

    def __init__(self, name: str, diary: list[str], **does: Callable[[], Any]) -> None:
        self.name = name
        self._diary = diary
        self._does = does

    async def start(self) -> None:
        if "start" in self._does:
            await self._does["start"]()
        self._diary.append(f"start {self.name}")

    async def stop(self) -> None:
        self._diary.append(f"stop {self.name}")
        if "stop" in self._does:
            await self._does["stop"]()


def service(*parts: Component, seconds: float = 5.0, readiness: Readiness | None = None) -> Service:
    return Service("test", components=parts, readiness=readiness or Readiness(), shutdown_seconds=seconds)


async def fail() -> None:
    raise ValueError("broken")


async def test_parts_start_in_order_and_stop_in_reverse() -> None:
    diary: list[str] = []
    readiness = Readiness()
    one = service(Part("a", diary), Part("b", diary), Part("c", diary), readiness=readiness)
    await one.start()
    assert readiness.missing() == {}
    await one.stop()
    assert diary == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]
    assert readiness.missing() == {"service": "stopping"}
    await one.stop()
    assert len(diary) == 6


async def test_when_a_part_cannot_start_those_before_it_are_stopped() -> None:
    diary: list[str] = []
    one = service(Part("a", diary), Part("b", diary, start=fail), Part("c", diary))
    with pytest.raises(ValueError, match="broken"):
        await one.run()
    assert diary == ["start a", "stop a"]


async def test_a_part_that_fails_to_stop_does_not_keep_the_others() -> None:
    diary: list[str] = []
    one = service(Part("a", diary), Part("b", diary, stop=fail))
    await one.start()
    await one.stop()
    assert diary[2:] == ["stop b", "stop a"]


async def test_a_stop_has_a_limit() -> None:
    diary: list[str] = []
    one = service(Part("a", diary), Part("b", diary, stop=asyncio.Event().wait), seconds=0.2)
    await one.start()
    begun = time.monotonic()
    await one.stop()
    assert 0.1 < time.monotonic() - begun < 2
    assert diary[2:] == ["stop b"]


async def test_readiness_names_what_is_missing() -> None:
    readiness = Readiness()
    state: dict[str, str | None] = {"bus": "not connected yet", "database": None}
    for name in state:
        readiness.require(name, partial(state.get, name))
    assert readiness.missing() == {"bus": "not connected yet"}
    state["bus"] = None
    assert readiness.missing() == {}


async def test_a_background_task_that_crashes_ends_the_service() -> None:
    diary: list[str] = []
    one = service(Part("a", diary), BackgroundTask("worker", fail))
    with pytest.raises(RuntimeError, match="background task worker ended") as caught:
        await asyncio.wait_for(one.run(), 5)
    assert isinstance(caught.value.__cause__, ValueError)
    assert diary == ["start a", "stop a"]


async def test_a_background_task_that_returns_is_a_crash_too() -> None:
    async def done() -> None:
        return

    with pytest.raises(RuntimeError, match="background task worker ended"):
        await asyncio.wait_for(service(BackgroundTask("worker", done)).run(), 5)


async def test_stopping_a_background_task_lets_it_clean_up() -> None:
    diary: list[str] = []
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            diary.append("cleaned up")

    task = BackgroundTask("worker", work)
    await task.stop()
    await task.start()
    await begun.wait()
    await task.stop()
    assert diary == ["cleaned up"]


async def test_a_background_task_that_fails_while_it_stops_does_not_raise() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            raise OSError("gone")

    task = BackgroundTask("worker", work)
    await task.start()
    await begun.wait()
    await task.stop()


async def test_the_limit_of_a_stop_holds_for_a_task_that_resists() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    one = service(BackgroundTask("stubborn", stubborn), seconds=0.2)
    await one.start()
    await asyncio.sleep(0)
    begun = time.monotonic()
    await one.stop()
    assert time.monotonic() - begun < 2
    release.set()


async def test_a_cancellation_that_got_lost_is_repeated() -> None:
    lost: list[str] = []

    async def loses_one() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.append("one")
        await asyncio.Event().wait()

    task = asyncio.create_task(loses_one())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancel([task], again_seconds=0.05), 5)
    assert task.cancelled()
    assert lost == ["one"]
    await cancel([])


PROGRAM = """
import asyncio, sys
from trigger_runtime.command_line import run
from trigger_runtime.lifecycle import BackgroundTask, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.settings import ServiceSettings
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener


class Settings(ServiceSettings, frozen=True, kw_only=True):
    http_port: int = 0
    crash: bool = False
    ready: bool = True


class Slow:
    name = "slow"

    async def start(self):
        pass

    async def stop(self):
        await asyncio.sleep(0.3)
        sys.stdout.write("stopped gracefully\\\\n")


def build(settings):
    readiness = Readiness()
    readiness.require("thing", lambda: None if settings.ready else "missing")
    application = new_application(
        routes=[], readiness=readiness, metrics=Metrics(), error_map=lambda error: None, max_body_bytes=1000
    )
    parts = [Slow(), HttpListener(application, host=settings.http_host, port=settings.http_port)]
    if settings.crash:
        async def crash():
            raise KeyError("boom")
        parts.append(BackgroundTask("crasher", crash))
    return Service("demo", components=parts, readiness=readiness, shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds)


def migrate():
    import os
    if os.environ.get("BREAK"):
        raise RuntimeError("the migration broke")
    return "migrated"


sys.exit(run("demo-service", settings=Settings, build=build, migrate=migrate))
""".replace("\\\\n", "\\n")


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "demo.py"
    path.write_text(PROGRAM)
    return [sys.executable, str(path)]


def ran(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def serve(command: list[str], **environment: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [*command, "serve"],
        env={"PATH": os.defpath, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "service started"
    return process


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_end_ends_gracefully(program: list[str], number: signal.Signals) -> None:
    with serve(program) as process:
        process.send_signal(number)
        time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert err == ""
    lines = out.splitlines()
    assert "stopped gracefully" in lines
    assert json.loads(lines[-1])["event"] == "service stopped"


@pytest.mark.integration
def test_a_stop_that_takes_too_long_is_cut_off(program: list[str]) -> None:
    with serve(program, SHUTDOWN_SECONDS="0.05") as process:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "stopped gracefully" not in out
    late = next(json.loads(line) for line in out.splitlines() if "ran out of time" in line)
    assert late["left"] == ["slow"]


@pytest.mark.integration
def test_a_crash_is_a_failure_of_the_process(program: list[str]) -> None:
    done = ran([*program, "serve"], CRASH="true")
    assert done.returncode == 1
    assert "background task crasher ended" in done.stderr
    critical = next(json.loads(line) for line in done.stdout.splitlines() if "critical" in line)
    assert critical["exception"][0]["exc_type"] == "KeyError"


@pytest.mark.integration
def test_exit_codes_of_the_command_line(program: list[str]) -> None:
    for wrong in ([], ["dance"], ["serve", "--port", "1"]):
        done = ran([*program, *wrong])
        assert (done.returncode, done.stdout) == (2, ""), wrong
        assert "usage: python -m demo_service" in done.stderr

    done = ran([*program, "serve"], HTTP_PORT="x", LOG_LEVEL="loud")
    assert done.returncode == 2
    assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [
        ["demo-service", " HTTP_PORT"],
        ["demo-service", " LOG_LEVEL"],
    ]
    assert (done := ran([*program, "migrate"])).returncode == 0
    assert done.stdout == "migrated\n"
    done = ran([*program, "migrate"], BREAK="1")
    assert (done.returncode, done.stderr) == (1, "demo-service: the migration broke\n")
    assert (done := ran([*program, "serve"], HTTP_PORT="70000")).returncode == 1
    assert "no port 70000" in done.stderr
    assert (done := ran([*program, "serve"], HTTP_HOST="192.0.2.1")).returncode == 1
    assert "192.0.2.1" in done.stderr


@pytest.mark.integration
def test_the_health_check(program: list[str]) -> None:
    from embedded_stack.ports import free_port

    port = str(free_port())
    proxy = {"http_proxy": "http://127.0.0.1:1"}
    done = ran([*program, "healthcheck"], HTTP_PORT=port)
    assert done.returncode == 1
    assert "not ready" in done.stderr
    with serve(program, HTTP_PORT=port, HTTP_HOST="0.0.0.0") as process:
        assert ran([*program, "healthcheck"], HTTP_PORT=port, HTTP_HOST="0.0.0.0", **proxy).returncode == 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    with serve(program, HTTP_PORT=port, READY="false") as process:
        done = ran([*program, "healthcheck"], HTTP_PORT=port)
        assert (done.returncode, "503" in done.stderr) == (1, True)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


class Restless(Part):
    """A component with tasks of its own."""

    def __init__(self, name: str, diary: list[str], *ends: Callable[[], Any]) -> None:
        super().__init__(name, diary)
        self._ends = ends
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(end(), name=self.name) for end in self._ends]
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await cancel(self._tasks)

    def tasks(self) -> list[asyncio.Task[Any]]:
        return self._tasks


async def test_a_task_of_any_component_that_ends_ends_the_service() -> None:
    diary: list[str] = []
    one = service(Part("a", diary), Restless("b", diary, asyncio.Event().wait, fail), Part("c", diary))
    with pytest.raises(RuntimeError, match="background task b ended") as caught:
        await asyncio.wait_for(one.run(), 5)
    assert isinstance(caught.value.__cause__, ValueError)
    assert diary[3:] == ["stop c", "stop b", "stop a"]


async def _nothing(*_arguments: Any) -> None:
    return None


def _everything() -> list[Component]:
    from trigger_runtime.bus.connection import Bus
    from trigger_runtime.bus.consumer import Consumer
    from trigger_runtime.bus.follower import Follower
    from trigger_runtime.bus.subscription import Subscription
    from trigger_runtime.metrics import Metrics
    from trigger_runtime.postgres import Database
    from trigger_runtime.postgres_schema import SchemaWatch
    from trigger_runtime.settings import Secret
    from trigger_runtime.temporal import TemporalConnection, TemporalSettings, TemporalWorker

    bus = Bus(url="nats://127.0.0.1:1", client_name="test")
    database = Database(Secret("postgresql://u:p@127.0.0.1:1/d"), application="test")
    temporal = TemporalConnection(TemporalSettings(temporal_address="127.0.0.1:1"), identity="test")
    subscription = Subscription(stream="T", durable="d", subjects=["t"], dead_letter_subject="dead.T.d")
    return [
        bus,
        database,
        SchemaWatch(database, directory=Path(), table="none"),
        temporal,
        Follower(bus, name="f", stream="T", subjects=["t"], position=_nothing, apply=_nothing),
        Consumer(bus, subscription=subscription, handle=_nothing, metrics=Metrics()),
        TemporalWorker(temporal, make=lambda _client: pytest.fail("never connected")),
    ]


@pytest.mark.parametrize("which", range(len(_everything())), ids=lambda n: _everything()[n].name)
async def test_each_kind_of_component_is_watched(which: int, eventually: Any) -> None:
    parts = _everything()
    one = service(*parts)
    running = asyncio.create_task(one.run())
    await eventually(lambda: all(part.tasks() for part in parts if isinstance(part, Watched)))
    part = parts[which]
    assert isinstance(part, Watched)
    tasks = part.tasks()
    assert tasks
    assert not any(task.done() for task in tasks)
    tasks[-1].cancel()
    with pytest.raises(RuntimeError, match="ended"):
        await asyncio.wait_for(running, 15)


async def test_a_crash_does_not_wait_for_the_draining() -> None:
    begun = time.monotonic()
    one = Service(
        "test",
        components=[BackgroundTask("worker", fail)],
        readiness=Readiness(),
        shutdown_seconds=5,
        drain_seconds=30,
    )
    with pytest.raises(RuntimeError, match="background task worker ended"):
        await asyncio.wait_for(one.run(), 5)
    assert time.monotonic() - begun < 2


def _asked(url: str) -> tuple[int, bytes]:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.integration
def test_readiness_says_stopping_before_the_listener_closes(program: list[str]) -> None:
    from embedded_stack.ports import free_port

    port = str(free_port())
    base = f"http://127.0.0.1:{port}"
    with serve(program, HTTP_PORT=port, DRAIN_SECONDS="1.5") as process:
        assert _asked(f"{base}/readyz")[0] == 200
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, body = 200, b""
        while status == 200 and time.monotonic() - begun < 1:
            status, body = _asked(f"{base}/readyz")
        assert (status, json.loads(body)["missing"]) == (503, {"service": "stopping"})
        assert _asked(f"{base}/livez") == (200, b"ok")
        out, err = process.communicate(timeout=10)
    assert 1.5 < time.monotonic() - begun < 5
    assert (process.returncode, err) == (0, "")
    assert "stopped gracefully" in out.splitlines()


@pytest.mark.integration
def test_a_second_signal_ends_the_draining(program: list[str]) -> None:
    with serve(program, DRAIN_SECONDS="60") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "service draining"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0

"""The composition as a whole: real servers, with stand-in services where services are needed."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import nats
import pytest

from embedded_stack.credentials import kept_credentials
from embedded_stack.launch import shimmed
from embedded_stack.leftovers import fingerprint
from embedded_stack.ports import free_port, is_free
from embedded_stack.services import SERVICES
from embedded_stack.stack import compose
from embedded_stack.testing import Extent, running_stack
from embedded_stack.workspace import Workspace

pytestmark = pytest.mark.integration
STAND_IN = Path(__file__).with_name("embedded_stand_in.py")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - conditions in other processes, which set no event of ours
            await asyncio.sleep(0.02)


def document(var: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((var / "stack.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def pids(found: dict[str, Any]) -> list[int]:
    return [entry["pid"] for group in ("services", "servers") for entry in found[group].values()]


async def until_replaced(var: Path, *, group: str, name: str, old: int) -> None:
    await until(lambda: document(var)[group].get(name, {}).get("pid") not in {old, None})


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "embedded_stack", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@asynccontextmanager
async def stand_in_stack(
    var: Path, *, port: int, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = shimmed([sys.executable, STAND_IN, "up", var, str(port)], death_signal=signal.SIGTERM)
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, start_new_session=True
    )
    try:
        await until(lambda: bool(document(var)) or process.returncode is not None)
        assert process.returncode is None
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_the_servers_start_serve_and_leave_nothing(tmp_path: Path) -> None:
    var = tmp_path / "var"
    async with running_stack(var, extent=Extent.SERVERS) as stack:
        assert set(stack) == {
            *("base_url", "token", "jwt_secret", "database_url", "nats_url", "temporal_address"),
            *("temporal_ui_url", "services", "servers"),
        }
        assert set(stack["servers"]) == {"postgresql", "nats", "temporal", "gateway"}
        assert stack["services"] == {}
        for name in ("stack.json", "secrets.json", "authorization", "nats/nats.conf"):
            assert stat.S_IMODE((var / name).stat().st_mode) == 0o600, name
        connection = await asyncpg.connect(stack["database_url"])
        await connection.execute("CREATE TABLE kept ()")
        await connection.close()
        await (await nats.connect(stack["nats_url"])).close()
        async with aiohttp.ClientSession() as session, session.get(stack["temporal_ui_url"]) as response:
            assert response.status == 200
        assert run("status", "--var", var).returncode == 0
        second = run("up", "--no-services", "--var", var)
        assert (second.returncode, second.stdout) == (1, "")
        assert "already runs" in second.stderr
        assert all(fingerprint(pid) for pid in pids(stack))
        assert "admin endpoint disabled" in run("logs", "gateway", "--var", var, "--lines", "3").stdout
        assert run("logs", "nobody", "--var", var).returncode == 1
        assert run("reset", "--var", var).returncode == 1
        assert "not JSON" in run("publish", "order.created", "{", "--var", var).stderr
        assert "not an event type" in run("publish", "order.*", "{}", "--var", var).stderr
    assert not document(var)
    assert [pid for pid in pids(stack) if fingerprint(pid)] == []
    async with running_stack(var, extent=Extent.SERVERS) as again:
        assert again["jwt_secret"] == stack["jwt_secret"]
        connection = await asyncpg.connect(again["database_url"])
        await connection.execute("DROP TABLE kept")
        await connection.close()
    assert run("reset", "--var", var).returncode == 0
    assert list(var.iterdir()) == []
    assert run("stop", "--var", var).stdout == "nothing runs\n"


async def test_services_get_their_settings_and_nothing_else(tmp_path: Path) -> None:
    var, port = tmp_path / "var", free_port()
    async with stand_in_stack(var, port=port, LOG_LEVEL="debug", ACCESS_LOG="each", PRIVATE="to the caller"):
        stack = document(var)
        assert set(stack["services"]) == {"trigger-api", "webhook-ingress"}
        assert (tmp_path / "migrated").read_text() == "flowmaestro"
        async with aiohttp.ClientSession(stack["base_url"]) as session:
            async with session.get("/api/triggers") as response:
                api = await response.json()
            async with session.get("/api/webhooks/1") as response:
                ingress = await response.json()
    assert api["DATABASE_URL"] == stack["database_url"]
    assert api["PUBLIC_URL"] == f"http://localhost:{port}"
    assert (api["LOG_LEVEL"], api["JWT_SECRET"]) == ("debug", stack["jwt_secret"])
    assert "PRIVATE" not in api
    assert ingress["TRUSTED_PROXY_HOPS"] == "1"
    assert ingress["ACCESS_LOG"] == "each"
    assert not {"DATABASE_URL", "JWT_SECRET", "SECRET_KEYS"} & set(ingress)


def test_the_door_writes_a_summary_of_its_requests_unless_the_caller_asks_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def access_log() -> str:
        stack = compose(
            Workspace(tmp_path),
            port=8080,
            credentials=kept_credentials(tmp_path / "secrets.json"),
            definitions=SERVICES,
        )
        return stack.services["webhook-ingress"].environment["ACCESS_LOG"]

    monkeypatch.delenv("ACCESS_LOG", raising=False)
    assert access_log() == "summary"
    monkeypatch.setenv("ACCESS_LOG", "each")
    assert access_log() == "each"


async def test_what_dies_comes_back_and_the_document_says_where(tmp_path: Path) -> None:
    var = tmp_path / "var"
    async with stand_in_stack(var, port=free_port()) as up:
        before = document(var)
        for group, name in (("services", "trigger-api"), ("servers", "nats"), ("servers", "postgresql")):
            old = before[group][name]["pid"]
            os.kill(old, signal.SIGKILL)
            await until_replaced(var, group=group, name=name, old=old)
        after = document(var)
        assert after["base_url"] == before["base_url"]
        assert after["servers"]["gateway"] == before["servers"]["gateway"]
        connection = None
        async with asyncio.timeout(30):
            while connection is None:
                try:
                    connection = await asyncpg.connect(after["database_url"])
                except (OSError, asyncpg.CannotConnectNowError):
                    await asyncio.sleep(0.02)
        await connection.close()
        assert up.returncode is None
    assert [pid for pid in pids(after) if fingerprint(pid)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_everything_with_code_0(tmp_path: Path, number: signal.Signals) -> None:
    var = tmp_path / "var"
    async with stand_in_stack(var, port=free_port()) as up:
        stack = document(var)
        up.send_signal(number)
        assert await up.wait() == 0
    assert not (var / "stack.json").exists()
    assert [pid for pid in pids(stack) if fingerprint(pid)] == []


async def test_stop_from_another_terminal(tmp_path: Path) -> None:
    var = tmp_path / "var"
    async with stand_in_stack(var, port=free_port()) as up:
        result = await asyncio.to_thread(run, "stop", "--var", var)
        assert (result.returncode, result.stdout) == (0, "stopped\n")
        assert await up.wait() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux's")
async def test_a_killed_supervisor_leaves_no_process_and_the_next_start_works(tmp_path: Path) -> None:
    var, port = tmp_path / "var", free_port()
    async with stand_in_stack(var, port=port) as up:
        first = document(var)
        up.kill()
        await up.wait()
        await until(lambda: not [pid for pid in pids(first) if fingerprint(pid)])
    assert is_free(port)
    async with running_stack(var, port=port, extent=Extent.SERVERS) as second:
        assert second["jwt_secret"] == first["jwt_secret"]
        assert not set(pids(first)) & set(pids(second))


async def test_ctrl_c_during_the_start_stops_what_has_started(tmp_path: Path) -> None:
    var = tmp_path / "var"
    command = [sys.executable, "-m", "embedded_stack", "up", "--no-services", "--var", str(var)]
    up = await asyncio.create_subprocess_exec(
        *command,
        "--port",
        str(free_port()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert up.stdout is not None
    while not (await up.stdout.readline()).startswith(b"nats ready"):
        pass
    started = [entry["pid"] for entry in json.loads((var / "processes.json").read_text()).values()]
    up.send_signal(signal.SIGINT)
    _, errors = await up.communicate()
    assert (up.returncode, errors) == (0, b"")
    assert [pid for pid in started if fingerprint(pid)] == []


async def test_a_reader_that_goes_away_ends_nothing(tmp_path: Path) -> None:
    var = tmp_path / "var"
    arguments = ["up", "--no-services", "--var", str(var), "--port", str(free_port())]
    reading, writing = os.pipe()
    up = await asyncio.create_subprocess_exec(
        *shimmed([sys.executable, "-m", "embedded_stack", *arguments], death_signal=signal.SIGTERM),
        stdout=writing,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(writing)
    os.close(reading)
    await until(lambda: bool(document(var)) or up.returncode is not None)
    stack = document(var)
    up.send_signal(signal.SIGTERM)
    _, errors = await up.communicate()
    assert (up.returncode, errors) == (0, b"")
    assert [pid for pid in pids(stack) if fingerprint(pid)] == []


def test_the_dispatcher_starts_once_temporal_remembers_for_as_long_as_the_bus(tmp_path: Path) -> None:
    """Before that it would warn of a day, which is what Temporal begins with."""
    stack = compose(
        Workspace(tmp_path),
        port=8080,
        credentials=kept_credentials(tmp_path / "secrets.json"),
        definitions=SERVICES,
    )
    needs = {step.program.name: step.needs for step in stack.steps}
    assert "temporal-retention" in needs["orchestrator-worker"]
    assert needs["temporal-retention"] == {"temporal"}


def test_every_service_has_the_settings_that_it_must_have() -> None:
    table = {definition.name: definition for definition in SERVICES}
    assert set(table) == {
        *("trigger-api", "webhook-ingress", "scheduler-sync", "orchestrator-worker", "execution-recorder"),
    }
    assert {name for name, definition in table.items() if definition.migrate} == {
        "trigger-api",
        "execution-recorder",
    }
    assert {name for name, row in table.items() if "TEMPORAL_ADDRESS" in row.settings} == {
        *("scheduler-sync", "orchestrator-worker"),
    }
    assert {name for name, row in table.items() if "DATABASE_URL" in row.settings} == {
        *("trigger-api", "execution-recorder"),
    }

"""Each server alone: boots, keeps its data, comes back after a crash, leaves nothing behind."""

import asyncio
import os
import shutil
import signal
import stat
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.js.api import StorageType
from temporalio.client import Client

from embedded_stack import http_probe
from embedded_stack.binaries import postgres_program
from embedded_stack.launch import Identity, launch, shimmed
from embedded_stack.leftovers import fingerprint
from embedded_stack.ports import is_free
from embedded_stack.program import ProgramStartError, ready_or_ended
from embedded_stack.servers import (
    Durability,
    NatsServer,
    PostgresServer,
    TemporalServer,
    TemporalStorage,
    postgres,
    postgres_identity,
    running,
)

pytestmark = pytest.mark.integration


def fast_postgres(directory: Path) -> PostgresServer:
    return PostgresServer(directory=directory, durability=Durability.OFF)


async def postmaster(server: PostgresServer) -> int:
    text = await asyncio.to_thread((server.data / "postmaster.pid").read_text)
    return int(text.split("\n")[0])


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while fingerprint(pid) is not None:  # noqa: ASYNC110 - another process, which sets no event of ours
            await asyncio.sleep(0.02)


async def test_nats_acknowledges_to_disk_and_keeps_streams(tmp_path: Path) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    async with running(server):
        client = await nats.connect(server.url)
        stream = client.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept.>"], storage=StorageType.FILE)
        await stream.publish("kept.one", b"x")
        assert client.max_payload == 8 * 1024 * 1024
        await client.close()
        shown = await http_probe.get(server.monitoring_port, path="/jsz?config=true")
        assert '"sync_always": true' in shown.text
    assert is_free(server.port)
    async with running(server):
        client = await nats.connect(server.url)
        assert (await client.jetstream().stream_info("KEPT")).state.messages == 1
        await client.close()


async def test_nats_refuses_strangers_and_hides_its_password(tmp_path: Path) -> None:
    async with running(NatsServer(directory=tmp_path / "nats")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await reader.readline()
        writer.write(b'CONNECT {"verbose":true}\r\nPING\r\n')
        assert b"Authorization Violation" in await reader.readline()
        writer.close()
        assert server.password not in repr(server)
        config = server.directory / "nats.conf"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600


async def test_postgres_keeps_data_over_a_stop_and_a_kill(tmp_path: Path) -> None:
    server = PostgresServer(directory=tmp_path / "postgresql")
    async with running(server):
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE kept (value text)")
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        await connection.close()
    async with running(server):
        connection = await asyncpg.connect(server.url)
        await connection.execute("INSERT INTO kept VALUES ('committed')")
        pid = await postmaster(server)
        os.kill(pid, signal.SIGKILL)
        await until_gone(pid)
        connection.terminate()
    assert (server.data / "postmaster.pid").exists()
    async with running(server):
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT value FROM kept") == "committed"
        await connection.close()


async def test_postgres_starts_though_its_stale_lock_names_a_live_process(tmp_path: Path) -> None:
    server = fast_postgres(tmp_path / "postgresql")
    async with running(server):
        pid = await postmaster(server)
        lock = await asyncio.to_thread((server.data / "postmaster.pid").read_text)
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        lock = lock.replace(str(pid), str(stranger.pid), 1)
        await asyncio.to_thread((server.data / "postmaster.pid").write_text, lock)
        async with running(server):
            assert await postmaster(server) != stranger.pid
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_postgres_names_the_wrong_password(tmp_path: Path) -> None:
    first = fast_postgres(tmp_path / "postgresql")
    async with running(first):
        pass
    with pytest.raises(ProgramStartError, match="another password"):
        async with running(fast_postgres(tmp_path / "postgresql")):
            pass


async def test_an_interrupted_initdb_is_done_again(tmp_path: Path) -> None:
    server = fast_postgres(tmp_path / "postgresql")
    half_made = server.directory / "data.unfinished"
    await asyncio.to_thread(half_made.mkdir, parents=True)
    await asyncio.to_thread((half_made / "PG_VERSION").write_text, "18")
    async with running(server):
        connection = await asyncpg.connect(server.url)
        await connection.close()


def private_copy_of_postgres(folder: Path) -> Path:
    """The folder of PostgreSQL's programs, in hard links where the file system allows them."""

    def link(source: str, target: str) -> str:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
        return target

    install = postgres_program("postgres").parents[1]
    package = install.parent
    shutil.copytree(install, folder / package.name / install.name, copy_function=link, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, copy_function=link, symlinks=True)
    return folder / package.name / install.name / "bin"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
@pytest.mark.parametrize("order", [[Identity.NAMESPACE, Identity.DROP], [Identity.DROP, Identity.NAMESPACE]])
async def test_root_runs_postgres_below_a_private_folder_in_either_way(
    tmp_path: Path, order: list[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    programs = private_copy_of_postgres(tmp_path / "checkout")
    monkeypatch.setattr(postgres, "postgres_program", programs.joinpath)
    monkeypatch.setattr(postgres_identity, "postgres_program", programs.joinpath)
    server = fast_postgres(tmp_path / "postgresql")
    for identity in order:
        if reason := postgres_identity.refusal(identity):
            pytest.skip(f"{identity.value}: {reason}")
        monkeypatch.setattr(postgres, "identity_for_postgres", lambda chosen=identity: chosen)
        async with running(server):
            connection = await asyncpg.connect(server.url)
            await connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
            await connection.close()


@pytest.mark.parametrize(
    ("refused", "chosen"), [(set(), Identity.NAMESPACE), ({Identity.NAMESPACE}, Identity.DROP)]
)
def test_root_takes_the_first_way_that_the_machine_allows(
    refused: set[Identity], chosen: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres_identity, "refusal", lambda identity: "no" if identity in refused else None)
    assert postgres_identity.identity_for_postgres.__wrapped__() is chosen


def test_root_is_told_when_the_machine_allows_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres_identity, "refusal", lambda identity: f"no {identity.value} here")
    with pytest.raises(ProgramStartError, match=r"no namespace here.*no drop here.*Run as an ordinary user"):
        postgres_identity.identity_for_postgres.__wrapped__()


async def test_temporal_keeps_its_database_and_shows_its_web_interface(tmp_path: Path) -> None:
    server = TemporalServer(directory=tmp_path / "temporal")
    async with running(server):
        client = await Client.connect(server.address)
        assert await client.service_client.check_health()
        page = await http_probe.get(server.ui_port, path=f"{server.ui_public_path}/")
        assert page.status == 200
    assert (server.directory / "temporal.db").exists()


async def test_several_servers_at_once(tmp_path: Path) -> None:
    def temporal(name: str) -> TemporalServer:
        return TemporalServer(directory=tmp_path / name, storage=TemporalStorage.MEMORY)

    async with running(temporal("a")) as one, running(temporal("b")) as two:
        assert one.address != two.address
        async with (
            running(fast_postgres(tmp_path / "c")) as three,
            running(fast_postgres(tmp_path / "d")) as four,
        ):
            assert three.url != four.url


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    async with running(NatsServer(directory=tmp_path / "one")) as first:
        with pytest.raises(ProgramStartError, match="address already in use"):
            async with running(NatsServer(directory=tmp_path / "two", port=first.port)):
                pass


async def test_a_launched_program_starts_with_the_environment_given_and_nothing_else(tmp_path: Path) -> None:
    command = shimmed(["/usr/bin/env"])
    log = tmp_path / "env.log"
    process = await launch(command, environment={"ONLY": "this"}, directory=tmp_path, log=log)
    assert await process.wait() == 0
    lines = (await asyncio.to_thread(log.read_text)).split()
    assert "ONLY=this" in lines
    assert not [line for line in lines if line.startswith(("PATH=", "HOME="))]


async def test_a_program_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    command = shimmed(["/bin/false"])
    process = await launch(command, environment={}, directory=tmp_path, log=tmp_path / "false.log")
    with pytest.raises(ProgramStartError, match="ended with code 1"):
        await ready_or_ended(server, process=process, deadline_seconds=30)

"""The service as its own process: started by its command line, stopped by SIGTERM."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from embedded_stack.ports import free_port
from embedded_stack.servers.nats import NatsServer

pytestmark = pytest.mark.integration


async def test_it_serves_logs_and_stops(nats_server: NatsServer, ingress: Any, tmp_path: Path) -> None:
    trigger_id = await ingress.serving()
    port = free_port()
    secrets = tmp_path / "secret-keys"
    secrets.write_text(ingress.settings.secret_keys.reveal() + "\n")
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "webhook_ingress",
            "serve",
            env={
                "PATH": os.defpath,
                "HTTP_PORT": str(port),
                "NATS_URL": nats_server.url,
                "SECRET_KEYS_FILE": str(secrets),
                "ACCESS_LOG": "each",
            },
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        async with asyncio.timeout(20):
            while await _status(f"{url}/readyz") != 200:
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/api/webhooks/{trigger_id}", headers={"X-Request-Id": "mine"}) as answer,
        ):
            assert answer.status == 202
            execution_id = answer.headers["X-Execution-Id"]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    (request,) = [line for line in lines if line["event"] == "request"]
    assert (request["request_id"], request["execution_id"]) == ("mine", execution_id)
    assert lines[-1]["event"] == "service stopped"


async def _status(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


async def test_a_wrong_environment_is_said(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "webhook_ingress",
        "serve",
        env={"PATH": os.defpath, "MAX_BODY_BYTES": "many"},
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate()
    assert process.returncode == 2
    assert b"SECRET_KEYS is required" in stderr
    assert b"MAX_BODY_BYTES" in stderr

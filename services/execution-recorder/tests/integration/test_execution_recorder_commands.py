"""The verbs, as an operator types them."""

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.integration


async def _run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "execution_recorder", *arguments),
        env={"PATH": os.defpath, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_migrate_needs_the_database_alone_and_may_be_repeated(empty_database_url: str) -> None:
    runs = await asyncio.gather(*(_run("migrate", DATABASE_URL=empty_database_url) for _ in range(3)))
    assert [status for status, _, _ in runs] == [0, 0, 0], runs
    assert (await _run("migrate", DATABASE_URL=empty_database_url))[0] == 0


async def test_migrate_says_why_it_cannot() -> None:
    status, _, err = await _run("migrate", DATABASE_URL="postgresql://u:hidden@127.0.0.1:1/x?sslmode=disable")
    assert status == 1
    assert err.startswith("execution-recorder: ")
    assert "hidden" not in err
    assert "Traceback" not in err


async def test_every_problem_of_the_environment_is_reported() -> None:
    status, _, err = await _run("serve", HTTP_PORT="x", DATABASE_MAX_CONNECTIONS="1")
    assert status == 2
    for name in ("HTTP_PORT", "DATABASE_URL", "DATABASE_MAX_CONNECTIONS", "JWT_SECRET"):
        assert name in err


async def test_serve_until_sigterm(database_url: str, nats_url: str, eventually: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {
        "PATH": os.defpath,
        "DATABASE_URL": database_url,
        "NATS_URL": nats_url,
        "JWT_SECRET": "x" * 32,
        "HTTP_PORT": port,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "execution_recorder", "serve"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    try:

        async def healthy() -> bool:
            return (await _run("healthcheck", **environment))[0] == 0

        await eventually(healthy)
        process.send_signal(signal.SIGTERM)
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert b"service stopped" in out
    for secret in (database_url, nats_url, "x" * 32):
        assert secret.encode() not in out

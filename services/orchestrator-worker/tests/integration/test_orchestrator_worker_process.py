"""The service as its own process: signals, logs, a crash in the middle of the work."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from trigger_contracts.executions import ExecutionCompleted, ExecutionStarted

pytestmark = pytest.mark.integration


@asynccontextmanager
async def process(bench: Any, *, log: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Any]]:
    settings = bench.settings()
    environment = {
        "PATH": os.environ["PATH"],
        "NATS_URL": settings.nats_url.reveal(),
        "TEMPORAL_ADDRESS": settings.temporal.temporal_address,
        "HTTP_PORT": str(settings.http_port),
    }
    with log.open("ab") as output:
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "orchestrator_worker", "serve", env=environment, stdout=output
        )
    try:
        yield started, settings
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def is_ready(bench: Any, settings: Any) -> bool | None:
    try:
        return bool(await bench.is_ready(settings)) or None
    except aiohttp.ClientConnectionError:
        return None


async def test_it_stops_on_sigterm_and_logs_execution_ids(bench: Any, tmp_path: Path) -> None:
    # Of a size that the SDK's core warns of.
    body = b'{"n": "%s"}' % (b"x" * 600_000)
    delivery = bench.delivery(await bench.workflow(), body=body)
    log = tmp_path / "log"
    async with process(bench, log=log) as (started, settings):
        await bench.eventually(lambda: is_ready(bench, settings))
        await bench.deliver([delivery])
        await bench.end(delivery.execution_id)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{settings.http_port}/metrics") as answer,
        ):
            assert 'execution_starts_total{outcome="started"} 1.0' in await answer.text()
        started.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(started.wait(), 20) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line["logger"].startswith("temporalio.core") for line in lines)
    ours = [line["event"] for line in lines if line.get("execution_id") == str(delivery.execution_id)]
    assert ours == ["execution started", "execution ended"]


async def test_a_crash_in_the_middle_loses_nothing_and_runs_nothing_twice(bench: Any, tmp_path: Path) -> None:
    workflow_id = await bench.workflow()
    batches = [[bench.delivery(workflow_id) for _ in range(20)] for _ in range(3)]
    async with process(bench, log=tmp_path / "first") as (started, settings):
        await bench.eventually(lambda: is_ready(bench, settings))
        for batch in batches:
            await bench.deliver(batch)

        async def under_way() -> bool | None:
            return True if await bench.facts_of_workflow(workflow_id) else None

        await bench.eventually(under_way)
        started.kill()
        await started.wait()
    async with process(bench, log=tmp_path / "second"):
        for delivery in [delivery for batch in batches for delivery in batch]:
            end = await bench.end(delivery.execution_id, seconds=60)
            assert isinstance(end, ExecutionCompleted)
            runs = {
                fact.temporal_run_id
                for fact in await bench.facts(delivery.execution_id)
                if isinstance(fact, ExecutionStarted)
            }
            assert len(runs) == 1

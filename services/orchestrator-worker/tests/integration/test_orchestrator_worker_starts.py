"""Starts under load and in an outage: whose turn it is, what is fetched, how a process ends; roles."""

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
from nats.js.errors import NotFoundError

from embedded_stack.servers import TemporalServer, TemporalStorage, running
from orchestrator_worker.settings import Role
from trigger_contracts import streams
from trigger_contracts.executions import ExecutionCompleted
from trigger_runtime.temporal import TemporalSettings

pytestmark = pytest.mark.integration


async def starts(bench: Any, settings: Any) -> float:
    return float(await bench.metric(settings, name='execution_starts_total{outcome="started"}') or 0)


async def fetched(bench: Any) -> int:
    """Return how many delivery batches a consumer has had, settled or not."""
    try:
        info = await bench.bus.js.consumer_info("DELIVERIES", streams.DISPATCH_DELIVERIES)
    except NotFoundError:
        return 0
    return int(info.delivered.consumer_seq)


@asynccontextmanager
async def process(bench: Any, *, log: Path, **environment: str) -> AsyncIterator[Any]:
    settings = bench.settings()
    with log.open("ab") as output:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orchestrator_worker", "serve"),
            env={
                "PATH": os.environ["PATH"],
                "NATS_URL": settings.nats_url.reveal(),
                "TEMPORAL_ADDRESS": settings.temporal.temporal_address,
                "HTTP_PORT": str(settings.http_port),
                **environment,
            },
            stdout=output,
        )
    try:
        yield started, settings
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


@pytest.fixture
async def own_temporal(bench: Any, tmp_path: Path) -> AsyncIterator[None]:
    """A Temporal of the test's own: what it leaves behind is in no other test's way."""
    server = TemporalServer(directory=tmp_path / "temporal", storage=TemporalStorage.MEMORY)
    async with running(server):
        bench.temporal_address = server.address
        yield


@pytest.mark.usefixtures("own_temporal")
async def test_a_manual_run_does_not_wait_behind_webhooks(bench: Any) -> None:
    workflow_id = await bench.workflow()
    settings = bench.settings(roles=(Role.DISPATCHER,))
    for _ in range(4):
        await bench.deliver([bench.delivery(workflow_id) for _ in range(250)])
    async with bench.serving(settings=settings):

        async def under_way() -> bool:
            return await starts(bench, settings) > 50

        await bench.eventually(under_way)
        firing = await bench.fire(workflow_id, inputs={})

        async def started() -> float | None:
            try:
                await (await bench.handle(firing.execution_id)).describe()
            except Exception:  # noqa: BLE001 - not there yet
                return None
            return await starts(bench, settings)

        assert await bench.eventually(started) < 800
        await bench.settled(stream="DELIVERIES", durable=streams.DISPATCH_DELIVERIES)
        assert await starts(bench, settings) == 1001


async def test_while_temporal_is_away_nothing_is_fetched_and_afterwards_all_of_it_runs(
    bench: Any, tmp_path: Path
) -> None:
    server = TemporalServer(directory=tmp_path / "temporal", storage=TemporalStorage.FILE)
    bench.temporal_address = server.address
    workflow_id = await bench.workflow()
    settings = bench.settings(temporal=TemporalSettings(temporal_address=server.address))
    first = bench.delivery(workflow_id)
    async with running(server):
        service = bench.serving(settings=settings)
        await service.__aenter__()
        await bench.deliver([first])
        assert isinstance(await bench.end(first.execution_id), ExecutionCompleted)
    try:

        async def noticed() -> bool:
            await bench.is_ready(settings)
            return "temporal" in bench.last_readiness["missing"]

        await bench.eventually(noticed)
        # One request for messages was on its way when Temporal went.
        await bench.deliver([bench.delivery(workflow_id)])
        batches = [[bench.delivery(workflow_id) for _ in range(5)] for _ in range(20)]
        for batch in batches:
            await bench.deliver(batch)
        had = await fetched(bench)
        # Longer than any pause between two tries.
        for _ in range(10):
            await asyncio.sleep(0.25)
            assert await fetched(bench) <= had + 16
        assert had < 20
        async with running(server):
            for batch in batches:
                for delivery in batch:
                    assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)
            await service.__aexit__(None, None, None)
    finally:
        await service.__aexit__(None, None, None)
    assert await bench.messages("DEAD_LETTERS") == []


@pytest.mark.usefixtures("own_temporal")
async def test_a_process_that_stops_leaves_what_it_has_not_started_to_another(
    bench: Any, tmp_path: Path
) -> None:
    workflow_id = await bench.workflow()
    batch = [bench.delivery(workflow_id) for _ in range(100)]
    log = tmp_path / "log"
    async with process(bench, log=log, MAX_STARTS_PER_SECOND="2", ROLES="dispatcher") as (stopped, settings):

        async def some() -> bool:
            try:
                return await starts(bench, settings) > 1
            except aiohttp.ClientConnectionError:
                return False

        await bench.deliver(batch)
        await bench.eventually(some)
        stopped.send_signal(signal.SIGTERM)
        # By its rate it would take 50 seconds, and a stop may take 25.
        assert await asyncio.wait_for(stopped.wait(), 20) == 0
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert "graceful stop ran out of time" not in events
    assert events.count("execution started") < 50
    async with bench.serving():
        for delivery in batch:
            assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)


async def test_each_role_needs_what_it_uses_and_together_they_run_everything(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow())
    dispatcher = bench.settings(roles=(Role.DISPATCHER,))
    worker = bench.settings(roles=(Role.WORKER,))
    await bench.deliver([delivery])
    async with bench.serving(settings=worker, ready="starting"):
        await bench.eventually(lambda: bench.is_ready(worker))
        assert await fetched(bench) == 0
        async with bench.serving(settings=dispatcher, ready="starting"):
            await bench.eventually(lambda: bench.is_ready(dispatcher))
            assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)
            assert await starts(bench, dispatcher) == 1
        assert await bench.metric(worker, name='execution_starts_total{outcome="started"}') is None

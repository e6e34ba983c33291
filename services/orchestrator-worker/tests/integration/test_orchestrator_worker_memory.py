"""Messages that are older than what Temporal remembers."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.service import RPCError

from embedded_stack.servers import TemporalServer, TemporalStorage, running
from orchestrator_worker import app
from orchestrator_worker.adapters.temporal_retention import TemporalRetention
from orchestrator_worker.domain.dedup_window import SHORTEST_WINDOW
from orchestrator_worker.ports import StartUnavailableError
from trigger_contracts import streams
from trigger_contracts.executions import ExecutionCompleted
from trigger_runtime.temporal import TemporalConnection, TemporalSettings

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)


async def namespace(bench: Any, *, retention: timedelta) -> str:
    name, period = f"retention-{bench.new_id()}", Duration()
    period.FromTimedelta(retention)
    await (await bench.temporal()).workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=period)
    )
    return name


async def test_temporal_takes_no_shorter_retention_than_we_rely_on(bench: Any) -> None:
    with pytest.raises(RPCError, match="retention"):
        await namespace(bench, retention=2 * SHORTEST_WINDOW - timedelta(seconds=1))


async def test_the_retention_is_the_namespaces(bench: Any) -> None:
    name = await namespace(bench, retention=3 * DAY)
    connection = TemporalConnection(
        TemporalSettings(temporal_address=bench.temporal_address, temporal_namespace=name), identity="test"
    )
    retention = TemporalRetention(
        connection,
        kept={"SHORT": 2 * DAY, "LONG": 14 * DAY},
        registry=CollectorRegistry(),
    )
    with pytest.raises(StartUnavailableError):
        retention.retention()

    async def known() -> timedelta | None:
        try:
            return retention.retention()
        except StartUnavailableError:
            return None

    await connection.start()
    with capture_logs() as logs:
        watching = asyncio.create_task(retention.watch())
        try:
            assert await bench.eventually(known) == 3 * DAY
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            await connection.stop()
    (warning,) = [entry for entry in logs if entry["event"] == "temporal forgets sooner than the bus"]
    assert warning["streams"].keys() == {"LONG"}


async def test_a_recreated_consumer_runs_nothing_again_that_temporal_forgot(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = bench.delivery(await bench.workflow())
    async with bench.serving():
        await bench.deliver([delivery])
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)
        await bench.settled(stream="DELIVERIES", durable=streams.DISPATCH_DELIVERIES)
    recorded = await bench.facts(delivery.execution_id)
    await bench.bus.js.delete_consumer("DELIVERIES", streams.DISPATCH_DELIVERIES)
    # A day later, for Temporal has forgotten what closed, which a fresh one has, too.
    monkeypatch.setattr(app, "_now", lambda: datetime.now(UTC) + DAY)
    fresh = TemporalServer(directory=tmp_path / "temporal", storage=TemporalStorage.MEMORY)

    async def dead() -> list[Any]:
        return list(await bench.messages("DEAD_LETTERS"))

    async with running(fresh):
        settings = bench.settings(temporal=TemporalSettings(temporal_address=fresh.address))
        async with bench.serving(settings=settings):
            (letter,) = await bench.eventually(dead)
            await bench.settled(stream="DELIVERIES", durable=streams.DISPATCH_DELIVERIES)
            # The default of the development server, and of most that nobody has set up otherwise.
            assert await bench.metric(settings, name="temporal_retention_seconds") == DAY.total_seconds()
    assert letter.subject == streams.dead_letter(stream="DELIVERIES", durable=streams.DISPATCH_DELIVERIES)
    assert letter.headers["Dead-Reason"].startswith("TooOldToStartError")
    assert await bench.facts(delivery.execution_id) == recorded


async def test_what_is_younger_starts_though_it_is_old(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = bench.delivery(await bench.workflow())
    await bench.deliver([delivery])
    monkeypatch.setattr(app, "_now", lambda: datetime.now(UTC) + timedelta(hours=1))
    async with bench.serving():
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)
    assert await bench.messages("DEAD_LETTERS") == []

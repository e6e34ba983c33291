"""How long the namespace remembers closed workflows."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import RPCError

from orchestrator_worker.ports import StartUnavailableError
from trigger_runtime import backoff
from trigger_runtime.temporal import TemporalConnection

log = structlog.stdlib.get_logger(__name__)

_DEADLINE: Final = timedelta(seconds=10)
_POLL_SECONDS: Final = 60.0


class TemporalRetention:
    """Implements ``ports.DedupWindow``: an operator may change the retention at any time."""

    def __init__(
        self, connection: TemporalConnection, *, kept: Mapping[str, timedelta], registry: CollectorRegistry
    ) -> None:
        """``kept`` is how long each stream keeps the messages that ask for a start."""
        self._connection = connection
        self._kept = kept
        self._retention: timedelta | None = None
        self._gauge = Gauge(
            "temporal_retention_seconds",
            "How long Temporal remembers a closed workflow's id; 0 while it is unknown.",
            registry=registry,
        )

    def retention(self) -> timedelta:
        """Return the retention as of the last poll that succeeded."""
        if self._retention is None:
            raise StartUnavailableError("the namespace's retention is not known yet")
        return self._retention

    async def watch(self) -> None:
        """Poll the namespace."""
        attempt = 0
        while True:
            await self._connection.reachable()
            try:
                self._update(await self._describe())
                attempt = 0
            except (RPCError, RuntimeError) as error:
                attempt += 1
                log.warning("retention not read", reason=str(error)[:300])
            await asyncio.sleep(backoff.delay(attempt) if attempt else _POLL_SECONDS)

    async def _describe(self) -> timedelta:
        client = self._connection.client
        response = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=_DEADLINE
        )
        retention = response.config.workflow_execution_retention_ttl.ToTimedelta()
        if retention <= timedelta():
            raise RuntimeError("the namespace states no retention")
        return retention

    def _update(self, retention: timedelta) -> None:
        if retention == self._retention:
            return
        self._retention = retention
        self._gauge.set(retention.total_seconds())
        longer = {stream: str(age) for stream, age in self._kept.items() if age > retention}
        if longer:
            log.warning("temporal forgets sooner than the bus", retention=str(retention), streams=longer)

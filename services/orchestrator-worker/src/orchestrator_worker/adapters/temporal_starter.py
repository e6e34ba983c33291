"""Starts of ``triggeredWorkflow`` through a Temporal client."""

from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from orchestrator_worker.ports import StartRefusedError, StartUnavailableError
from trigger_contracts.executions import CauseKind
from trigger_contracts.workflow_io import TriggeredInput, start_options
from trigger_runtime.temporal import TemporalConnection

log = structlog.stdlib.get_logger(__name__)

_DEADLINE: Final = timedelta(seconds=10)
_URGENT: Final = 2
_ORDINARY: Final = 3
"""Temporal's default, which the runs of schedules have: of waiting tasks the lower number goes first."""


class TemporalStarter:
    """Implements ``ports.WorkflowStarter``."""

    def __init__(self, connection: TemporalConnection, *, registry: CollectorRegistry) -> None:
        self._connection = connection
        self._starts = Counter(
            "execution_starts_total",
            "Starts of triggeredWorkflow, by outcome.",
            ["outcome"],
            registry=registry,
        )

    async def start(self, start: TriggeredInput) -> None:
        """Start the workflow."""
        options = start_options(start)
        try:
            await self._connection.client.start_workflow(
                options.workflow,
                start,
                id=options.id,
                task_queue=options.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy[options.id_reuse_policy],
                id_conflict_policy=WorkflowIDConflictPolicy[options.id_conflict_policy],
                static_summary=options.static_summary,
                memo=options.memo,
                priority=_priority(start),
                rpc_timeout=_DEADLINE,
            )
        except WorkflowAlreadyStartedError:
            self._count("repeated")
            log.info("execution was already started")
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                self._count("refused")
                raise StartRefusedError(f"Temporal refuses it: {error.message}") from error
            # Everything else is the server's state or its set-up (a missing namespace, an expired
            # credential). Nothing is wrong with this start.
            self._count("unavailable")
            raise StartUnavailableError(f"{error.status.name}: {error.message[:200]}") from error
        except RuntimeError as error:
            # What a lazy client raises where its first connection fails.
            self._count("unavailable")
            raise StartUnavailableError("no connection to Temporal") from error
        else:
            self._count("started")
            log.info("execution started")

    def _count(self, outcome: str) -> None:
        self._starts.labels(outcome=outcome).inc()


def _priority(start: TriggeredInput) -> Priority:
    """Return whose tasks go first where many wait: a person waits for a manual run.

    Workspaces share what is left of a task queue by turns, where the server has fairness enabled
    (``matching.enableFairness``). A key has 64 bytes at most.
    """
    manual = start.run is not None and start.run.cause.kind is CauseKind.MANUAL
    key = start.workspace.encode()[:64].decode(errors="ignore")
    return Priority(priority_key=_URGENT if manual else _ORDINARY, fairness_key=key)

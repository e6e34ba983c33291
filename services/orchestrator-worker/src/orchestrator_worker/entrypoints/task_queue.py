"""What comes from Temporal: workflow and activity tasks."""

from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from orchestrator_worker.activities.execution_lifecycle import ExecutionLifecycle
from orchestrator_worker.activities.fire_identity import FireIdentities
from orchestrator_worker.workflows.orchestrator import OrchestratorWorkflow
from orchestrator_worker.workflows.triggered import TriggeredWorkflow
from trigger_contracts.workflow_io import TASK_QUEUE

WORKFLOWS: tuple[type, ...] = (TriggeredWorkflow, OrchestratorWorkflow)


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """Return the runner of workflow code; the modules that are passed through are pure."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(
            "msgspec", "trigger_contracts", "orchestrator_worker.domain"
        )
    )


def worker_factory(
    lifecycle: ExecutionLifecycle,
    *,
    identities: FireIdentities,
    max_concurrent_activities: int,
    max_concurrent_workflow_tasks: int,
    graceful_seconds: float,
) -> Callable[[Client], Worker]:
    """Return what makes a worker: a worker object runs only once."""

    def make(client: Client) -> Worker:
        return Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=WORKFLOWS,
            activities=[lifecycle.prepare, lifecycle.complete, identities.identify],
            workflow_runner=sandboxed_runner(),
            max_concurrent_activities=max_concurrent_activities,
            max_concurrent_workflow_tasks=max_concurrent_workflow_tasks,
            graceful_shutdown_timeout=timedelta(seconds=graceful_seconds),
        )

    return make

"""How ``triggeredWorkflow`` is started: the same, whichever service starts it."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from trigger_contracts.config import TriggerType
from trigger_contracts.executions import Cause, CauseKind
from trigger_contracts.workflow_io import (
    ScheduledRun,
    TriggeredInput,
    TriggeredRun,
    encoded_size,
    run_summary,
    start_options,
)

TRIGGER, EXECUTION = UUID(int=1), UUID(int=2)
SCHEDULED = TriggeredInput(
    workspace="acme",
    trigger_id=TRIGGER,
    trigger_type=TriggerType.SCHEDULE,
    trigger_name="Every\n morning",
    workflow_id=UUID(int=3),
    scheduled=ScheduledRun(),
)
RUN = msgspec.structs.replace(
    SCHEDULED,
    scheduled=None,
    run=TriggeredRun(
        execution_id=EXECUTION,
        cause=Cause(kind=CauseKind.MANUAL, id="r"),
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
        payload={},
    ),
)


def test_a_run_is_started_once_under_its_execution_id() -> None:
    options = start_options(RUN)
    assert (options.workflow, options.task_queue) == ("triggeredWorkflow", "flowmaestro-orchestrator")
    assert options.id == f"execution-{EXECUTION}"
    assert (options.id_reuse_policy, options.id_conflict_policy) == ("REJECT_DUPLICATE", "FAIL")
    assert options.static_summary == "Every morning"
    assert options.memo == {
        "executionId": str(EXECUTION),
        "triggerId": str(TRIGGER),
        "triggerName": "Every\n morning",
    }


def test_a_schedule_starts_its_runs_under_an_id_that_temporal_completes() -> None:
    options = start_options(SCHEDULED)
    assert (options.id, options.memo) == (f"scheduled-{TRIGGER}", None)


@pytest.mark.parametrize("name", ["é" * 200, "😀" * 200, "a" + "😀" * 200])
def test_a_summary_fits_into_what_temporal_takes(name: str) -> None:
    assert encoded_size(run_summary(name)) <= 400
    assert name.startswith(run_summary(name))

"""From what Temporal raises to how an execution ended."""

import asyncio
from typing import Final

from temporalio.exceptions import (
    ApplicationError,
    FailureError,
    TerminatedError,
    is_cancelled_exception,
)
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from orchestrator_worker.domain.limits import truncated
from trigger_contracts.executions import ExecutionError
from trigger_contracts.workflow_io import OUT_OF_TIME, Cancelled, Failed, Outcome, TimedOut

TIMED_OUT: Final = "timed_out"
ORCHESTRATOR_TERMINATED: Final = "orchestrator_terminated"
INTERNAL: Final = "internal"


def outcome_of(error: FailureError | asyncio.CancelledError) -> Outcome:
    """Return the end that a failed step means. Activity and child errors wrap their cause."""
    if is_cancelled_exception(error):
        return Cancelled()
    cause = error.__cause__ if isinstance(error.__cause__, FailureError) else error
    match cause:
        case TemporalTimeoutError():
            return _timed_out()
        case ApplicationError() if cause.type == OUT_OF_TIME:
            return _timed_out()
        case TerminatedError():
            message = "the run of the definition was terminated in Temporal"
            return Failed(error=ExecutionError(code=ORCHESTRATOR_TERMINATED, message=message))
        case ApplicationError():
            return Failed(error=_application_error(cause))
        case _:
            return Failed(error=ExecutionError(code=INTERNAL, message=truncated(str(cause))))


def outcome_raised(error: BaseException) -> Outcome:
    """Return the outcome for which ``triggeredWorkflow`` failed with this error."""
    if not isinstance(error, ApplicationError):
        return Failed(error=ExecutionError(code=INTERNAL, message=truncated(str(error))))
    reason = _application_error(error)
    return TimedOut(error=reason) if reason.code == TIMED_OUT else Failed(error=reason)


def _timed_out() -> TimedOut:
    message = "the execution took longer than its definition's timeout"
    return TimedOut(error=ExecutionError(code=TIMED_OUT, message=message))


def _application_error(error: ApplicationError) -> ExecutionError:
    node = error.details[0] if error.details else None
    return ExecutionError(
        code=error.type or INTERNAL,
        message=truncated(error.message),
        node=node if isinstance(node, str) else None,
    )

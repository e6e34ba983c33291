"""Typed errors as HTTP responses."""

from execution_recorder.adapters.trigger_workspaces import WorkspacesUnavailableError
from execution_recorder.domain.webhook_rates import WindowError
from trigger_runtime.postgres import DatabaseUnavailableError
from trigger_runtime.web.problem import ProblemError, unavailable


def problem_of(error: Exception) -> ProblemError | None:
    """Return the response to an error; ``None`` for an unexpected one."""
    match error:
        case WindowError():
            detail = f"Query parameters 'from' and 'to': {error}."
            return ProblemError(400, code="bad_parameter", detail=detail)
        case DatabaseUnavailableError() | WorkspacesUnavailableError():
            return unavailable("The history cannot be read now.")
        case _:
            return None

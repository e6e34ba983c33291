"""Typed errors as answers."""

from execution_recorder.ports import OwnersUnknownError
from trigger_runtime.postgres import DatabaseUnavailableError
from trigger_runtime.web.problem import ProblemError, unavailable


def problem_of(error: Exception) -> ProblemError | None:
    """Return the answer for an error; ``None`` is an unexpected one."""
    match error:
        case DatabaseUnavailableError() | OwnersUnknownError():
            return unavailable("The history cannot be read now.")
        case _:
            return None

"""Errors as answers. The service has only the probes, so it knows none."""

from trigger_runtime.web.problem import ProblemError


def to_problem(_error: Exception) -> ProblemError | None:
    """Return ``None``: every error is unexpected here, and a 500 that says nothing."""
    return None

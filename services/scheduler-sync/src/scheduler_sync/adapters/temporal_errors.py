"""The errors of Temporal's client, as errors of the ports."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from temporalio.service import RPCError, RPCStatusCode

from scheduler_sync.ports import ScheduleRefusedError, TemporalUnavailableError

_REFUSED: Final = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE})


class GoneError(Exception):
    """Temporal has no such schedule."""


class UnreadableScheduleError(TemporalUnavailableError):
    """The client cannot decode the schedule: it was written by other means."""


@contextmanager
def temporal_errors() -> Iterator[None]:
    """Raise ``ScheduleRefusedError``, ``GoneError`` or ``TemporalUnavailableError`` for a client error."""
    try:
        yield
    except RPCError as error:
        if error.status in _REFUSED:
            raise ScheduleRefusedError(error.message) from error
        # A namespace that is missing is NOT_FOUND as well, and says so; an operator has to create it.
        if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
            raise GoneError from error
        raise TemporalUnavailableError(f"{error.status.name}: {error.message}") from error
    except RuntimeError as error:
        # What the client raises where its first connection fails.
        raise TemporalUnavailableError(str(error)) from error


@contextmanager
def readable() -> Iterator[None]:
    """Raise ``UnreadableScheduleError`` for a description that the client cannot decode.

    The server takes an end in the year 12000, or an overlap policy that it does not know yet; Python has no
    such date, and the client no such policy.
    """
    try:
        yield
    except (ValueError, OverflowError, TypeError) as error:
        raise UnreadableScheduleError(f"the schedule cannot be read: {error}") from error

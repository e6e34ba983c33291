"""What the client of Temporal raises, as the ports say it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from temporalio.service import RPCError, RPCStatusCode

from scheduler_sync.ports import ScheduleRefusedError, TemporalAwayError

_REFUSED: Final = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE})


class GoneError(Exception):
    """There is no such schedule."""


@contextmanager
def temporal_errors() -> Iterator[None]:
    """Raise ``ScheduleRefusedError``, ``GoneError`` or ``TemporalAwayError`` for the client's errors."""
    try:
        yield
    except RPCError as error:
        if error.status in _REFUSED:
            raise ScheduleRefusedError(error.message) from error
        # A namespace that is missing is NOT_FOUND as well, and says so; it is an operator's to make.
        if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
            raise GoneError from error
        raise TemporalAwayError(f"{error.status.name}: {error.message}") from error
    except RuntimeError as error:
        # What the client raises where its first connection fails.
        raise TemporalAwayError(str(error)) from error

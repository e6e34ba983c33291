"""The open connections, and what each may take."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Bytes of a body, and seconds.

    ``head_seconds`` is from connecting, or from the last response, to the whole of a head, ``body_seconds``
    from there to the whole of a body. A caller may go on for ``linger_seconds`` to send what is not read.
    """

    max_body_bytes: int
    head_seconds: float
    body_seconds: float
    linger_seconds: float = 10.0


class Deadline:
    """When something is over. One timer, moved only to an earlier time: most deadlines are put off."""

    def __init__(self, expired: Callable[[], None]) -> None:
        self._expired = expired
        self._loop = asyncio.get_running_loop()
        self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def set(self, seconds: float) -> None:
        """Let it be so many seconds from now, and no other time."""
        self._at = self._loop.time() + seconds
        if self._timer is None or self._timer_at > self._at:
            self.cancel()
            self._arm()

    def cancel(self) -> None:
        """Let nothing happen."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer_at = self._at
        self._timer = self._loop.call_at(self._at, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._loop.time() < self._at:
            self._arm()
        else:
            self._expired()


class Connection(Protocol):
    """One that is open."""

    def stop(self) -> None:
        """End after the request in progress; at once where there is none."""

    def abort(self) -> None:
        """End now."""


class Connections:
    """``empty`` is set while there are none."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self.empty = asyncio.Event()
        self.empty.set()

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._open.copy())

    def add(self, connection: Connection) -> None:
        """Take one in."""
        self._open.add(connection)
        self.empty.clear()

    def discard(self, connection: Connection) -> None:
        """Let one go."""
        self._open.discard(connection)
        if not self._open:
            self.empty.set()

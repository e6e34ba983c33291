"""Whether a follower has applied all that its stream holds, now."""

import asyncio
import contextlib
import time
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.jetstream_api import describe
from trigger_runtime.bus.subscription import RetryLaterError
from trigger_runtime.lifecycle import BackgroundTask, cancel

_SECONDS_BETWEEN: Final = 2.0
_WAIT_SECONDS: Final = 2.0


class FollowerWatch(BackgroundTask):
    """A component that asks a follower's stream how far it goes, and compares.

    A follower that lost its consumer, or that is slow, does not know that it is behind: only the stream does.
    """

    def __init__(self, follower: Follower, *, name: str, registry: CollectorRegistry) -> None:
        """``name`` is the follower's, as the metric's label."""
        super().__init__(f"{follower.name} watch", self._watch_forever)
        self._follower = follower
        self._asking: asyncio.Task[int | BusUnavailableError] | None = None
        self._behind_since: float | None = None
        gauge = Gauge(
            "follower_behind_seconds",
            "For how long a follower may have missed messages of its stream; 0 where it has applied all.",
            ["follower"],
            registry=registry,
        )
        gauge.labels(follower=name).set_function(self._behind_seconds)

    async def stop(self) -> None:
        """Stop asking."""
        await super().stop()
        if self._asking is not None:
            await cancel([self._asking])

    async def current(self) -> None:
        """Wait until the follower has applied all that its stream held when this was called.

        Raises ``RetryLaterError`` where that takes long, or the stream cannot be asked.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                end = await self._end_from_now_on()
                if isinstance(end, BusUnavailableError):
                    raise RetryLaterError(f"{self._follower.name}: {describe(end)}")
                await self._follower.applied(end)
        except (TimeoutError, RetryLaterError) as error:
            if self._behind_since is None:
                self._behind_since = began
            if isinstance(error, RetryLaterError):
                raise
            raise RetryLaterError(f"{self._follower.name} is behind its stream") from error
        self._behind_since = None

    def check(self) -> str | None:
        """Return that the follower is behind, and for how long, or ``None``."""
        behind = self._behind_seconds()
        return f"behind its stream for {behind:.0f} s" if behind else None

    def _behind_seconds(self) -> float:
        return 0.0 if self._behind_since is None else time.monotonic() - self._behind_since

    async def _end_from_now_on(self) -> int | BusUnavailableError:
        """Ask with all others that wait: a question that was asked before this call may miss a message."""
        before = self._asking
        if before is not None and not before.done():
            await asyncio.wait([before])
        asking = self._asking
        if asking is None or asking is before:
            asking = self._asking = asyncio.create_task(self._ask(), name=f"{self.name} question")
        return await asyncio.shield(asking)

    async def _ask(self) -> int | BusUnavailableError:
        try:
            return await self._follower.end()
        except BusUnavailableError as error:
            return error

    async def _watch_forever(self) -> None:
        await self._follower.caught_up()
        while True:
            with contextlib.suppress(RetryLaterError):  # the readiness and the metric say so
                await self.current()
            await asyncio.sleep(_SECONDS_BETWEEN)

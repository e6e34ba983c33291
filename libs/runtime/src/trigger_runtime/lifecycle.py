"""A service's life: start in order, say when it is ready, stop in reverse on SIGTERM."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import structlog

log = structlog.stdlib.get_logger(__name__)


async def cancel(tasks: Iterable[asyncio.Task[Any]], *, again_seconds: float = 1.0) -> None:
    """Cancel the tasks and wait until they have ended, however they end.

    A task that goes on is cancelled again after ``again_seconds``: ``asyncio.wait_for`` of Python 3.11,
    on which the clients of our servers are built, loses a cancellation that meets its result
    (bpo-42130, mended in 3.12).
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_seconds)


def raise_if_cancelled() -> None:
    """Raise ``CancelledError`` where this task was cancelled and a library swallowed that.

    Besides ``asyncio.wait_for`` (above), closing a NATS client swallows a cancellation. A loop that tries for
    ever calls this once a round: while its server refused connections, one cancellation in ten was lost.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Component(Protocol):
    """A part with a life of its own. ``start`` must not wait for another server to be reachable."""

    name: str

    async def start(self) -> None:
        """Begin; return as soon as the part works on its own."""

    async def stop(self) -> None:
        """Finish what is under way, take nothing new, release what is held."""


@runtime_checkable
class Watched(Protocol):
    """A component with tasks of its own that run until it is stopped: one that ends is a crash."""

    def tasks(self) -> Sequence[asyncio.Task[Any]]:
        """Return the tasks; asked once after ``start``."""


class Readiness:
    """Why the service cannot do its work yet, asked afresh each time."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], str | None]] = {}
        self.stopping = False

    def require(self, name: str, check: Callable[[], str | None]) -> None:
        """Add a check: it returns ``None`` when all is well, else what is missing."""
        self._checks[name] = check

    def missing(self) -> dict[str, str]:
        """Return what is missing, by name; empty when the service is ready."""
        if self.stopping:
            return {"service": "stopping"}
        reasons = {name: check() for name, check in self._checks.items()}
        return {name: reason for name, reason in reasons.items() if reason is not None}


class BackgroundTask:
    """A component that is one coroutine. It is expected to run until it is stopped."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._run = run
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the coroutine."""
        self.task = asyncio.create_task(self._main(), name=self.name)

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return the coroutine's task."""
        return [self.task] if self.task is not None else []

    async def _main(self) -> None:
        await self._run()

    async def stop(self) -> None:
        """Cancel the coroutine and wait for its end."""
        if self.task is not None:
            # Its last write may take a moment after the cancellation, so it is not pressed at once.
            await cancel([self.task], again_seconds=5.0)
            if not self.task.cancelled() and (error := self.task.exception()) is not None:
                log.error("background task failed", task=self.name, exc_info=error)


class HealthWatch(BackgroundTask):
    """A component that probes a dependency again and again, and knows the last result.

    ``probe`` returns what is wrong, e.g. ``"unreachable"``, or ``None``. It runs every ``seconds``, and four
    times a second while something is wrong.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], Awaitable[str | None]],
        *,
        seconds: float,
        initial: str = "not connected yet",
    ) -> None:
        super().__init__(name, self._probe_for_ever)
        # The log counts lines by their text, so that each dependency has its own.
        self._away = f"{name} away"
        self._check_failed = f"{name} check failed"
        self._probe = probe
        self._seconds = seconds
        self._problem: str | None = initial
        self._healthy = asyncio.Event()

    def check(self) -> str | None:
        """Return what is wrong, as of the last probe, or ``None``."""
        return self._problem

    async def healthy(self) -> None:
        """Wait until nothing is wrong, as of the last probe."""
        await self._healthy.wait()

    async def _probe_for_ever(self) -> None:
        while True:
            try:
                problem = await self._probe()
            except Exception as error:
                # No caller awaits this task: if it ended, the last result would stay true for ever.
                log.exception(self._check_failed)
                problem = f"not usable ({type(error).__name__})"
            if problem is not None and problem != self._problem:
                log.warning(self._away, reason=problem)
            self._problem = problem
            if problem is None:
                self._healthy.set()
            else:
                self._healthy.clear()
            await asyncio.sleep(0.25 if problem else self._seconds)


class StartAfter(BackgroundTask):
    """Starts a component once ``ready`` returns.

    A consumer waits like this for a directory: an event that is matched with half a directory is
    acknowledged and lost to the other half.
    """

    def __init__(self, component: Component, *, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__(component.name, self._start_when_ready)
        self._component = component
        self._ready = ready
        self._started = False

    async def stop(self) -> None:
        """Stop waiting, or the component where it was started."""
        await cancel(self.tasks())
        if self._started:
            await self._component.stop()

    async def _start_when_ready(self) -> None:
        await self._ready()
        # Before the start: a start that is interrupted half-way is to be stopped too.
        self._started = True
        await self._component.start()
        if isinstance(self._component, Watched):
            # This task lives on in its place: its watcher learns when the component's work ends.
            ended, _ = await asyncio.wait(self._component.tasks(), return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()


class Service:
    """The components of one process.

    ``drain_seconds`` is how long it goes on serving after SIGTERM while ``/readyz`` already answers 503,
    so that balancers send nothing new when the listener closes; ``shutdown_seconds`` begin after that.
    """

    def __init__(
        self,
        name: str,
        *,
        components: Sequence[Component],
        readiness: Readiness,
        shutdown_seconds: float,
        drain_seconds: float = 0.0,
    ) -> None:
        self.name = name
        self._components = components
        self._readiness = readiness
        self._shutdown_seconds = shutdown_seconds
        self._drain_seconds = drain_seconds
        self._started: list[Component] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def start(self) -> None:
        """Start the components in order; when one fails, those before it are stopped again."""
        try:
            for component in self._components:
                await component.start()
                self._started.append(component)
        except BaseException:
            await self.stop()
            raise
        log.info("service started", components=[component.name for component in self._components])

    async def stop(self) -> None:
        """Stop what was started, in reverse, within the time that a graceful stop may take."""
        self._readiness.stopping = True
        try:
            async with asyncio.timeout(self._shutdown_seconds):
                while self._started:
                    await self._stop_one(self._started[-1])
                    self._started.pop()
        except TimeoutError:
            log.error("graceful stop ran out of time", left=[part.name for part in self._started])

    async def _stop_one(self, component: Component) -> None:
        try:
            await component.stop()
        except Exception:
            # The components before it are still to be stopped, the bus and its unsent messages among them.
            log.exception("component failed to stop", component=component.name)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, or until a task of a component ends, which is a crash.

        A second signal ends the draining at once. Raises ``RuntimeError`` for the crash, from what the
        task raised: the process ends with a non-zero status, so that its supervisor starts it again.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked)
        await self.start()
        try:
            await self._until_stopped(self._stop.wait())
            if self._drain_seconds > 0:
                self._readiness.stopping = True
                log.info("service draining", seconds=self._drain_seconds)
                await self._until_stopped(self._drained())
        finally:
            await self.stop()
            log.info("service stopped")

    def _asked(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def _drained(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                await self._hurry.wait()

    async def _until_stopped(self, ended: Coroutine[Any, Any, Any]) -> None:
        asked = asyncio.create_task(ended)
        tasks = [task for part in self._components if isinstance(part, Watched) for task in part.tasks()]
        try:
            done, _ = await asyncio.wait([asked, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        for task in done - {asked}:
            error = None if task.cancelled() else task.exception()
            log.critical("background task ended", task=task.get_name(), exc_info=error)
            raise RuntimeError(f"background task {task.get_name()} ended") from error

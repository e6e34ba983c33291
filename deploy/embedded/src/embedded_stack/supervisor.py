"""Starts processes in the order of their needs, keeps them running, stops them in reverse order."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from embedded_stack.binaries import BinaryMissingError
from embedded_stack.launch import launch, rotate, shimmed, tail
from embedded_stack.leftovers import ProcessRecord
from embedded_stack.program import Job, Program, ProgramStartError, ready_or_ended
from embedded_stack.servers.running import end


class Happening(Enum):
    """What the supervisor tells its observer."""

    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    DIED = "died"
    RESTARTED = "restarted"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`seconds` is how long it took (READY, DONE, STOPPED) or the pause before the next start (DIED)."""

    happening: Happening
    name: str
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """All in seconds. The pause doubles with each death; a life of `healthy` makes it `first` again."""

    first: float = 0.2
    longest: float = 10.0
    healthy: float = 30.0
    ready_within: float = 90.0
    stop_within: float = 35.0  # the services promise to stop within 30
    start_attempts: int = 3

    def pause(self, deaths: int) -> float:
        """The pause after the `deaths`-th death in a row, counted from 1."""
        return float(min(self.longest, self.first * 2 ** min(deaths - 1, 30)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program or job.

    It starts when all that it `needs` are ready, and stops before all that it `needs` or `uses` stop; what it
    only uses may come later.
    """

    program: Program | Job
    needs: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.program.name


@dataclass(slots=True)
class _State:
    step: Step
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    watch: asyncio.Task[None] | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Runs the steps. `observe` is called in the event loop and must not block."""

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        logs: Path,
        record: Path,
        observe: Callable[[Event], None],
        policy: RestartPolicy | None = None,
    ) -> None:
        self._states = {step.name: _State(step) for step in steps}
        self._logs = logs
        self._record = ProcessRecord(record)
        self._observe = observe
        self._policy = policy or RestartPolicy()
        for step in steps:
            missing = (step.needs | step.uses) - self._states.keys()
            if missing:
                raise ValueError(f"{step.name} needs {', '.join(sorted(missing))}, which is not in the list")

    def pids(self) -> dict[str, int]:
        """The processes that run now."""
        return {
            name: state.process.pid
            for name, state in self._states.items()
            if state.process is not None and state.process.returncode is None
        }

    async def waiting(self) -> dict[str, str]:
        """What has been started and is not ready, with what it says about it."""
        unready = [
            state.step.program
            for state in self._states.values()
            if state.process is not None and not state.ready.is_set()
        ]
        return {
            program.name: "at work" if isinstance(program, Job) else await program.unready_reason()
            for program in unready
        }

    async def start(self) -> None:
        """Returns when everything is ready. Raises ProgramStartError with the end of the log; then `stop`."""
        for name in self._states:
            rotate(self._log(name))
        try:
            async with asyncio.TaskGroup() as boots:
                for state in self._states.values():
                    boots.create_task(self._boot(state))
        except ExceptionGroup as failures:
            # The first is the cause; the others were cancelled or failed because of it.
            raise failures.exceptions[0] from None

    async def stop(self) -> None:
        """Ends everything, users before what they use. Returns when no process is left."""
        users: dict[str, list[_State]] = {name: [] for name in self._states}
        for state in self._states.values():
            for name in state.step.needs | state.step.uses:
                users[name].append(state)
        async with asyncio.TaskGroup() as stops:
            for name, state in self._states.items():
                stops.create_task(self._stop(state, users=users[name]))

    def kill(self) -> None:
        """SIGKILL to everything, for the person who presses Ctrl-C again; a running `stop` then returns."""
        for state in self._states.values():
            if state.process is not None and state.process.returncode is None:
                state.process.kill()

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _tell(self, happening: Happening, *, state: _State, seconds: float = 0.0, detail: str = "") -> None:
        self._observe(Event(happening=happening, name=state.step.name, seconds=seconds, detail=detail))

    async def _boot(self, state: _State) -> None:
        for name in state.step.needs:
            await self._states[name].ready.wait()
        self._tell(Happening.STARTING, state=state)
        begun = time.monotonic()
        program = state.step.program
        try:
            if isinstance(program, Job):
                await self._run_job(state)
            else:
                await self._start_program(state, program=program)
        except (ProgramStartError, BinaryMissingError, OSError) as error:
            log = self._log(program.name)
            raise ProgramStartError(f"{error}\n{tail(log, lines=15)}\n(more in {log})") from error
        done = Happening.DONE if isinstance(program, Job) else Happening.READY
        self._tell(done, state=state, seconds=time.monotonic() - begun)
        state.ready.set()

    async def _run_job(self, state: _State) -> None:
        process = await self._spawn(state)
        try:
            code = await asyncio.wait_for(process.wait(), self._policy.ready_within)
        except TimeoutError:
            raise ProgramStartError(
                f"{state.step.name} did not end in {self._policy.ready_within:.0f} s"
            ) from None
        if code != 0:
            raise ProgramStartError(f"{state.step.name} ended with code {code}")
        self._record.remove(state.step.name)

    async def _start_program(self, state: _State, *, program: Program) -> None:
        """Tries a few times: after a crash, what it left (memory, ports) may take a moment to go."""
        for attempt in range(1, self._policy.start_attempts + 1):
            process = await self._spawn(state)
            try:
                await ready_or_ended(program, process=process, deadline_seconds=self._policy.ready_within)
            except ProgramStartError:
                if attempt == self._policy.start_attempts or process.returncode is None:
                    raise
                await asyncio.sleep(self._policy.pause(attempt))
            else:
                state.watch = asyncio.create_task(self._watch(state, program=program))
                return

    async def _spawn(self, state: _State) -> asyncio.subprocess.Process:
        program = state.step.program
        await program.prepare()
        launching = asyncio.ensure_future(
            launch(
                shimmed(program.command(), identity=program.identity, death_signal=program.death_signal),
                environment=program.environment,
                directory=program.directory,
                log=self._log(program.name),
            )
        )
        try:
            process = await asyncio.shield(launching)
        except asyncio.CancelledError:
            state.process = await launching  # a process that exists must be known to `stop`
            raise
        state.process = process
        self._record.add(program.name, pid=process.pid, stop_signal=program.stop_signal)
        return process

    async def _watch(self, state: _State, *, program: Program) -> None:
        """Starts the program again whenever it dies, until it is being stopped."""
        assert state.process is not None  # noqa: S101 - set by _spawn, for the type checker
        process, deaths, born = state.process, 0, time.monotonic()
        while True:
            await process.wait()
            if state.stopping.is_set():
                return
            deaths = 1 if time.monotonic() - born > self._policy.healthy else deaths + 1
            detail = f"ended with code {process.returncode}"
            while True:
                pause = self._policy.pause(deaths)
                self._tell(Happening.DIED, state=state, seconds=pause, detail=detail)
                with suppress(TimeoutError):
                    await asyncio.wait_for(state.stopping.wait(), pause)
                if state.stopping.is_set():
                    return
                try:
                    process = await self._spawn(state)
                    break
                except (ProgramStartError, OSError) as error:
                    deaths, detail = deaths + 1, str(error)
            born = time.monotonic()
            self._tell(Happening.RESTARTED, state=state, detail=f"process {process.pid}")
            if state.stopping.is_set():
                await end(process, program=program, patience_seconds=self._policy.stop_within)
                return

    async def _stop(self, state: _State, *, users: Sequence[_State]) -> None:
        for user in users:
            await user.stopped.wait()
        begun = time.monotonic()
        state.stopping.set()
        process = state.process
        was_running = process is not None and process.returncode is None
        if process is not None:
            await end(process, program=state.step.program, patience_seconds=self._policy.stop_within)
        if state.watch is not None:
            await state.watch
        if was_running:
            self._tell(Happening.STOPPED, state=state, seconds=time.monotonic() - begun)
        self._record.remove(state.step.name)
        state.stopped.set()

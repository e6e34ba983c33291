"""What every program of the stack, server or service, tells the supervisor."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from embedded_stack.launch import Identity


class ProgramStartError(RuntimeError):
    """A program cannot start, or ended before it was ready; the message says what to look at."""


class Program(Protocol):
    """A long-running program: how it is started, when it is ready, how it is stopped.

    `prepare` runs before each start and may be repeated; `identity` is asked for after it. `wait_ready`
    returns when the program serves; its caller sets the deadline and watches whether the process still lives.
    `death_signal` is what the kernel sends when the supervisor is killed.
    """

    @property
    def name(self) -> str: ...
    @property
    def directory(self) -> Path: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def stop_signal(self) -> signal.Signals: ...
    @property
    def death_signal(self) -> signal.Signals: ...

    def command(self) -> Sequence[str | Path]: ...
    async def prepare(self) -> None: ...
    async def wait_ready(self) -> None: ...
    async def unready_reason(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A program that does its work and ends, such as a migration. It is ready when it ended with code 0."""

    name: str
    directory: Path
    environment: Mapping[str, str]
    arguments: Sequence[str | Path]
    identity: Identity = Identity.SAME
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL

    def command(self) -> Sequence[str | Path]:
        """What to run."""
        return self.arguments

    async def prepare(self) -> None:
        """Its working folder."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)


async def ready_or_ended(
    program: Program, *, process: asyncio.subprocess.Process, deadline_seconds: float
) -> None:
    """Waits until the program is ready. Raises ProgramStartError when it ends and at the deadline."""
    ready = asyncio.ensure_future(program.wait_ready())
    ended = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait({ready, ended}, timeout=deadline_seconds, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            return await ready
        if ended.done():
            raise ProgramStartError(
                f"{program.name} ended with code {process.returncode} before it was ready"
            )
        raise ProgramStartError(
            f"{program.name} is not ready after {deadline_seconds:.0f} s: {await program.unready_reason()}"
        )
    finally:
        ready.cancel()
        ended.cancel()
        await asyncio.gather(ready, ended, return_exceptions=True)

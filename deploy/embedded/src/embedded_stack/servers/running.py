"""One server for the length of a `with`, for tests and tools."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from embedded_stack.launch import kill_group, launch, shimmed, tail
from embedded_stack.program import Job, Program, ProgramStartError, ready_or_ended

AnyProgram = TypeVar("AnyProgram", bound=Program)
_STOP_SECONDS = 10.0


async def end(
    process: asyncio.subprocess.Process, *, program: Program | Job, patience_seconds: float
) -> None:
    """The program's stop signal, then, after `patience_seconds`, SIGKILL; returns when nothing is left."""
    if process.returncode is None:
        process.send_signal(program.stop_signal)
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), patience_seconds)
        except TimeoutError:
            process.kill()
    await process.wait()
    kill_group(process.pid)


@asynccontextmanager
async def running(program: AnyProgram, *, deadline_seconds: float = 60.0) -> AsyncIterator[AnyProgram]:
    """Starts `program`, yields it when it is ready, ends it. Its log is `<directory>.log`.

    The process dies with the thread that entered this, so enter it from the main thread. Raises
    ProgramStartError with the end of the log.
    """
    await program.prepare()
    log = Path(f"{program.directory}.log")
    command = shimmed(program.command(), identity=program.identity, death_signal=program.death_signal)
    process = await launch(command, environment=program.environment, directory=program.directory, log=log)
    try:
        try:
            await ready_or_ended(program, process=process, deadline_seconds=deadline_seconds)
        except ProgramStartError as error:
            raise ProgramStartError(f"{error}\n{tail(log, lines=15)}") from error
        yield program
    finally:
        await asyncio.shield(end(process, program=program, patience_seconds=_STOP_SECONDS))

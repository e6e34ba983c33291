"""A whole stack for the length of a `with`, started as `make run` starts it."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from embedded_stack.launch import shimmed
from embedded_stack.ports import free_port
from embedded_stack.private_files import read_json
from embedded_stack.program import ProgramStartError

_POLL_SECONDS = 0.05


class Extent(Enum):
    """How much of the stack."""

    EVERYTHING = ()
    NO_SAMPLE = ("--no-sample",)
    SERVERS = ("--no-services",)


@asynccontextmanager
async def running_stack(
    var: Path,
    *,
    port: int | None = None,
    extent: Extent = Extent.NO_SAMPLE,
    ready_seconds: float = 120.0,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """`python -m embedded_stack up` on the data folder `var`; yields what is in `stack.json`.

    `port` None takes a free one. `environment` is added to the caller's. Leaving it stops the stack in order.
    Raises ProgramStartError with all that it printed when it does not become ready. Enter it from the main
    thread: the stack ends with that thread.
    """
    arguments = ["--var", str(var), "--port", str(port or free_port()), *extent.value]
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *shimmed(_command(arguments), death_signal=signal.SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NO_COLOR": "1", **(environment or {})},
            start_new_session=True,
        )

        def printed() -> str:
            output.seek(0)
            return output.read().decode(errors="replace")

        try:
            try:
                async with asyncio.timeout(ready_seconds):
                    document = await _ready(var / "stack.json", process=process)
            except TimeoutError:
                raise ProgramStartError(f"not ready after {ready_seconds:.0f} s:\n{printed()}") from None
            if document is None:
                raise ProgramStartError(f"ended with code {process.returncode}:\n{printed()}")
            yield document
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.shield(process.wait())


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "embedded_stack", "up", *arguments]


async def _ready(path: Path, *, process: asyncio.subprocess.Process) -> dict[str, Any] | None:
    """The document, or None when the process ended. The file of an earlier, killed run does not count."""
    before = _version(path)
    while process.returncode is None:
        if _version(path) not in {before, None}:
            document: dict[str, Any] | None = read_json(path)
            if document is not None:
                return document
        await asyncio.sleep(_POLL_SECONDS)
    return None


def _version(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None

"""Starts one child process: own session, own log file, life tied to ours."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

_SHIM = Path(__file__).with_name("exec_shim.py")
_ROTATE_ABOVE_BYTES = 10 * 1024 * 1024


class Identity(Enum):
    """As whom a program runs; `exec_shim` says what each means."""

    SAME = "same"
    NAMESPACE = "namespace"
    DROP = "drop"


def shimmed(
    command: Sequence[str | Path],
    *,
    identity: Identity = Identity.SAME,
    death_signal: signal.Signals = signal.SIGKILL,
) -> list[str]:
    """The command that runs `command` tied to the life of this thread, whose end sends it `death_signal`."""
    prefix = [sys.executable, "-I", "-S", _SHIM, os.getpid(), int(death_signal), identity.value]
    return [str(part) for part in [*prefix, *command]]


def rotate(log: Path) -> None:
    """Moves a log of more than 10 MiB aside, to `<name>.1`, replacing the one before."""
    if log.exists() and log.stat().st_size > _ROTATE_ABOVE_BYTES:
        log.replace(log.with_name(log.name + ".1"))


async def launch(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
) -> asyncio.subprocess.Process:
    """Starts `command` (see `shimmed`) with output appended to `log`, in a session of its own.

    A session of its own, because Ctrl-C in the terminal is for the supervisor, which stops things in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )


def kill_group(pid: int) -> None:
    """SIGKILL to whatever is left of the session that `launch` opened for `pid`; nothing left is fine."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        return


def tail(log: Path, *, lines: int) -> str:
    """The last lines of a log, for an error message; at most 16 KiB of it is read."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

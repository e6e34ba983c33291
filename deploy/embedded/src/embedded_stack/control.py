"""What another terminal does with a running stack: stop it, look at it, read its logs."""

import os
import signal
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from embedded_stack import http_probe
from embedded_stack.launch import tail
from embedded_stack.leftovers import fingerprint
from embedded_stack.private_files import read_json
from embedded_stack.workspace import Workspace

_STOP_SECONDS = 120.0
_POLL_SECONDS = 0.1


class StopError(RuntimeError):
    """The stack did not stop when it was asked to."""


class UnknownLogError(RuntimeError):
    """There is no log of that name."""


class Health(Enum):
    """READY: everything answers."""

    READY = "ready"
    NOT_READY = "not ready"


class LogEnd(Enum):
    """Where reading ends."""

    NOW = "now"
    NEVER = "never"


def document(workspace: Workspace) -> dict[str, Any] | None:
    """`stack.json` of the stack that runs now; None where none is ready."""
    if workspace.holder() is None:
        return None  # a killed run may have left its file
    stack: dict[str, Any] | None = read_json(workspace.stack)
    return stack


def stop(workspace: Workspace) -> bool:
    """SIGTERM to the supervisor, then waits until it is gone. False where nothing ran. Raises StopError."""
    pid = workspace.holder()
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    deadline = time.monotonic() + _STOP_SECONDS
    while workspace.holder() == pid:
        if time.monotonic() > deadline:
            raise StopError(f"process {pid} still runs after {_STOP_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
    return True


async def status(workspace: Workspace) -> tuple[list[str], Health]:
    """One line for each process."""
    holder = workspace.holder()
    if holder is None:
        return ["nothing runs"], Health.NOT_READY
    stack = document(workspace)
    if stack is None:
        return [f"starting or stopping (process {holder})"], Health.NOT_READY
    lines, health = [stack["base_url"]], Health.READY
    for name, server in stack["servers"].items():
        alive = fingerprint(server["pid"]) is not None
        lines.append(f"{name:<20} {server['pid']:>8}  {'running' if alive else 'down'}")
        health = health if alive else Health.NOT_READY
    for name, service in stack["services"].items():
        port = int(service["url"].rpartition(":")[2])
        probe = await http_probe.get(port, path="/readyz")
        word = "ready" if probe.status == 200 else f"not ready: {probe.text}"
        lines.append(f"{name:<20} {service['pid']:>8}  {word}")
        health = health if probe.status == 200 else Health.NOT_READY
    return lines, health


def log_lines(workspace: Workspace, *, name: str | None, lines: int, until: LogEnd) -> Iterator[str]:
    """The last `lines` of each log, with the name in front where there are several; NEVER: also what follows.

    Raises UnknownLogError.
    """
    logs = sorted(workspace.logs.glob("*.log"))
    if name is not None:
        chosen = [log for log in logs if log.stem == name]
        if not chosen:
            known = ", ".join(log.stem for log in logs) or "none yet"
            raise UnknownLogError(f"there is no log named {name!r}. Logs: {known}")
        logs = chosen
    width = max((len(log.stem) for log in logs), default=0)

    def shown(log: Path, line: str) -> str:
        return line if name is not None else f"{log.stem:<{width}} | {line}"

    positions = {log: log.stat().st_size for log in logs}
    for log in logs:
        if lines:
            yield from (shown(log, line) for line in tail(log, lines=lines).splitlines())
    while until is LogEnd.NEVER:
        for log, position in positions.items():
            size = log.stat().st_size if log.exists() else 0
            start = position if size >= position else 0  # a shorter file is a new one
            if size > start:
                with log.open("rb") as file:
                    file.seek(start)
                    text = file.read(size - start)
                complete = text[: text.rfind(b"\n") + 1]
                yield from (shown(log, line) for line in complete.decode(errors="replace").splitlines())
                positions[log] = start + len(complete)
        time.sleep(_POLL_SECONDS)

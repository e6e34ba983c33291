"""The processes of this data folder, on record, so that a later start can end what a crash left behind."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import msgspec

from embedded_stack.launch import kill_group
from embedded_stack.private_files import write_private

_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.05


class RecordedProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A process, and what makes its number unmistakable: the machine's boot, its start in clock ticks."""

    pid: int
    fingerprint: str
    stop_signal: int


class ProcessRecord:
    """The file with the running processes. Rewritten at every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._processes: dict[str, RecordedProcess] = {}

    def add(self, name: str, *, pid: int, stop_signal: signal.Signals) -> None:
        """Replaces what is recorded for `name`. Where the system shows no fingerprint nothing is recorded."""
        mark = fingerprint(pid)
        if mark is not None:
            self._processes[name] = RecordedProcess(pid=pid, fingerprint=mark, stop_signal=stop_signal)
            self._write()

    def remove(self, name: str) -> None:
        """Forgets `name`."""
        if self._processes.pop(name, None) is not None:
            self._write()

    def _write(self) -> None:
        write_private(self._path, text=msgspec.json.encode(self._processes).decode())


def fingerprint(pid: int) -> str | None:
    """What identifies a live process for ever, or None where there is none (or no /proc)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses (proc(5))
    state, start = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}/{start}"


async def end_leftovers(path: Path) -> list[str]:
    """Ends what is recorded in `path` and certainly still the same process; returns the names."""
    recorded = _read(path)
    ended = await asyncio.gather(*(_end(process) for process in recorded.values()))
    return [name for name, was_there in zip(recorded, ended, strict=True) if was_there]


def _read(path: Path) -> dict[str, RecordedProcess]:
    """Damaged means nothing: what cannot be identified is not ended."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, RecordedProcess])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


async def _end(process: RecordedProcess) -> bool:
    if fingerprint(process.pid) != process.fingerprint:
        return False
    with suppress(ProcessLookupError):
        os.kill(process.pid, process.stop_signal)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _gone(process)
    except TimeoutError:
        kill_group(process.pid)
        await _gone(process)
    return True


async def _gone(process: RecordedProcess) -> None:
    while fingerprint(process.pid) == process.fingerprint:  # noqa: ASYNC110 - no child of ours tells us
        await asyncio.sleep(_POLL_SECONDS)

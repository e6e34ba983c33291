"""Several processes behind one port: started, watched, started again, and stopped together."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from trigger_runtime import backoff
from trigger_runtime.lifecycle import cancel

log = structlog.stdlib.get_logger(__name__)

_SHORT_LIFE_SECONDS: Final = 10.0
_MOST_SHORT_LIVES: Final = 5
_GRACE_SECONDS: Final = 5.0


class WorkerProcesses:
    """A component. Each process has the whole service in it and the port of all (``SO_REUSEPORT``).

    One that dies is started again, and takes requests again only when it is ready: the others go on
    meanwhile. One that dies again and again, within seconds, is a crash of all: the task that keeps it
    raises ``RuntimeError``. Each has a pipe on its standard input that ends with this process, however that
    dies, and stops by that.
    """

    name = "workers"

    def __init__(self, *, count: int, stop_seconds: float, command: Sequence[str] | None = None) -> None:
        self._count = count
        self._stop_seconds = stop_seconds
        self._command = command or (sys.executable, "-m", "webhook_ingress", "serve")
        self._sockets = ""
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Start the processes. They listen from the beginning, and respond 503 until they are ready."""
        # Only this user may enter: what is asked there is asked of no one else.
        self._sockets = tempfile.mkdtemp(prefix="webhook-ingress-")
        for number in range(self._count):
            self._processes[number] = await self._spawn(number, listens="at_once")
        self._tasks = [
            asyncio.create_task(self._keep(number), name=f"worker {number}") for number in range(self._count)
        ]

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until this is stopped."""
        return self._tasks

    async def stop(self) -> None:
        """Let all of them drain and end at the same time; kill those that take too long."""
        self._stopping = True
        try:
            running = [process for process in self._processes.values() if process.returncode is None]
            for process in running:
                process.send_signal(signal.SIGTERM)
            ends = [asyncio.create_task(process.wait()) for process in running]
            if ends:
                await asyncio.wait(ends, timeout=self._stop_seconds + _GRACE_SECONDS)
        finally:
            for number, process in self._processes.items():
                if process.returncode is None:
                    log.error("worker killed", number=number)
                    process.kill()
                    await process.wait()
            await cancel(self._tasks)
            shutil.rmtree(self._sockets, ignore_errors=True)

    async def _keep(self, number: int) -> None:
        short_lives = 0
        while True:
            begun = time.monotonic()
            status = await self._processes[number].wait()
            if self._stopping:
                # The stop is what ends this task: ended by itself it would count as a crash.
                await asyncio.Event().wait()
            short_lives = short_lives + 1 if time.monotonic() - begun < _SHORT_LIFE_SECONDS else 0
            log.error("worker ended", number=number, status=status, short_lives=short_lives)
            if short_lives >= _MOST_SHORT_LIVES:
                raise RuntimeError(f"worker {number} ends as soon as it begins, with status {status}")
            await asyncio.sleep(backoff.delay(max(1, short_lives), cap=2.0))
            if not self._stopping:
                self._processes[number] = await self._spawn(number, listens="when_ready")

    async def _spawn(self, number: int, *, listens: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, env=self._environment(number, listens=listens)
        )
        log.info("worker started", number=number, pid=process.pid)
        return process

    def _environment(self, number: int, *, listens: str) -> Mapping[str, str]:
        return {
            **os.environ,
            "WORKERS": "1",
            "WORKER_NUMBER": str(number),
            "WORKER_SOCKETS": self._sockets,
            "WORKER_LISTENS": listens,
        }


class ParentWatch:
    """A component of a worker: stops it where its parent has died."""

    name = "parent watch"

    def __init__(self, *, pipe: int = 0) -> None:
        self._pipe = pipe

    async def start(self) -> None:
        """Begin to watch the pipe."""
        asyncio.get_running_loop().add_reader(self._pipe, self._ended)

    async def stop(self) -> None:
        """Look away."""
        asyncio.get_running_loop().remove_reader(self._pipe)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pipe)
        log.error("the parent process has ended")
        signal.raise_signal(signal.SIGTERM)

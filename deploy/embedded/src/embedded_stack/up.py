"""`up`: one stack from start to end, in the foreground."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from embedded_stack.credentials import development_token, kept_credentials
from embedded_stack.leftovers import end_leftovers
from embedded_stack.ports import public_port
from embedded_stack.private_files import write_private, write_private_json
from embedded_stack.services import ServiceDefinition
from embedded_stack.stack import Stack, compose
from embedded_stack.supervisor import Event, Happening, RestartPolicy, Supervisor
from embedded_stack.workspace import Workspace

DEFAULT_PORT = 8080
_REPORT_SECONDS = 5.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What to start. `port` None: 8080, or the next free one. `when_ready` runs once, before `stack.json`."""

    folder: Path
    port: int | None
    definitions: Sequence[ServiceDefinition]
    say: Callable[[str], None]
    when_ready: Callable[[Workspace, Stack, str], Awaitable[None]] | None = None
    policy: RestartPolicy | None = None


async def up(request: StartRequest) -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP, then stops in order. A second signal kills.

    Raises WorkspaceError, CredentialsError, PortTakenError before anything is started, and ProgramStartError
    when something does not start, after everything else is stopped.
    """
    loop = asyncio.get_running_loop()
    stop_requested = asyncio.Event()
    workspace = Workspace(request.folder.resolve())
    workspace.create()
    with workspace.locked():
        port = public_port(chosen=request.port, default=DEFAULT_PORT)
        if request.port is None and port != DEFAULT_PORT:
            request.say(f"port {DEFAULT_PORT} is in use: taking {port} (PORT= chooses another one)")
        for name in await end_leftovers(workspace.processes):
            request.say(f"ended {name}, left by a run that was killed")
        workspace.stack.unlink(missing_ok=True)
        stack = compose(
            workspace,
            port=port,
            credentials=kept_credentials(workspace.secrets),
            definitions=request.definitions,
        )
        running = _Running(request, workspace=workspace, stack=stack)

        def on_signal() -> None:
            if stop_requested.is_set():
                request.say("killing what is left")
                running.supervisor.kill()
            stop_requested.set()

        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, on_signal)
        try:
            await running.until(stop_requested)
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)


class _Running:
    def __init__(self, request: StartRequest, *, workspace: Workspace, stack: Stack) -> None:
        self._request = request
        self._workspace = workspace
        self._stack = stack
        self._token = ""
        self._begun = time.monotonic()
        self.supervisor = Supervisor(
            stack.steps,
            logs=workspace.logs,
            record=workspace.processes,
            observe=self._on_event,
            policy=request.policy,
        )

    async def until(self, stop_requested: asyncio.Event) -> None:
        """Start, wait for the request to stop, stop; the stop happens in every case."""
        starting = asyncio.ensure_future(self._start())
        ending = asyncio.ensure_future(stop_requested.wait())
        try:
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                await ending
        finally:
            for task in (starting, ending):
                task.cancel()
            await asyncio.gather(starting, ending, return_exceptions=True)
            self._workspace.stack.unlink(missing_ok=True)
            self._token = ""
            self._request.say("stopping…")
            await self.supervisor.stop()
            with suppress(FileNotFoundError):
                self._workspace.processes.unlink()
            self._request.say("stopped")

    async def _start(self) -> None:
        reporting = asyncio.ensure_future(self._report_waiting())
        try:
            await self.supervisor.start()
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
        token = development_token(self._stack.credentials.jwt_secret, now=datetime.now(UTC))
        write_private(self._workspace.authorization, text=f"Authorization: Bearer {token}\n")
        self._request.say(f"all ready in {time.monotonic() - self._begun:.1f} s")
        if self._request.when_ready is not None:
            await self._request.when_ready(self._workspace, self._stack, token)
        self._token = token
        self._write_document()

    async def _report_waiting(self) -> None:
        """Says what is missing, while the start takes long."""
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            for name, reason in (await self.supervisor.waiting()).items():
                self._request.say(f"still waiting for {name}: {' '.join(reason.split())[:200]}")

    def _write_document(self) -> None:
        document = self._stack.document(token=self._token, pids=self.supervisor.pids())
        write_private_json(self._workspace.stack, value=document)

    def _on_event(self, event: Event) -> None:
        match event.happening:
            case Happening.STARTING:
                self._request.say(f"starting {event.name}…")
            case Happening.READY:
                self._request.say(f"{event.name} ready in {event.seconds:.1f} s")
            case Happening.DONE:
                self._request.say(f"{event.name} done in {event.seconds:.1f} s")
            case Happening.DIED:
                self._request.say(f"{event.name} {event.detail}: starting it again in {event.seconds:.1f} s")
            case Happening.RESTARTED:
                self._request.say(f"{event.name} started again ({event.detail})")
                if self._token:
                    self._write_document()
            case Happening.STOPPED:
                self._request.say(f"{event.name} stopped in {event.seconds:.1f} s")

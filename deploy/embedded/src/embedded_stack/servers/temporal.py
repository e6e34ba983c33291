"""Temporal's development server, with its database in one file and its web interface."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from embedded_stack import http_probe
from embedded_stack.binaries import script
from embedded_stack.launch import Identity
from embedded_stack.ports import LOOPBACK, free_port
from embedded_stack.program import Job
from embedded_stack.servers.minimal_environment import minimal_environment
from trigger_runtime import zone_data


class TemporalStorage(Enum):
    """FILE keeps workflows and schedules over restarts; MEMORY starts about three times as many a second."""

    FILE = "file"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalServer:
    """One Temporal server with the namespace `default`."""

    directory: Path
    port: int = field(default_factory=free_port)
    ui_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    ui_public_path: str = "/temporal-ui"
    storage: TemporalStorage = TemporalStorage.FILE
    name: str = "temporal"
    identity: Identity = Identity.SAME
    death_signal: signal.Signals = signal.SIGKILL

    @property
    def stop_signal(self) -> signal.Signals:
        """A server without a file has nothing to write down, and its graceful stop takes a second."""
        return signal.SIGTERM if self.storage is TemporalStorage.FILE else signal.SIGKILL

    @property
    def address(self) -> str:
        """host:port, as `temporalio.client.Client.connect` takes it."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return self.address

    @property
    def environment(self) -> Mapping[str, str]:
        """The caller's and the time zone data that the services read: both say when a schedule fires."""
        directory = zone_data.in_force().directory
        zones = {"ZONEINFO": str(directory)} if directory is not None else {}
        return {**minimal_environment(self.directory), **zones}

    def command(self) -> Sequence[str | Path]:
        options: dict[str, str] = {
            "--ip": LOOPBACK,
            "--port": str(self.port),
            "--ui-port": str(self.ui_port),
            "--ui-public-path": self.ui_public_path,
            "--http-port": str(self.http_port),
            "--metrics-port": str(self.metrics_port),
            "--log-level": "warn",
        }
        if self.storage is TemporalStorage.FILE:
            # Relative to its own folder: the path becomes part of a URI in which # and ? mean something.
            options["--db-filename"] = "temporal.db"
        switches = ("--ui-disable-news-fetch", "--disable-config-file", "--disable-config-env")
        words = [word for option in options.items() for word in option]
        return [script("temporal"), "server", "start-dev", *words, *switches]

    def remember_closed_workflows(self, *, days: int) -> Job:
        """The job that sets how long a closed workflow's id is known, and so how long "once" is certain."""
        return Job(
            name=f"{self.name}-retention",
            directory=self.directory,
            environment=self.environment,
            arguments=[
                *(script("temporal"), "operator", "namespace", "update", "--namespace", "default"),
                *("--retention", f"{days}d", "--address", self.address, "--disable-config-file"),
            ],
        )

    async def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def _probe_path(self) -> str:
        # Asked of the web interface, which asks the frontend: one request shows that both answer and that the
        # namespace is there, without importing a Temporal client.
        return f"{self.ui_public_path}/api/v1/namespaces/default"

    async def wait_ready(self) -> None:
        await http_probe.until_ok(self.ui_port, path=self._probe_path)

    async def unready_reason(self) -> str:
        return (await http_probe.get(self.ui_port, path=self._probe_path)).text

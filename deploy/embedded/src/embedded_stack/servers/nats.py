"""NATS with JetStream, on the loopback address."""

import asyncio
import json
import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from embedded_stack import http_probe
from embedded_stack.binaries import script
from embedded_stack.launch import Identity
from embedded_stack.ports import LOOPBACK, free_port
from embedded_stack.private_files import write_private
from embedded_stack.servers.minimal_environment import minimal_environment

_USER = "flowmaestro"


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsServer:
    """One NATS server. `sync_interval: always` makes an acknowledgement mean "on disk"."""

    directory: Path
    port: int = field(default_factory=free_port)
    monitoring_port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    name: str = "nats"
    identity: Identity = Identity.SAME
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL

    @property
    def url(self) -> str:
        """With user and password, so a secret."""
        return f"nats://{_USER}:{self.password}@{LOOPBACK}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return minimal_environment(self.directory)

    @property
    def _config(self) -> Path:
        return self.directory / "nats.conf"

    def command(self) -> Sequence[str | Path]:
        return [script("nats-server"), "--config", self._config]

    async def prepare(self) -> None:
        """Writes the configuration at each start, so that it is never older than this module."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The server's configuration format is a superset of JSON, but for its \u escapes.
        config = {
            "server_name": "flowmaestro-embedded",
            "host": LOOPBACK,
            "port": self.port,
            "http": f"{LOOPBACK}:{self.monitoring_port}",
            "max_payload": 8 * 1024 * 1024,
            "authorization": {"user": _USER, "password": self.password},
            "jetstream": {"store_dir": str(self.directory / "jetstream"), "sync_interval": "always"},
        }
        await asyncio.to_thread(
            write_private, self._config, text=json.dumps(config, indent=2, ensure_ascii=False)
        )

    async def wait_ready(self) -> None:
        await http_probe.until_ok(self.monitoring_port, path="/healthz?js-enabled-only=true")

    async def unready_reason(self) -> str:
        return (await http_probe.get(self.monitoring_port, path="/healthz")).text

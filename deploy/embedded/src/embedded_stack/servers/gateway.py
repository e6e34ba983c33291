"""Caddy: the one public port, routed as deploy/gateway/Caddyfile says."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from embedded_stack import http_probe
from embedded_stack.binaries import script
from embedded_stack.launch import Identity
from embedded_stack.ports import LOOPBACK, free_port
from embedded_stack.servers.minimal_environment import minimal_environment

# This package is installed editable and runs from the repository only; the files are for the images too.
CADDYFILE = Path(__file__).parents[4] / "gateway" / "Caddyfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The gateway. The four upstreams are `host:port`; they need not be there yet.

    `settings` holds the optional settings of the Caddyfile, such as GATEWAY_READ_BODY_TIMEOUT.
    """

    directory: Path
    trigger_api: str
    webhook_ingress: str
    execution_recorder: str
    temporal_ui: str
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    name: str = "gateway"
    identity: Identity = Identity.SAME
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return minimal_environment(self.directory) | {
            "XDG_DATA_HOME": str(self.directory / "data"),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "GATEWAY_BIND": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_FILES": str(CADDYFILE.parent),
            "TRIGGER_API": self.trigger_api,
            "WEBHOOK_INGRESS": self.webhook_ingress,
            "EXECUTION_RECORDER": self.execution_recorder,
            "TEMPORAL_UI": self.temporal_ui,
            **self.settings,
        }

    def command(self) -> Sequence[str | Path]:
        return [script("caddy"), "run", "--config", CADDYFILE, "--adapter", "caddyfile"]

    async def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def wait_ready(self) -> None:
        await http_probe.until_ok(self.port, path="/healthz")

    async def unready_reason(self) -> str:
        return (await http_probe.get(self.port, path="/healthz")).text

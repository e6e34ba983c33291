"""The five services: how each is started and which settings it gets, and no more than those."""

import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded_stack import http_probe
from embedded_stack.launch import Identity
from embedded_stack.ports import LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition:
    """One row of the table. `needs` must be ready before it starts; `uses` it can wait for by itself.

    `settings` names the environment variables it gets beside HTTP_HOST, HTTP_PORT and LOG_LEVEL.
    """

    name: str
    serve: tuple[str, ...]
    migrate: tuple[str, ...] | None = None
    needs: frozenset[str]
    uses: frozenset[str] = frozenset()
    settings: tuple[str, ...]


def _python(module: str, command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, command)


_JWT = ("JWT_SECRET", "JWT_ALGORITHM", "JWT_ISSUER", "JWT_AUDIENCE")
_TEMPORAL = ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE")

SERVICES: tuple[ServiceDefinition, ...] = (
    ServiceDefinition(
        name="trigger-api",
        serve=_python("trigger_api", "serve"),
        migrate=_python("trigger_api", "migrate"),
        needs=frozenset({"postgresql", "nats"}),
        settings=("DATABASE_URL", "NATS_URL", "NATS_STREAM_REPLICAS", *_JWT, "SECRET_KEYS", "PUBLIC_URL"),
    ),
    ServiceDefinition(
        name="webhook-ingress",
        serve=_python("webhook_ingress", "serve"),
        needs=frozenset({"nats"}),
        settings=(
            "NATS_URL",
            "NATS_STREAM_REPLICAS",
            "SECRET_KEYS",
            "TRUSTED_PROXY_HOPS",
            "PUBLIC_URL",
            "ACCESS_LOG",
        ),
    ),
    ServiceDefinition(
        name="scheduler-sync",
        serve=_python("scheduler_sync", "serve"),
        needs=frozenset({"nats"}),
        uses=frozenset({"temporal"}),
        settings=("NATS_URL", "NATS_STREAM_REPLICAS", *_TEMPORAL),
    ),
    ServiceDefinition(
        name="orchestrator-worker",
        serve=_python("orchestrator_worker", "serve"),
        # The retention first: it says for how long a start is known, and the default is a day.
        needs=frozenset({"nats", "temporal-retention"}),
        uses=frozenset({"temporal"}),
        settings=("NATS_URL", "NATS_STREAM_REPLICAS", *_TEMPORAL),
    ),
    ServiceDefinition(
        name="execution-recorder",
        serve=_python("execution_recorder", "serve"),
        migrate=_python("execution_recorder", "migrate"),
        needs=frozenset({"postgresql", "nats"}),
        settings=("DATABASE_URL", "NATS_URL", "NATS_STREAM_REPLICAS", *_JWT),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as a program of the stack."""

    name: str
    serve: Sequence[str]
    port: int
    environment: Mapping[str, str]
    directory: Path
    identity: Identity = Identity.SAME
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL

    @property
    def url(self) -> str:
        """Its own address, behind the gateway."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def upstream(self) -> str:
        """host:port, as the gateway wants it."""
        return f"{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str | Path]:
        """What to run."""
        return self.serve

    async def prepare(self) -> None:
        """Its working folder."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def wait_ready(self) -> None:
        """Until `/readyz` says 200."""
        await http_probe.until_ok(self.port, path="/readyz")

    async def unready_reason(self) -> str:
        """What `/readyz` says is missing."""
        return (await http_probe.get(self.port, path="/readyz")).text

"""The composition: which programs make the stack, with which settings, in which order."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded_stack.credentials import JWT_ALGORITHM, JWT_AUDIENCE, JWT_ISSUER, Credentials
from embedded_stack.ports import LOOPBACK, free_ports
from embedded_stack.program import Job
from embedded_stack.servers.gateway import Gateway
from embedded_stack.servers.minimal_environment import minimal_environment
from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.postgres import PostgresServer
from embedded_stack.servers.temporal import TemporalServer
from embedded_stack.services import Service, ServiceDefinition
from embedded_stack.supervisor import Step
from embedded_stack.workspace import Workspace

_SERVER_PORTS = 7
_RETENTION_DAYS = 15
"""Longer than the bus keeps what may come again (14 days)."""
# Where an upstream of the gateway is not part of the stack: nobody listens on the discard port of loopback.
_NOWHERE = f"{LOOPBACK}:9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The programs of one stack. `services` is empty when only the servers run."""

    postgresql: PostgresServer
    nats: NatsServer
    temporal: TemporalServer
    gateway: Gateway
    services: Mapping[str, Service]
    steps: Sequence[Step]
    credentials: Credentials

    @property
    def server_names(self) -> tuple[str, ...]:
        return (self.postgresql.name, self.nats.name, self.temporal.name, self.gateway.name)

    def document(self, *, token: str, pids: Mapping[str, int]) -> dict[str, object]:
        """What `stack.json` holds. A process that is just being started again is left out until it runs."""
        return {
            "base_url": self.gateway.url,
            "token": token,
            "jwt_secret": self.credentials.jwt_secret,
            "database_url": self.postgresql.url,
            "nats_url": self.nats.url,
            "temporal_address": self.temporal.address,
            "temporal_ui_url": f"{self.gateway.url}{self.temporal.ui_public_path}",
            "services": {
                name: {"pid": pids[name], "url": service.url}
                for name, service in self.services.items()
                if name in pids
            },
            "servers": {name: {"pid": pids[name]} for name in self.server_names if name in pids},
        }


def compose(
    workspace: Workspace,
    *,
    port: int,
    credentials: Credentials,
    definitions: Sequence[ServiceDefinition],
) -> Stack:
    """All programs, wired. Every port but the public one is a free one, chosen now."""
    ports = free_ports(_SERVER_PORTS + len(definitions))
    postgresql = PostgresServer(
        directory=workspace.root / "postgresql", port=ports.pop(), password=credentials.postgres_password
    )
    nats = NatsServer(
        directory=workspace.root / "nats",
        port=ports.pop(),
        monitoring_port=ports.pop(),
        password=credentials.nats_password,
    )
    temporal = TemporalServer(
        directory=workspace.root / "temporal",
        port=ports.pop(),
        ui_port=ports.pop(),
        http_port=ports.pop(),
        metrics_port=ports.pop(),
    )
    settings = {
        "DATABASE_URL": postgresql.url,
        "NATS_URL": nats.url,
        "NATS_STREAM_REPLICAS": "1",
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": "default",
        "JWT_SECRET": credentials.jwt_secret,
        "JWT_ALGORITHM": JWT_ALGORITHM,
        "JWT_ISSUER": JWT_ISSUER,
        "JWT_AUDIENCE": JWT_AUDIENCE,
        "SECRET_KEYS": credentials.secret_keys,
        "PUBLIC_URL": f"http://localhost:{port}",
        "TRUSTED_PROXY_HOPS": "1",
        # A line for each request costs webhook-ingress a fifth of its time, and each one is on record anyway.
        "ACCESS_LOG": os.environ.get("ACCESS_LOG", "summary"),
    }
    home = workspace.root / "services"
    services: dict[str, Service] = {}
    service_steps: list[Step] = []
    for definition in definitions:
        service = Service(
            name=definition.name,
            serve=definition.serve,
            port=(service_port := ports.pop()),
            environment=_environment(definition, home=home, port=service_port, settings=settings),
            directory=home,
        )
        services[definition.name] = service
        service_steps += _steps(definition, service=service)

    def upstream(name: str) -> str:
        return services[name].upstream if name in services else _NOWHERE

    gateway = Gateway(
        directory=workspace.root / "gateway",
        port=port,
        trigger_api=upstream("trigger-api"),
        webhook_ingress=upstream("webhook-ingress"),
        execution_recorder=upstream("execution-recorder"),
        temporal_ui=f"{LOOPBACK}:{temporal.ui_port}",
    )
    return Stack(
        postgresql=postgresql,
        nats=nats,
        temporal=temporal,
        gateway=gateway,
        services=services,
        credentials=credentials,
        steps=[
            # The gateway starts at once, to take the public port, and stops first: no new work while we stop.
            Step(program=gateway, uses=frozenset({"temporal", *services})),
            Step(program=temporal),
            Step(
                program=temporal.remember_closed_workflows(days=_RETENTION_DAYS),
                needs=frozenset({temporal.name}),
            ),
            Step(program=postgresql),
            Step(program=nats),
            *service_steps,
        ],
    )


def _environment(
    definition: ServiceDefinition, *, home: Path, port: int, settings: Mapping[str, str]
) -> dict[str, str]:
    return {
        **minimal_environment(home),
        **{name: os.environ[name] for name in ("LOG_LEVEL",) if name in os.environ},
        # Its output is a file, in which the last lines before a crash must not be missing.
        "PYTHONUNBUFFERED": "1",
        "HTTP_HOST": LOOPBACK,
        "HTTP_PORT": str(port),
        **{name: settings[name] for name in definition.settings},
    }


def _steps(definition: ServiceDefinition, *, service: Service) -> list[Step]:
    """The service, and before it its migration where it has one, which needs nothing but the database."""
    serving = Step(program=service, needs=definition.needs, uses=definition.uses)
    if definition.migrate is None:
        return [serving]
    migration = Job(
        name=f"{definition.name}-migrate",
        directory=service.directory,
        environment=service.environment,
        arguments=definition.migrate,
    )
    return [
        Step(program=migration, needs=frozenset({"postgresql"})),
        Step(program=service, needs=definition.needs | {migration.name}, uses=definition.uses),
    ]

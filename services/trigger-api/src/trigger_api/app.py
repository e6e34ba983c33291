"""Composition root: the one place where the service is put together."""

import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from trigger_api.adapters.nats_firings import NatsFirings
from trigger_api.adapters.outbox_relay import OutboxRelay
from trigger_api.adapters.postgres_event_store import PostgresEventStore
from trigger_api.adapters.postgres_read_model import PostgresReadModel
from trigger_api.adapters.trigger_activity import PositionedProjection, count_executions, note_schedules
from trigger_api.entrypoints import error_map
from trigger_api.entrypoints.trigger_routes import TriggerRoutes
from trigger_api.entrypoints.workflow_routes import WorkflowRoutes
from trigger_api.ports import Chance, Seal
from trigger_api.settings import DatabaseSettings, Settings
from trigger_api.usecases.trigger_commands import Triggers
from trigger_api.usecases.workflow_commands import Workflows
from trigger_contracts import ids, streams
from trigger_contracts.config import SealedSecret
from trigger_runtime import postgres
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower
from trigger_runtime.lifecycle import BackgroundTask, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import Database
from trigger_runtime.postgres_schema import SchemaWatch
from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import load
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.tokens import TokenVerifier

NAME = "trigger-api"
MIGRATIONS_TABLE = "trigger_api.schema_migrations"
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""A definition of the largest size, the rest of the state, and the headers."""
MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> Service:
    """Return the service, wired and not started."""
    readiness, metrics = Readiness(), Metrics()
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=(streams.CONFIG, streams.FIRINGS, streams.EXECUTIONS, streams.SCHEDULES),
        replicas=settings.nats_stream_replicas,
    )
    database = Database(
        settings.database.database_url, application=NAME, max_connections=settings.database_max_connections
    )
    chance = Chance(now=_now, new_id=_new_id, new_secret=_new_secret)
    store = PostgresEventStore(database)
    read_model = PostgresReadModel(database)
    relay = OutboxRelay(
        database,
        bus=bus,
        needed_bytes=MAX_MESSAGE_BYTES,
        holder=chance.new_id(),
        registry=metrics.registry,
    )
    triggers = Triggers(
        store,
        read_model=read_model,
        firings=NatsFirings(bus, timeout_seconds=settings.publish_seconds),
        seal=_seal(KeyRing.parse(settings.secret_keys.reveal())),
        chance=chance,
    )
    tokens = TokenVerifier(settings.tokens)
    routes = [
        *TriggerRoutes(
            triggers,
            read_model=read_model,
            history=store,
            tokens=tokens,
            chance=chance,
            public_url=settings.public_url,
        ).routes(),
        *WorkflowRoutes(Workflows(store, chance=chance), read_model=read_model, tokens=tokens).routes(),
    ]
    app = new_application(
        routes=routes,
        readiness=readiness,
        metrics=metrics,
        error_map=error_map.answer,
        max_body_bytes=settings.max_body_bytes,
    )
    readiness.require("bus", bus.check)
    readiness.require("max_payload", lambda: _payload_problem(bus))
    readiness.require("database", database.check)
    schema = SchemaWatch(database, directory=MIGRATIONS, table=MIGRATIONS_TABLE)
    readiness.require("schema", schema.check)
    counts = PositionedProjection(
        database, bus=bus, stream=streams.EXECUTIONS.name, name="executions", write=count_executions
    )
    schedules = PositionedProjection(
        database, bus=bus, stream=streams.SCHEDULES.name, name="schedules", write=note_schedules
    )
    return Service(
        NAME,
        components=[
            bus,
            database,
            schema,
            BackgroundTask("outbox relay", relay.run),
            BackgroundTask("outbox gauges", relay.measure),
            Follower(
                bus,
                name="executions",
                stream=streams.EXECUTIONS.name,
                subjects=[streams.execution("started")],
                position=counts.position,
                apply=counts.apply,
            ),
            Follower(
                bus,
                name="schedules",
                stream=streams.SCHEDULES.name,
                subjects=streams.SCHEDULES.subjects,
                position=schedules.position,
                apply=schedules.apply,
            ),
            HttpListener(app, host=settings.http_host, port=settings.http_port),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _payload_problem(bus: Bus) -> str | None:
    """Return why the bus cannot carry the largest state that the API accepts."""
    if bus.check() is not None or bus.max_payload >= MAX_MESSAGE_BYTES:
        return None
    return f"the bus takes {bus.max_payload} bytes a message; {MAX_MESSAGE_BYTES} are needed"


def migrate() -> str:
    """Bring the schema ``trigger_api`` up to date; return what was done."""
    url = load(DatabaseSettings).database_url
    return postgres.migrate(url, directory=MIGRATIONS, table=MIGRATIONS_TABLE)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> UUID:
    return ids.uuid7(unix_ms=time.time_ns() // 1_000_000, randomness=os.urandom(10))


def _new_secret() -> str:
    """Return 32 random bytes as URL-safe text."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def _seal(ring: KeyRing) -> Seal:
    def seal(secret: str, *, secret_id: UUID, trigger_id: UUID) -> SealedSecret:
        sealed = ring.seal(secret.encode(), belongs_to=trigger_id.bytes, nonce=os.urandom(12))
        return SealedSecret(
            id=secret_id, key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext
        )

    return seal

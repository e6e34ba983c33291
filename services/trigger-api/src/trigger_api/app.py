"""Composition root: the one place where the service is put together."""

import base64
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from trigger_api.adapters.cron_words import in_words
from trigger_api.adapters.idempotency_keys import KeyExpiry
from trigger_api.adapters.live_schedules import LiveSchedules
from trigger_api.adapters.nats_firings import NatsFirings
from trigger_api.adapters.outbox_relay import OutboxRelay
from trigger_api.adapters.postgres_event_store import PostgresEventStore
from trigger_api.adapters.postgres_history import PostgresHistory
from trigger_api.adapters.postgres_read_model import PostgresReadModel
from trigger_api.adapters.schema import MIGRATIONS, MIGRATIONS_TABLE
from trigger_api.adapters.trigger_activity import (
    PositionedProjection,
    Write,
    count_executions,
    note_schedules,
    note_secret_uses,
)
from trigger_api.adapters.vault import RingVault
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.catalog import CatalogHandlers
from trigger_api.entrypoints.declared import Operation
from trigger_api.entrypoints.error_map import problem_of
from trigger_api.entrypoints.http import Authenticator, read_body
from trigger_api.entrypoints.operations import TITLE, api_document, operations
from trigger_api.entrypoints.schedule_run_routes import ScheduleRunRoutes
from trigger_api.entrypoints.schedules import ScheduleHandlers
from trigger_api.entrypoints.trigger_action_routes import TriggerActionRoutes
from trigger_api.entrypoints.trigger_answers import TriggerAnswers
from trigger_api.entrypoints.trigger_routes import TriggerRoutes
from trigger_api.entrypoints.triggers import TriggerHandlers
from trigger_api.entrypoints.workflow_routes import WorkflowRoutes
from trigger_api.entrypoints.workflows import WorkflowHandlers
from trigger_api.ports import ClockAndIds
from trigger_api.settings import Settings
from trigger_api.usecases.runs_by_hand import RunsByHand
from trigger_api.usecases.schedule_runs import ScheduleRuns
from trigger_api.usecases.trigger_commands import Triggers
from trigger_api.usecases.workflow_commands import Workflows
from trigger_contracts import ids, streams
from trigger_runtime import postgres_schema
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower
from trigger_runtime.fair_threads import FairThreads
from trigger_runtime.gc_tuning import GcTuning
from trigger_runtime.lifecycle import BackgroundTask, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import Database, DatabaseSettings
from trigger_runtime.postgres_schema import SchemaWatch
from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import Secret, load
from trigger_runtime.web.api_pages import api_pages
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.operations import routes_of
from trigger_runtime.web.tokens import TokenSettings, TokenVerifier

NAME = "trigger-api"
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
_SLOW_AT_A_TIME = 2
"""Timetables and previews that are computed at a time: more would only share the processor."""
"""A definition of the largest size, the rest of the state, and the headers."""


def build(settings: Settings) -> Service:
    """Return the service, wired and not started."""
    readiness, metrics = Readiness(), Metrics()
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=(streams.CONFIG, streams.FIRINGS, streams.EXECUTIONS, streams.SCHEDULES, streams.SECRETS),
        replicas=settings.nats_stream_replicas,
    )
    database = Database(
        settings.database.database_url, application=NAME, max_connections=settings.database_max_connections
    )
    chance = ClockAndIds(now=_now, new_id=_new_id, random_bytes=os.urandom)
    relay = OutboxRelay(
        database,
        bus=bus,
        needed_bytes=MAX_MESSAGE_BYTES,
        holder=chance.new_id(),
        registry=metrics.registry,
    )
    tokens = TokenVerifier(settings.tokens, metrics=metrics)
    handlers, offered = _operations(settings, database=database, bus=bus, tokens=tokens, chance=chance)
    app = new_application(
        routes=[
            *routes_of(*handlers, authenticate=Authenticator(tokens), read_body=read_body),
            *[one.route() for one in offered],
            *api_pages(api_document(offered), title=TITLE),
        ],
        readiness=readiness,
        metrics=metrics,
        error_map=problem_of,
        max_body_bytes=settings.max_body_bytes,
    )
    readiness.require("bus", bus.check)
    readiness.require("max_payload", lambda: _payload_problem(bus))
    readiness.require("database", database.check)
    schema = SchemaWatch(database, directory=MIGRATIONS, table=MIGRATIONS_TABLE)
    readiness.require("schema", schema.check)
    for key_set in tokens.key_sets:
        readiness.require(key_set.name, key_set.check)
    expiry = KeyExpiry(database, keep=timedelta(hours=settings.idempotency_hours), now=_now)
    return Service(
        NAME,
        components=[
            GcTuning(settled=bus.ready),
            bus,
            database,
            schema,
            *tokens.key_sets,
            BackgroundTask("outbox relay", relay.run),
            BackgroundTask("outbox gauges", relay.measure),
            BackgroundTask("idempotency keys", expiry.run),
            _follower(
                database,
                bus=bus,
                stream=streams.EXECUTIONS,
                subjects=(streams.execution("started"),),
                write=count_executions,
            ),
            _follower(
                database,
                bus=bus,
                stream=streams.SCHEDULES,
                subjects=streams.SCHEDULES.subjects,
                write=note_schedules,
            ),
            _follower(
                database,
                bus=bus,
                stream=streams.SECRETS,
                subjects=streams.SECRETS.subjects,
                write=note_secret_uses,
            ),
            HttpListener(app, host=settings.http_host, port=settings.http_port),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def document() -> dict[str, Any]:
    """Return the OpenAPI document. It needs handlers to name, and nothing that they need is ever used."""
    settings = Settings(
        database=DatabaseSettings(database_url=Secret("postgresql://nobody@localhost/nothing")),
        tokens=TokenSettings(jwt_secret=Secret(secrets.token_hex())),
        secret_keys=Secret(f"none:{base64.b64encode(os.urandom(32)).decode()}"),
    )
    _, offered = _operations(
        settings,
        database=Database(settings.database.database_url, application=NAME),
        bus=Bus(url="", client_name=NAME),
        tokens=TokenVerifier(settings.tokens, metrics=Metrics()),
        chance=ClockAndIds(now=_now, new_id=_new_id, random_bytes=os.urandom),
    )
    return api_document(offered)


def _operations(
    settings: Settings, *, database: Database, bus: Bus, tokens: TokenVerifier, chance: ClockAndIds
) -> tuple[list[object], list[Operation]]:
    store, read_model, history = (
        PostgresEventStore(database),
        PostgresReadModel(database),
        PostgresHistory(database),
    )
    vault = RingVault(KeyRing.parse(settings.secret_keys.reveal()), random_bytes=os.urandom)
    access = Access(tokens, if_match=settings.if_match, now=chance.now)
    runs = RunsByHand(
        store,
        read_model=read_model,
        firings=NatsFirings(bus, timeout_seconds=settings.publish_seconds),
        vault=vault,
        chance=chance,
    )
    threads = FairThreads(_SLOW_AT_A_TIME)
    commands = Triggers(store, vault=vault, chance=chance, threads=threads)
    live = LiveSchedules(bus)
    answers = TriggerAnswers(read_model, access=access, public_url=settings.public_url)
    handlers: list[object] = [
        TriggerHandlers(read_model=read_model, history=history, answers=answers),
        WorkflowHandlers(read_model=read_model, history=history),
        ScheduleHandlers(
            read_model,
            live=live,
            describe=lambda expressions, zone: in_words(expressions, timezone=zone),
            fires_per_day=settings.fires_per_day,
            threads=threads,
            now=chance.now,
        ),
        CatalogHandlers(),
    ]
    declared = operations(
        triggers=TriggerRoutes(
            commands, read_model=read_model, history=history, access=access, answers=answers
        ),
        actions=TriggerActionRoutes(commands, runs=runs, history=history, access=access, answers=answers),
        workflows=WorkflowRoutes(
            Workflows(store, vault=vault, chance=chance),
            read_model=read_model,
            history=history,
            access=access,
        ),
        schedule_runs=ScheduleRunRoutes(
            ScheduleRuns(store, read_model=read_model, schedules=live, vault=vault, chance=chance),
            access=access,
        ),
    )
    return handlers, declared


def _follower(
    database: Database, *, bus: Bus, stream: streams.Stream, subjects: tuple[str, ...], write: Write
) -> Follower:
    name = stream.name.lower()
    projection = PositionedProjection(database, bus=bus, stream=stream.name, name=name, write=write)
    return Follower(
        bus,
        name=name,
        stream=stream.name,
        subjects=subjects,
        position=projection.position,
        apply=projection.apply,
    )


def _payload_problem(bus: Bus) -> str | None:
    """Return why the bus cannot carry the largest state that the API accepts."""
    if bus.check() is not None or bus.max_payload >= MAX_MESSAGE_BYTES:
        return None
    return f"the bus takes {bus.max_payload} bytes a message; {MAX_MESSAGE_BYTES} are needed"


def migrate() -> str:
    """Bring the schema ``trigger_api`` up to date; return what was done."""
    url = load(DatabaseSettings).database_url
    return postgres_schema.migrate(url, directory=MIGRATIONS, table=MIGRATIONS_TABLE)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> UUID:
    return ids.uuid7(unix_ms=time.time_ns() // 1_000_000, randomness=os.urandom(10))

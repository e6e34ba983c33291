"""Composition root: the one place where the service is put together."""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import stamina
import stamina.instrumentation

from trigger_api.adapters.bus_clients import BusFirings, BusSamples, BusSchedules
from trigger_api.adapters.cron_description import describe
from trigger_api.adapters.idempotency_keys import KeyExpiry
from trigger_api.adapters.outbox_relay import OutboxRelay
from trigger_api.adapters.postgres_event_store import PostgresEventStore
from trigger_api.adapters.postgres_read_model import PostgresReadModel
from trigger_api.adapters.schema import MIGRATIONS, MIGRATIONS_TABLE
from trigger_api.adapters.trigger_activity import (
    PositionedProjection,
    Write,
    count_executions,
    note_condition_failures,
    note_schedules,
    note_secret_uses,
)
from trigger_api.adapters.vault import RingVault
from trigger_api.domain.config_rules import check_field
from trigger_api.entrypoints.api import TITLE, api_document
from trigger_api.entrypoints.catalog import CatalogHandlers
from trigger_api.entrypoints.error_map import problem_of
from trigger_api.entrypoints.http import Authenticator, read_body
from trigger_api.entrypoints.preconditions import Preconditions
from trigger_api.entrypoints.sample_tests import SampleTestHandlers
from trigger_api.entrypoints.schedules import ScheduleHandlers, ScheduleRunHandlers
from trigger_api.entrypoints.trigger_actions import TriggerActionHandlers
from trigger_api.entrypoints.trigger_renderer import TriggerRenderer
from trigger_api.entrypoints.triggers import TriggerHandlers
from trigger_api.entrypoints.workflows import WorkflowHandlers
from trigger_api.ports import ClockAndIds
from trigger_api.settings import IfMatch, Settings
from trigger_api.usecases.manual_runs import ManualRuns
from trigger_api.usecases.sample_tests import SampleTests
from trigger_api.usecases.schedule_runs import ScheduleRuns
from trigger_api.usecases.trigger_commands import TriggerCommands
from trigger_api.usecases.workflow_commands import WorkflowCommands
from trigger_contracts import ids, streams
from trigger_runtime import postgres_schema
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower
from trigger_runtime.concurrency import FairThreads
from trigger_runtime.gc_tuning import GcTuning
from trigger_runtime.lifecycle import BackgroundTask, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import Database, DatabaseSettings
from trigger_runtime.postgres_schema import SchemaWatch
from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import load
from trigger_runtime.web.api_pages import api_pages
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.operations import routes_of
from trigger_runtime.web.tokens import TokenVerifier

NAME = "trigger-api"
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""A definition of the largest size, the rest of the state, and the headers."""
_SLOW_AT_A_TIME = 2
"""Timetables and previews that are computed at a time: more would only share the processor."""


def build(settings: Settings) -> Service:
    """Return the service, wired and not started."""
    # A command that is decided again after a lost race is nothing to log: it happens with every busy trigger.
    stamina.instrumentation.set_on_retry_hooks([])
    readiness, metrics = Readiness(), Metrics()
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=(
            streams.CONFIG,
            streams.FIRINGS,
            streams.EXECUTIONS,
            streams.SCHEDULES,
            streams.SECRETS,
            streams.CONDITIONS,
        ),
        replicas=settings.nats_stream_replicas,
    )
    database = Database(
        settings.database.database_url, application=NAME, max_connections=settings.database_max_connections
    )
    clock_and_ids = ClockAndIds(now=_now, new_id=_new_id, random_bytes=os.urandom)
    relay = OutboxRelay(
        database,
        bus=bus,
        needed_bytes=MAX_MESSAGE_BYTES,
        holder=clock_and_ids.new_id(),
        registry=metrics.registry,
    )
    tokens = TokenVerifier(settings.tokens, metrics=metrics)
    handlers = _handlers(settings, database=database, bus=bus, clock_and_ids=clock_and_ids)
    app = new_application(
        routes=[
            *routes_of(
                *handlers,
                authenticate=Authenticator(tokens),
                read_body=read_body,
                check_field=check_field,
            ),
            *api_pages(api_document(), title=TITLE),
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
            _follower(
                database,
                bus=bus,
                stream=streams.CONDITIONS,
                subjects=streams.CONDITIONS.subjects,
                write=note_condition_failures,
            ),
            HttpListener(app, host=settings.http_host, port=settings.http_port),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _handlers(
    settings: Settings, *, database: Database, bus: Bus, clock_and_ids: ClockAndIds
) -> list[object]:
    store, read_model = PostgresEventStore(database), PostgresReadModel(database)
    vault = RingVault(KeyRing.parse(settings.secret_keys.reveal()), random_bytes=os.urandom)
    threads = FairThreads(_SLOW_AT_A_TIME)
    schedules = BusSchedules(bus)
    commands = TriggerCommands(
        store, directory=read_model, vault=vault, clock_and_ids=clock_and_ids, threads=threads
    )
    renderer = TriggerRenderer(read_model, public_url=settings.public_url, now=clock_and_ids.now)
    preconditions = Preconditions(required=settings.if_match is IfMatch.REQUIRED)
    return [
        WorkflowHandlers(
            WorkflowCommands(store, vault=vault, clock_and_ids=clock_and_ids),
            read_model=read_model,
            store=store,
            preconditions=preconditions,
        ),
        TriggerHandlers(
            commands, read_model=read_model, store=store, renderer=renderer, preconditions=preconditions
        ),
        TriggerActionHandlers(
            commands,
            runs=ManualRuns(
                store,
                directory=read_model,
                firings=BusFirings(bus, timeout_seconds=settings.publish_seconds),
                vault=vault,
                clock_and_ids=clock_and_ids,
            ),
            renderer=renderer,
            preconditions=preconditions,
        ),
        ScheduleHandlers(
            read_model,
            live=schedules,
            describe=lambda expressions, zone: describe(expressions, timezone=zone),
            fires_per_day=settings.fires_per_day,
            threads=threads,
            now=clock_and_ids.now,
        ),
        ScheduleRunHandlers(
            ScheduleRuns(
                store,
                directory=read_model,
                schedules=schedules,
                vault=vault,
                clock_and_ids=clock_and_ids,
            )
        ),
        SampleTestHandlers(
            SampleTests(
                directory=read_model,
                door=BusSamples(bus),
                vault=vault,
                threads=threads,
                clock_and_ids=clock_and_ids,
            )
        ),
        CatalogHandlers(),
    ]


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

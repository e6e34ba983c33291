"""Composition root: the one place where execution-recorder is wired."""

from datetime import UTC, datetime, timedelta
from functools import partial

from prometheus_client import Counter

from execution_recorder.adapters.bus_runs import BusRuns
from execution_recorder.adapters.postgres_executions import PostgresExecutions
from execution_recorder.adapters.postgres_open_executions import PostgresOpenExecutions
from execution_recorder.adapters.postgres_pruning import PostgresPruning
from execution_recorder.adapters.postgres_recording import PostgresRecording
from execution_recorder.adapters.postgres_webhook_logs import PostgresWebhookLogs
from execution_recorder.adapters.postgres_webhook_rates import PostgresWebhookRates
from execution_recorder.adapters.schema import MIGRATIONS, MIGRATIONS_TABLE
from execution_recorder.adapters.trigger_workspaces import TriggerWorkspaces
from execution_recorder.entrypoints import consumers
from execution_recorder.entrypoints.api import TITLE, api_document
from execution_recorder.entrypoints.delivery_requests import DeliveryRequests
from execution_recorder.entrypoints.error_map import problem_of
from execution_recorder.entrypoints.history import ExecutionHandlers, WebhookLogHandlers
from execution_recorder.entrypoints.open_executions import OpenExecutionsTask
from execution_recorder.entrypoints.pruning import PruningTask
from execution_recorder.entrypoints.webhook_rates import WebhookRateHandlers
from execution_recorder.settings import Settings
from trigger_contracts import streams
from trigger_runtime import postgres_schema
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.object_store import ObjectStore
from trigger_runtime.bus.parked_consumer import parked_consumer
from trigger_runtime.bus.request_reply import Responder
from trigger_runtime.lifecycle import Component, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import Database, DatabaseSettings
from trigger_runtime.postgres_schema import SchemaWatch
from trigger_runtime.settings import load
from trigger_runtime.web.api_pages import api_pages
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.operations import routes_of
from trigger_runtime.web.tokens import TokenVerifier

NAME = "execution-recorder"


def build(settings: Settings) -> Service:
    """Return the service, wired and not started. Call it inside the running event loop."""
    metrics, readiness = Metrics(), Readiness()
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=[
            streams.CONFIG,
            streams.DELIVERIES,
            streams.DELIVERY_BODIES_STREAM,
            streams.REJECTIONS,
            streams.FIRINGS,
            streams.EXECUTIONS,
            streams.PARKED,
            streams.DEAD_LETTERS,
        ],
        replicas=settings.nats_stream_replicas,
    )
    database = Database(
        settings.database.database_url, application=NAME, max_connections=settings.database_max_connections
    )
    schema = SchemaWatch(database, directory=MIGRATIONS, table=MIGRATIONS_TABLE)
    workspaces = TriggerWorkspaces(check=lambda: follower.check() or bus.check())
    follower = Follower(
        bus,
        name="trigger owners",
        stream=streams.CONFIG.name,
        subjects=[streams.CONFIG_TRIGGERS],
        position=workspaces.position,
        apply=workspaces.apply,
    )
    tokens = TokenVerifier(settings.tokens, metrics=metrics)
    recording = PostgresRecording(database)
    unrecorded = Counter(
        "webhook_refusals_unrecorded_total",
        "Refused requests that were counted but not recorded, under a flood.",
        registry=metrics.registry,
    )
    on_deliveries = partial(
        consumers.on_deliveries,
        recording=recording,
        bodies=ObjectStore(bus, bucket=streams.DELIVERY_BODIES),
        count_unrecorded=unrecorded.inc,
    )
    reading = [
        new_consumer(bus, subscription=subscription, handle=handle, metrics=metrics)
        for subscription, handle in (
            (consumers.DELIVERIES, on_deliveries),
            (consumers.REJECTIONS, on_deliveries),
            (consumers.FIRINGS, partial(consumers.on_manual_firing, recording=recording)),
            (consumers.EXECUTIONS, partial(consumers.on_fact, recording=recording)),
        )
        for new_consumer in (Consumer, parked_consumer)
    ]
    responder = Responder(
        bus,
        subject=streams.GET_DELIVERY,
        queue=NAME,
        handle=DeliveryRequests(PostgresWebhookLogs(database)).handle,
        concurrency=2,
    )
    application = new_application(
        routes=[
            *routes_of(
                ExecutionHandlers(PostgresExecutions(database), workspaces=workspaces),
                WebhookLogHandlers(PostgresWebhookLogs(database), workspaces=workspaces),
                WebhookRateHandlers(PostgresWebhookRates(database), workspaces=workspaces, now=_now),
                authenticate=tokens.principal,
            ),
            *api_pages(api_document(), title=TITLE),
        ],
        readiness=readiness,
        metrics=metrics,
        error_map=problem_of,
        max_body_bytes=1024,
    )
    readiness.require("bus", bus.check)
    readiness.require("database", database.check)
    readiness.require("schema", schema.check)
    readiness.require("triggers", follower.check)
    for consumer in reading:
        readiness.require(consumer.name, consumer.check)
    for key_set in tokens.key_sets:
        readiness.require(key_set.name, key_set.check)
    return Service(
        NAME,
        components=[
            bus,
            database,
            schema,
            follower,
            *tokens.key_sets,
            *reading,
            responder,
            OpenExecutionsTask(
                PostgresOpenExecutions(database),
                runs=BusRuns(bus),
                recording=recording,
                now=_now,
                metrics=metrics,
            ),
            _pruning(database, days=settings.retention_days, metrics=metrics),
            HttpListener(application, host=settings.http_host, port=settings.http_port),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _pruning(database: Database, *, days: int, metrics: Metrics) -> Component:
    kept = timedelta(days=days) if days else None
    return PruningTask(PostgresPruning(database), kept=kept, now=_now, metrics=metrics)


def _now() -> datetime:
    return datetime.now(UTC)


def migrate() -> str:
    """Bring the schema up to date; return what was done. Raises ``MigrationError``."""
    return postgres_schema.migrate(
        load(DatabaseSettings).database_url, directory=MIGRATIONS, table=MIGRATIONS_TABLE
    )

"""The composition root."""

from datetime import UTC, datetime, timedelta
from functools import partial

from orchestrator_worker.activities.execution_lifecycle import ExecutionLifecycle
from orchestrator_worker.adapters.bus_execution_log import BusExecutionLog
from orchestrator_worker.adapters.bus_workflow_definitions import BusWorkflowDefinitions
from orchestrator_worker.adapters.event_trigger_directory import EventTriggerDirectory
from orchestrator_worker.adapters.temporal_retention import TemporalRetention
from orchestrator_worker.adapters.temporal_starter import TemporalStarter
from orchestrator_worker.entrypoints import consumers
from orchestrator_worker.entrypoints.task_queue import worker_factory
from orchestrator_worker.settings import Settings
from orchestrator_worker.usecases import Dispatcher
from trigger_contracts import streams
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.follower_watch import FollowerWatch
from trigger_runtime.bus.object_store import ObjectStore
from trigger_runtime.lifecycle import BackgroundTask, Readiness, Service, StartAfter
from trigger_runtime.metrics import Metrics
from trigger_runtime.temporal import TemporalConnection, TemporalWorker
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener

NAME = "orchestrator-worker"
_STREAMS = (
    streams.CONFIG,
    streams.DELIVERIES,
    streams.DELIVERY_BODIES_STREAM,
    streams.EVENTS,
    streams.FIRINGS,
    streams.EXECUTIONS,
    streams.REFUSED_EVENTS,
    streams.DEAD_LETTERS,
)


def build(settings: Settings) -> Service:
    """Wire the service."""
    metrics = Metrics()
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=_STREAMS,
        replicas=settings.nats_stream_replicas,
    )
    temporal = TemporalConnection(settings.temporal, identity=NAME)
    directory = EventTriggerDirectory(open_to=settings.event_workspaces, registry=metrics.registry)
    follower = Follower(
        bus,
        name="event triggers",
        stream=streams.CONFIG.name,
        subjects=[streams.CONFIG_TRIGGERS],
        position=directory.position,
        apply=directory.apply,
    )
    watch = FollowerWatch(follower, name="event triggers", registry=metrics.registry)
    execution_log = BusExecutionLog(bus)
    retention = TemporalRetention(
        temporal,
        kept={
            stream.name: timedelta(seconds=stream.max_age_seconds)
            for stream in (streams.DELIVERIES, streams.EVENTS, streams.FIRINGS)
        },
        registry=metrics.registry,
    )
    dispatcher = Dispatcher(
        starter=TemporalStarter(temporal, registry=metrics.registry),
        dedup_window=retention,
        execution_log=execution_log,
        directory=directory,
        bodies=ObjectStore(bus, bucket=streams.DELIVERY_BODIES),
        now=_now,
        max_concurrent=settings.max_concurrent_starts,
    )
    deliveries, events, firings = (
        Consumer(bus, subscription=subscription, handle=handle, metrics=metrics)
        for subscription, handle in (
            (consumers.DELIVERIES, partial(consumers.on_deliveries_accepted, dispatcher=dispatcher)),
            (
                consumers.EVENTS,
                partial(consumers.on_event, dispatcher=dispatcher, directory_current=watch.current),
            ),
            (consumers.FIRINGS, partial(consumers.on_manual_firing, dispatcher=dispatcher)),
        )
    )
    worker = TemporalWorker(
        temporal,
        make=worker_factory(
            ExecutionLifecycle(
                definitions=BusWorkflowDefinitions(bus), execution_log=execution_log, now=_now
            ),
            max_concurrent_activities=settings.max_concurrent_activities,
            max_concurrent_workflow_tasks=settings.max_concurrent_workflow_tasks,
            # The rest of the time is for the consumers, which stop after it.
            graceful_seconds=settings.shutdown_seconds * 0.4,
        ),
    )
    readiness = Readiness()
    readiness.require("bus", bus.check)
    readiness.require("temporal", temporal.check)
    readiness.require("event triggers", lambda: follower.check() or watch.check())
    for consumer in (deliveries, events, firings):
        readiness.require(consumer.name, consumer.check)
    readiness.require("temporal worker", worker.check)
    listener = HttpListener(
        new_application(routes=[], readiness=readiness, metrics=metrics, max_body_bytes=1024),
        host=settings.http_host,
        port=settings.http_port,
    )
    return Service(
        NAME,
        components=[
            bus,
            temporal,
            BackgroundTask("temporal retention", retention.watch),
            follower,
            watch,
            deliveries,
            StartAfter(events, ready=follower.caught_up),
            firings,
            worker,
            listener,
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _now() -> datetime:
    return datetime.now(UTC)

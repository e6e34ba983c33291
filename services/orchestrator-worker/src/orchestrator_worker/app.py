"""The composition root."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from prometheus_client import Counter

from orchestrator_worker.activities.execution_lifecycle import ExecutionLifecycle
from orchestrator_worker.activities.fire_identity import FireIdentities
from orchestrator_worker.adapters.bus_backfills import BusBackfills
from orchestrator_worker.adapters.bus_execution_log import BusExecutionLog
from orchestrator_worker.adapters.bus_workflow_definitions import BusWorkflowDefinitions
from orchestrator_worker.adapters.event_trigger_directory import EventTriggerDirectory
from orchestrator_worker.adapters.temporal_retention import TemporalRetention
from orchestrator_worker.adapters.temporal_runs import TemporalRuns
from orchestrator_worker.adapters.temporal_starter import TemporalStarter
from orchestrator_worker.domain.start_limit import StartLimit
from orchestrator_worker.entrypoints import consumers
from orchestrator_worker.entrypoints.run_requests import RunRequests
from orchestrator_worker.entrypoints.task_queue import worker_factory
from orchestrator_worker.settings import Role, Settings
from orchestrator_worker.usecases.dispatcher import Dispatcher
from orchestrator_worker.usecases.run_ends import RunEnds
from orchestrator_worker.usecases.start_pool import StartPool
from trigger_contracts import condition_failures, streams
from trigger_contracts.codec import encode
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.follower_watch import FollowerWatch
from trigger_runtime.bus.object_store import ObjectStore
from trigger_runtime.bus.paced_publisher import PacedPublisher
from trigger_runtime.bus.parked_consumer import parked_consumer
from trigger_runtime.bus.request_reply import Responder
from trigger_runtime.lifecycle import BackgroundTask, Component, Readiness, Service, StartAfter
from trigger_runtime.metrics import Metrics
from trigger_runtime.temporal import TemporalConnection, TemporalWorker
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener

NAME = "orchestrator-worker"
_STREAMS: Final = {
    Role.DISPATCHER: (
        streams.CONFIG,
        streams.DELIVERIES,
        streams.DELIVERY_BODIES_STREAM,
        streams.EVENTS,
        streams.FIRINGS,
        streams.EXECUTIONS,
        streams.CONDITIONS,
        streams.REFUSED_EVENTS,
        streams.PARKED,
        streams.DEAD_LETTERS,
    ),
    Role.WORKER: (streams.CONFIG, streams.BACKFILLS, streams.EXECUTIONS),
}


@dataclass(frozen=True, kw_only=True)
class _Process:
    """What both roles use, and what a role adds to: its components in their order, its readiness checks."""

    settings: Settings
    metrics: Metrics
    bus: Bus
    temporal: TemporalConnection
    execution_log: BusExecutionLog
    components: list[Component] = field(default_factory=list)
    readiness: Readiness = field(default_factory=Readiness)

    def require(self, name: str, check: Callable[[], str | None]) -> None:
        self.readiness.require(name, check)


def build(settings: Settings) -> Service:
    """Wire the service for its roles."""
    metrics = Metrics()
    needed = {stream.name: stream for role in settings.roles for stream in _STREAMS[role]}
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=tuple(needed.values()),
        replicas=settings.nats_stream_replicas,
    )
    temporal = TemporalConnection(settings.temporal, identity=NAME)
    process = _Process(
        settings=settings,
        metrics=metrics,
        bus=bus,
        temporal=temporal,
        execution_log=BusExecutionLog(bus),
        components=[bus, temporal],
    )
    process.require("bus", bus.check)
    process.require("temporal", temporal.check)
    if Role.DISPATCHER in settings.roles:
        _add_dispatcher(process)
    if Role.WORKER in settings.roles:
        _add_worker(process)
    listener = HttpListener(
        new_application(routes=[], readiness=process.readiness, metrics=metrics, max_body_bytes=1024),
        host=settings.http_host,
        port=settings.http_port,
    )
    return Service(
        NAME,
        components=[*process.components, listener],
        readiness=process.readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _add_dispatcher(process: _Process) -> None:
    settings, metrics, bus, temporal = process.settings, process.metrics, process.bus, process.temporal
    failures = PacedPublisher(
        "condition failures",
        bus=bus,
        encode=encode,
        merge=condition_failures.merged,
        metrics=metrics,
    )
    directory = EventTriggerDirectory(
        open_to=settings.event_workspaces,
        registry=metrics.registry,
        publish_failure=failures.note,
        now=_now,
    )
    follower = Follower(
        bus,
        name="event triggers",
        stream=streams.CONFIG.name,
        subjects=[streams.CONFIG_TRIGGERS],
        position=directory.position,
        apply=directory.apply,
    )
    watch = FollowerWatch(follower, name="event triggers", registry=metrics.registry)
    retention = TemporalRetention(
        temporal,
        kept={
            stream.name: timedelta(seconds=stream.max_age_seconds)
            for stream in (streams.DELIVERIES, streams.EVENTS, streams.FIRINGS)
        },
        registry=metrics.registry,
    )
    pool = StartPool(
        limit=StartLimit(most=settings.max_concurrent_starts),
        healthy=temporal.healthy,
        per_second=settings.max_starts_per_second,
    )
    dispatcher = Dispatcher(
        starter=TemporalStarter(temporal, registry=metrics.registry),
        dedup_window=retention,
        execution_log=process.execution_log,
        directory=directory,
        bodies=ObjectStore(bus, bucket=streams.DELIVERY_BODIES),
        pool=pool,
        now=_now,
    )
    on_deliveries = partial(consumers.on_deliveries_accepted, dispatcher=dispatcher)
    on_firing = partial(consumers.on_manual_firing, dispatcher=dispatcher)
    deliveries, parked_deliveries, firings, parked_firings, events = (
        # What cannot be started is not fetched: other processes may reach Temporal.
        new_consumer(bus, subscription=subscription, handle=handle, metrics=metrics, gate=temporal.healthy)
        for new_consumer, subscription, handle in (
            (Consumer, consumers.DELIVERIES, on_deliveries),
            (parked_consumer, consumers.DELIVERIES, on_deliveries),
            (Consumer, consumers.FIRINGS, on_firing),
            (parked_consumer, consumers.FIRINGS, on_firing),
            (
                Consumer,
                consumers.EVENTS,
                partial(consumers.on_event, dispatcher=dispatcher, directory_current=watch.current),
            ),
        )
    )
    process.require("event triggers", lambda: follower.check() or watch.check())
    for consumer in (deliveries, parked_deliveries, firings, parked_firings, events):
        process.require(consumer.name, consumer.check)
    process.components.extend(
        [
            BackgroundTask("temporal retention", retention.watch),
            failures,
            follower,
            watch,
            deliveries,
            parked_deliveries,
            StartAfter(events, ready=follower.caught_up),
            firings,
            parked_firings,
            # Stopped before the consumers, which wait for the starts of their messages.
            pool,
        ]
    )


def _add_worker(process: _Process) -> None:
    settings = process.settings
    backfills = BusBackfills(process.bus)
    lifecycle = ExecutionLifecycle(
        definitions=BusWorkflowDefinitions(process.bus), execution_log=process.execution_log
    )
    worker = TemporalWorker(
        process.temporal,
        make=worker_factory(
            lifecycle,
            identities=FireIdentities(backfills),
            max_concurrent_activities=settings.max_concurrent_activities,
            max_concurrent_workflow_tasks=settings.max_concurrent_workflow_tasks,
            # The rest of the time is for the consumers, which stop after it.
            graceful_seconds=settings.shutdown_seconds * 0.4,
        ),
    )
    concluded = Counter(
        "executions_concluded_total",
        "Ends that were recorded by what Temporal says, since the execution did not record them.",
        ["how"],
        registry=process.metrics.registry,
    )
    ends = RunEnds(
        TemporalRuns(process.temporal),
        execution_log=process.execution_log,
        backfills=backfills,
        now=_now,
        count=lambda how: concluded.labels(how=how).inc(),
    )
    responder = Responder(
        process.bus,
        subject=streams.DESCRIBE_RUNS,
        queue=NAME,
        handle=RunRequests(ends).handle,
        concurrency=1,
        seconds=20.0,
    )
    process.require("temporal worker", worker.check)
    process.components.extend([worker, BackgroundTask("ends of runs", ends.watch), responder])


def _now() -> datetime:
    return datetime.now(UTC)

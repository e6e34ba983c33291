"""Composition root: the one place where the service is put together."""

import collections
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter

from scheduler_sync.adapters.backfill_records import BusBackfillRecords
from scheduler_sync.adapters.config_stream import ConfigStream
from scheduler_sync.adapters.fact_stream import FactFollower, FactPublisher
from scheduler_sync.adapters.live_schedules import TemporalLiveSchedules
from scheduler_sync.adapters.resync_lease import ResyncLease
from scheduler_sync.adapters.temporal_schedules import TemporalSchedules
from scheduler_sync.domain.describe_rotation import DescribeRotation
from scheduler_sync.domain.plan import Step
from scheduler_sync.entrypoints.consumers import TRIGGERS, on_trigger_changed
from scheduler_sync.entrypoints.queue_depth import QueueDepth
from scheduler_sync.entrypoints.requests import (
    on_backfill_schedule,
    on_describe_schedule,
    on_preview_backfill,
    on_run_schedule,
)
from scheduler_sync.entrypoints.resync_loop import ResyncLoop
from scheduler_sync.settings import Settings
from scheduler_sync.usecases.full_resync import FullResync
from scheduler_sync.usecases.manual_runs import ManualRuns
from scheduler_sync.usecases.reconciler import Reconciler
from scheduler_sync.usecases.schedule_calculator import ScheduleCalculator
from scheduler_sync.usecases.status_publisher import PublishedFacts, StatusPublisher
from trigger_contracts import streams
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.parked_consumer import parked_consumer
from trigger_runtime.bus.request_reply import Responder
from trigger_runtime.lifecycle import BackgroundTask, Component, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.temporal import TemporalConnection
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener

NAME = "scheduler-sync"

REPLY_SECONDS = 3.0
"""What a request may take: as long as the README says that callers wait."""


class Core:
    """What compares and reconciles, with its connections; for ``serve`` and for the other verbs."""

    def __init__(self, settings: Settings) -> None:
        self.bus = Bus(
            url=settings.nats_url.reveal(),
            client_name=NAME,
            streams=(
                streams.CONFIG,
                streams.SCHEDULES,
                streams.BACKFILLS,
                streams.PARKED,
                streams.DEAD_LETTERS,
            ),
            replicas=settings.nats_stream_replicas,
        )
        self.temporal = TemporalConnection(settings.temporal, identity=NAME)
        self.configuration = ConfigStream(self.bus)
        self.follower = Follower(
            self.bus,
            name="triggers",
            stream=streams.CONFIG.name,
            subjects=[streams.CONFIG_TRIGGERS],
            position=self.configuration.position,
            apply=self.configuration.apply,
        )
        self.steps = collections.Counter[str]()
        self._steps_total: Counter | None = None
        self.schedules = TemporalSchedules(self.temporal)
        self.calculator = ScheduleCalculator()
        self.published = PublishedFacts()
        facts = FactFollower(self.published)
        self.facts = Follower(
            self.bus,
            name="facts",
            stream=streams.SCHEDULES.name,
            subjects=streams.SCHEDULES.subjects,
            position=facts.position,
            apply=facts.apply,
            on_stream_recreated=facts.on_stream_recreated,
        )
        self.reconciler = Reconciler(
            self.schedules,
            configuration=self.configuration,
            publisher=StatusPublisher(
                FactPublisher(self.bus),
                configuration=self.configuration,
                published=self.published,
                now=_now,
            ),
            calculator=self.calculator,
            now=_now,
            on_step=self._count,
        )
        self.resync = FullResync(
            self.schedules,
            configuration=self.configuration,
            reconciler=self.reconciler,
            published=self.published,
            calculator=self.calculator,
            now=_now,
            rotation=DescribeRotation(
                seconds=settings.resync_seconds,
                rounds=math.ceil(settings.resync_closely_seconds / settings.resync_seconds) or 1,
            ),
        )

    @property
    def components(self) -> Sequence[Component]:
        """The parts that have to be started, in order."""
        return [self.bus, self.temporal, self.follower, self.facts]

    async def caught_up(self) -> None:
        """Wait until all triggers are known, and the facts about their schedules."""
        await self.follower.caught_up()
        await self.facts.caught_up()

    def show_steps(self, registry: CollectorRegistry) -> None:
        """Count the steps in a metric as well."""
        self._steps_total = Counter(
            "schedules_steps_total", "Steps applied to Temporal's schedules.", ["step"], registry=registry
        )

    def _count(self, step: Step) -> None:
        name = type(step).__name__.lower()
        self.steps[name] += 1
        if self._steps_total is not None:
            self._steps_total.labels(step=name).inc()


def build(settings: Settings) -> Service:
    """Return the service, wired and not started."""
    readiness, metrics, core = Readiness(), Metrics(), Core(settings)
    core.show_steps(metrics.registry)
    bus = core.bus
    on_change = partial(on_trigger_changed, reconciler=core.reconciler)
    consumer = Consumer(bus, subscription=TRIGGERS, handle=on_change, metrics=metrics)
    parked = parked_consumer(bus, subscription=TRIGGERS, handle=on_change, metrics=metrics)
    lease = ResyncLease(
        bus,
        replica=uuid4().hex,
        seconds=settings.resync_lease_seconds,
        replicas=settings.nats_stream_replicas,
        registry=metrics.registry,
    )
    resync = ResyncLoop(
        core.resync,
        caught_up=core.caught_up,
        lease=lease,
        seconds=settings.resync_seconds,
        registry=metrics.registry,
    )
    depth = QueueDepth(
        bus, stream=streams.CONFIG.name, durable=streams.SYNC_SCHEDULES, registry=metrics.registry
    )
    app = new_application(routes=[], readiness=readiness, metrics=metrics, max_body_bytes=1024)
    readiness.require("bus", bus.check)
    readiness.require("temporal", core.temporal.check)
    readiness.require("triggers", core.follower.check)
    readiness.require("facts", core.facts.check)
    # Not the responders: schedules converge without them.
    readiness.require("consumer", consumer.check)
    return Service(
        NAME,
        components=[
            *core.components,
            consumer,
            parked,
            *_responders(core),
            lease,
            BackgroundTask("resync", resync.run),
            BackgroundTask("queue depth", depth.run),
            HttpListener(app, host=settings.http_host, port=settings.http_port),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _responders(core: Core) -> list[Responder]:
    live = TemporalLiveSchedules(core.temporal)
    runs = ManualRuns(
        live,
        records=BusBackfillRecords(core.bus),
        configuration=core.configuration,
        calculator=core.calculator,
        now=_now,
    )
    handlers = {
        streams.DESCRIBE_SCHEDULE: on_describe_schedule(live),
        streams.RUN_SCHEDULE: on_run_schedule(runs),
        streams.PREVIEW_BACKFILL: on_preview_backfill(runs),
        streams.BACKFILL_SCHEDULE: on_backfill_schedule(runs),
    }
    return [
        Responder(core.bus, subject=subject, queue=NAME, handle=handle, seconds=REPLY_SECONDS)
        for subject, handle in handlers.items()
    ]


def _now() -> datetime:
    return datetime.now(UTC)

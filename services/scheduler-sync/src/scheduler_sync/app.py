"""Composition root: the one place where the service is put together."""

import math
from collections import Counter as Tally
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter

from scheduler_sync.adapters.config_stream import ConfigStream
from scheduler_sync.adapters.facts_stream import FactsStream
from scheduler_sync.adapters.live_schedules import TemporalLiveSchedules
from scheduler_sync.adapters.resync_lease import ResyncLease
from scheduler_sync.adapters.schedule_facts import ScheduleFacts
from scheduler_sync.adapters.temporal_schedules import AT_ONCE, TemporalSchedules
from scheduler_sync.domain.plan import Step
from scheduler_sync.entrypoints.consumers import on_trigger_changed
from scheduler_sync.entrypoints.queue_depth import QueueDepth
from scheduler_sync.entrypoints.requests import (
    on_backfill_schedule,
    on_describe_schedule,
    on_preview_backfill,
    on_run_schedule,
)
from scheduler_sync.entrypoints.resync import Resync
from scheduler_sync.ports import BusAwayError, Schedules, TemporalAwayError
from scheduler_sync.settings import Settings
from scheduler_sync.usecases.announcing import Announcer
from scheduler_sync.usecases.comparing import Comparison
from scheduler_sync.usecases.foretelling import Foreteller
from scheduler_sync.usecases.reconciling import Reconciler
from scheduler_sync.usecases.running import Runs
from scheduler_sync.usecases.said import Said
from scheduler_sync.usecases.turns import Turns
from trigger_contracts import streams
from trigger_contracts.codec import MalformedMessageError, UnknownMessageError
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer, Subscription
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.request_reply import Responder
from trigger_runtime.lifecycle import BackgroundTask, Component, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.temporal import TemporalConnection
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener

NAME = "scheduler-sync"

ANSWER_SECONDS = 3.0
"""What a request may take: as long as the README tells others to wait."""


class Core:
    """What compares and syncs, and the connections that it needs; for ``serve`` and for the other verbs."""

    def __init__(self, settings: Settings) -> None:
        self.bus = Bus(
            url=settings.nats_url.reveal(),
            client_name=NAME,
            streams=(streams.CONFIG, streams.SCHEDULES, streams.DEAD_LETTERS),
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
        self.applied: Tally[str] = Tally()
        self._steps: Counter | None = None
        schedules: Schedules = TemporalSchedules(self.temporal)
        self.foreteller = Foreteller()
        self.said = Said()
        stream = FactsStream(self.said)
        self.facts = Follower(
            self.bus,
            name="facts",
            stream=streams.SCHEDULES.name,
            subjects=streams.SCHEDULES.subjects,
            position=stream.position,
            apply=stream.apply,
            on_stream_recreated=stream.on_stream_recreated,
        )
        self.announcer = Announcer(
            ScheduleFacts(self.bus),
            schedules=schedules,
            configuration=self.configuration,
            foreteller=self.foreteller,
            said=self.said,
            now=_now,
        )
        self.reconciler = Reconciler(
            schedules,
            configuration=self.configuration,
            announcer=self.announcer,
            foreteller=self.foreteller,
            now=_now,
            applied=self._count,
        )
        self.comparison = Comparison(
            schedules,
            configuration=self.configuration,
            reconciler=self.reconciler,
            announcer=self.announcer,
            foreteller=self.foreteller,
            now=_now,
            turns=Turns(
                seconds=settings.resync_seconds,
                rounds=math.ceil(settings.resync_closely_seconds / settings.resync_seconds) or 1,
            ),
        )

    @property
    def components(self) -> Sequence[Component]:
        """The parts that have to be started, in order."""
        return [self.bus, self.temporal, self.follower, self.facts]

    async def caught_up(self) -> None:
        """Wait until all triggers are known, and what was said of them."""
        await self.follower.caught_up()
        await self.facts.caught_up()

    def show_steps(self, registry: CollectorRegistry) -> None:
        """Count the steps in a metric, too."""
        self._steps = Counter(
            "schedules_steps_total", "Steps applied to Temporal's schedules.", ["step"], registry=registry
        )

    def _count(self, step: Step) -> None:
        name = type(step).__name__.lower()
        self.applied[name] += 1
        if self._steps is not None:
            self._steps.labels(step=name).inc()


def build(settings: Settings) -> Service:
    """Return the service, wired and not started."""
    readiness, metrics, core = Readiness(), Metrics(), Core(settings)
    core.show_steps(metrics.registry)
    bus = core.bus
    consumer = _consumer(core, metrics=metrics)
    lease = ResyncLease(
        bus,
        holder=uuid4().hex,
        seconds=settings.resync_lease_seconds,
        replicas=settings.nats_stream_replicas,
        registry=metrics.registry,
    )
    resync = Resync(
        core.comparison,
        caught_up=core.caught_up,
        lease=lease,
        seconds=settings.resync_seconds,
        registry=metrics.registry,
    )
    depth = QueueDepth(
        bus, stream=streams.CONFIG.name, durable=streams.SYNC_SCHEDULES, registry=metrics.registry
    )
    app = new_application(
        routes=[], readiness=readiness, metrics=metrics, error_map=lambda _: None, max_body_bytes=1024
    )
    readiness.require("bus", bus.check)
    readiness.require("temporal", core.temporal.check)
    readiness.require("triggers", core.follower.check)
    readiness.require("facts", core.facts.check)
    # Not the responders: whoever asks them can do without an answer, and schedules converge all the same.
    readiness.require("consumer", consumer.check)
    return Service(
        NAME,
        components=[
            *core.components,
            consumer,
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


def _consumer(core: Core, *, metrics: Metrics) -> Consumer:
    return Consumer(
        core.bus,
        subscription=Subscription(
            stream=streams.CONFIG.name,
            durable=streams.SYNC_SCHEDULES,
            subjects=[streams.CONFIG_TRIGGERS],
            dead_letter_subject=streams.dead_letter(
                stream=streams.CONFIG.name, durable=streams.SYNC_SCHEDULES
            ),
            dead_letter_on=(MalformedMessageError,),
            # A message from the future waits for the release that can read it.
            retry_on=(TemporalAwayError, BusAwayError, UnknownMessageError),
            # Twice what Temporal is asked at a time: the bus is asked meanwhile.
            concurrency=2 * AT_ONCE,
        ),
        handle=on_trigger_changed(core.reconciler),
        metrics=metrics,
    )


def _responders(core: Core) -> list[Responder]:
    live = TemporalLiveSchedules(core.temporal)
    runs = Runs(live, configuration=core.configuration, foreteller=core.foreteller, now=_now)
    handlers = {
        streams.DESCRIBE_SCHEDULE: on_describe_schedule(live),
        streams.RUN_SCHEDULE: on_run_schedule(runs),
        streams.PREVIEW_BACKFILL: on_preview_backfill(runs),
        streams.BACKFILL_SCHEDULE: on_backfill_schedule(runs),
    }
    return [
        Responder(core.bus, subject=subject, queue=NAME, handle=handle, seconds=ANSWER_SECONDS)
        for subject, handle in handlers.items()
    ]


def _now() -> datetime:
    return datetime.now(UTC)

"""Composition root: the one place where the service is put together."""

from datetime import UTC, datetime

from scheduler_sync.adapters.config_stream import ConfigStream
from scheduler_sync.adapters.schedule_facts import ScheduleFacts
from scheduler_sync.adapters.temporal_schedules import TemporalSchedules
from scheduler_sync.entrypoints.consumers import on_trigger_changed
from scheduler_sync.entrypoints.requests import on_describe_schedule
from scheduler_sync.entrypoints.resync import Resync
from scheduler_sync.ports import BusAwayError, TemporalAwayError
from scheduler_sync.settings import Settings
from scheduler_sync.usecases import Reconciler
from trigger_contracts import streams
from trigger_contracts.codec import MalformedMessageError, UnknownMessageError
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer, Subscription
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.requests import Responder
from trigger_runtime.lifecycle import BackgroundTask, Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.temporal import TemporalConnection
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener

NAME = "scheduler-sync"


def build(settings: Settings) -> Service:
    """Return the service, wired and not started."""
    readiness, metrics = Readiness(), Metrics()
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=(streams.CONFIG, streams.SCHEDULES, streams.DEAD_LETTERS),
        replicas=settings.nats_stream_replicas,
    )
    temporal = TemporalConnection(settings.temporal, identity=NAME)
    configuration = ConfigStream(bus)
    schedules = TemporalSchedules(temporal)
    reconciler = Reconciler(
        schedules,
        configuration=configuration,
        announcements=ScheduleFacts(bus),
        now=lambda: datetime.now(UTC),
    )
    follower = Follower(
        bus,
        name="triggers",
        stream=streams.CONFIG.name,
        subjects=[streams.CONFIG_TRIGGERS],
        position=configuration.position,
        apply=configuration.apply,
    )
    consumer = Consumer(
        bus,
        subscription=Subscription(
            stream=streams.CONFIG.name,
            durable=streams.SYNC_SCHEDULES,
            subjects=[streams.CONFIG_TRIGGERS],
            dead_letter_subject=streams.dead_letter(
                stream=streams.CONFIG.name, durable=streams.SYNC_SCHEDULES
            ),
            hopeless=(MalformedMessageError,),
            # A message from the future waits for the release that can read it.
            retry=(TemporalAwayError, BusAwayError, UnknownMessageError),
            concurrency=16,
        ),
        handle=on_trigger_changed(reconciler),
        metrics=metrics,
    )
    resync = Resync(
        reconciler,
        caught_up=follower.caught_up,
        seconds=settings.resync_seconds,
        registry=metrics.registry,
    )
    responder = Responder(
        bus,
        subject=streams.DESCRIBE_SCHEDULE,
        queue=NAME,
        handle=on_describe_schedule(schedules),
        # As long as the README tells others to wait.
        seconds=3.0,
    )
    app = new_application(
        routes=[], readiness=readiness, metrics=metrics, error_map=lambda _: None, max_body_bytes=1024
    )
    readiness.require("bus", bus.check)
    readiness.require("temporal", temporal.check)
    readiness.require("triggers", follower.check)
    # Not the responder: whoever asks it can do without an answer, and schedules converge all the same.
    readiness.require("consumer", consumer.check)
    return Service(
        NAME,
        components=[
            bus,
            temporal,
            follower,
            consumer,
            responder,
            BackgroundTask("resync", resync.run),
            HttpListener(app, host=settings.http_host, port=settings.http_port),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )

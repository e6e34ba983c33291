"""Composition root: everything is wired here and nowhere else."""

import os
import time
from datetime import UTC, datetime

from trigger_contracts import streams
from trigger_runtime.bus.connection import Bus
from trigger_runtime.lifecycle import Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.sealing import KeyRing
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener
from webhook_ingress.adapters.accepted_lane import AcceptedLane
from webhook_ingress.adapters.batch import BatchLimits
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.adapters.rejected_lane import RejectedLane
from webhook_ingress.adapters.secret_use_lane import SecretUseLane
from webhook_ingress.adapters.trigger_directory import TriggerDirectory
from webhook_ingress.domain.rate_limit import RateLimits
from webhook_ingress.entrypoints.answers import HttpAnswers
from webhook_ingress.entrypoints.webhook import WebhookLimits, webhook_routes
from webhook_ingress.settings import Settings
from webhook_ingress.usecases import ReceiveDelivery, ReceiveLimits, Surroundings

NAME = "webhook-ingress"

_RECORD_BYTES = 64 * 1024
"""Room for what a delivery holds beside its body."""


def build(settings: Settings) -> Service:
    """Return the service. Nothing is started yet."""
    metrics = Metrics()
    ingress_metrics = IngressMetrics(metrics.registry)
    around = Surroundings(
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        random_bytes=os.urandom,
        tally=ingress_metrics.tally,
    )
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=[streams.CONFIG, streams.DELIVERIES, streams.REJECTIONS, streams.SECRETS],
        replicas=settings.nats_stream_replicas,
    )
    limits = BatchLimits(bytes=settings.batch_bytes, deliveries=settings.batch_deliveries)
    accepted = AcceptedLane(
        bus,
        limits=limits,
        queue_bytes=settings.queue_bytes,
        publish_seconds=settings.publish_seconds,
        new_id=around.new_id,
        metrics=ingress_metrics,
    )
    rejected = RejectedLane(
        bus,
        limits=limits,
        queue_bytes=settings.rejected_queue_bytes,
        new_id=around.new_id,
        metrics=ingress_metrics,
    )
    directory = TriggerDirectory(
        bus, keys=KeyRing.parse(settings.secret_keys.reveal()), metrics=ingress_metrics
    )
    secret_uses = SecretUseLane(bus, monotonic=around.monotonic, metrics=ingress_metrics)
    receive = ReceiveDelivery(
        directory,
        accepted=accepted,
        rejected=rejected,
        answers=HttpAnswers(),
        secret_uses=secret_uses,
        rates=RateLimits(),
        surroundings=around,
        limits=ReceiveLimits(
            longest_rejected_body=settings.rejected_body_bytes, public_url=settings.public_url
        ),
    )
    readiness = Readiness()
    readiness.require("bus", bus.check)
    readiness.require("max_payload", lambda: _payload_problem(bus, max_body_bytes=settings.max_body_bytes))
    readiness.require("triggers", directory.check)
    app = new_application(
        routes=webhook_routes(
            receive,
            limits=WebhookLimits(
                max_body_bytes=settings.max_body_bytes,
                body_seconds=settings.body_seconds,
                trusted_hops=settings.trusted_proxy_hops,
            ),
        ),
        readiness=readiness,
        metrics=metrics,
        # Every typed error of this service is answered, and recorded, where it is met.
        error_map=lambda _: None,
        max_body_bytes=settings.max_body_bytes,
    )
    return Service(
        NAME,
        components=[
            bus,
            accepted,
            rejected,
            secret_uses,
            directory,
            HttpListener(app, host=settings.http_host, port=settings.http_port),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _payload_problem(bus: Bus, *, max_body_bytes: int) -> str | None:
    """Say where the largest body that is let in would not fit into a message (base64 adds a third)."""
    needed = max_body_bytes * 4 // 3 + _RECORD_BYTES
    if bus.check() is not None or bus.max_payload >= needed:
        return None
    return (
        f"the bus takes messages of {bus.max_payload} bytes, and MAX_BODY_BYTES={max_body_bytes} needs "
        f"{needed}: raise the server's max_payload or lower MAX_BODY_BYTES"
    )

"""Composition root: everything is wired here and nowhere else."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from aiohttp import web

from trigger_contracts import condition_failures, streams
from trigger_contracts.codec import encode
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.paced_publisher import PacedPublisher
from trigger_runtime.bus.request_reply import Responder
from trigger_runtime.concurrency import FairThreads
from trigger_runtime.gc_tuning import GcTuning
from trigger_runtime.lifecycle import Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.sealing import KeyRing
from trigger_runtime.web.application import new_application
from webhook_ingress.adapters.accepted_publisher import AcceptedPublisher
from webhook_ingress.adapters.access_log import AccessLog
from webhook_ingress.adapters.batch import BatchLimits
from webhook_ingress.adapters.condition_failure_log import ConditionFailureLog
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.adapters.large_deliveries import BySize, LargeDeliveries
from webhook_ingress.adapters.randomness import RandomPool
from webhook_ingress.adapters.rejected_publisher import RejectedPublisher
from webhook_ingress.adapters.secret_use_publisher import SecretUsePublisher
from webhook_ingress.adapters.trigger_directory import TriggerDirectory
from webhook_ingress.adapters.worker_processes import ParentWatch, WorkerProcesses
from webhook_ingress.domain.accepted_keys import AcceptedKeys
from webhook_ingress.domain.clock_and_ids import ClockAndIds
from webhook_ingress.domain.rate_limit import Quota, RateLimits
from webhook_ingress.entrypoints.api_document import show_document
from webhook_ingress.entrypoints.body_budget import BodyBudget
from webhook_ingress.entrypoints.connections import ConnectionLimits
from webhook_ingress.entrypoints.explain_requests import ExplainRequests
from webhook_ingress.entrypoints.listener import WebhookListener
from webhook_ingress.entrypoints.response_renderer import ResponseRenderer
from webhook_ingress.entrypoints.webhook_endpoint import ROUTE, WebhookEndpoint
from webhook_ingress.entrypoints.worker_peers import WorkerPeers
from webhook_ingress.settings import Settings, WorkerListens
from webhook_ingress.usecases.delivery_storage import DeliveryStorage
from webhook_ingress.usecases.receive_delivery import ReceiveDelivery
from webhook_ingress.usecases.refusals import Refusals
from webhook_ingress.usecases.request_records import RequestRecords

NAME = "webhook-ingress"

T = TypeVar("T")

_POLL_SECONDS = 0.05
_SELECTIONS_AT_A_TIME = 2
_SELECTION_SECONDS = 5.0
"""For asking a trigger's filters and expression of a long body, waiting for others included."""
_GRACE_SECONDS = 15.0
_RECORD_BYTES = 64 * 1024
"""Room for what a delivery holds beside its body."""


def build(settings: Settings) -> Service:
    """Return the service, or the parent of several. Nothing is started yet."""
    return _parent(settings) if settings.workers > 1 else _worker(settings)


def _parent(settings: Settings) -> Service:
    stop_seconds = settings.drain_seconds + settings.shutdown_seconds
    return Service(
        NAME,
        components=[WorkerProcesses(count=settings.workers, stop_seconds=stop_seconds)],
        readiness=Readiness(),
        # The processes drain by themselves; this one has nothing of its own to stop.
        shutdown_seconds=stop_seconds + _GRACE_SECONDS,
    )


def _worker(settings: Settings) -> Service:
    metrics = Metrics()
    ingress_metrics = IngressMetrics(metrics.registry)
    randomness = RandomPool()
    clock = ClockAndIds(
        now=partial(datetime.now, UTC),
        monotonic=time.monotonic,
        random_bytes=randomness.take,
    )
    bus = Bus(
        url=settings.nats_url.reveal(),
        client_name=NAME,
        streams=[
            streams.CONFIG,
            streams.DELIVERIES,
            streams.DELIVERY_BODIES_STREAM,
            streams.REJECTIONS,
            streams.SECRETS,
            streams.CONDITIONS,
        ],
        replicas=settings.nats_stream_replicas,
    )
    limits = BatchLimits(bytes=settings.batch_bytes, deliveries=settings.batch_deliveries)
    accepted = AcceptedPublisher(
        bus,
        limits=limits,
        queue_bytes=settings.queue_bytes,
        publish_seconds=settings.publish_seconds,
        new_id=clock.new_id,
        metrics=ingress_metrics,
    )
    large = LargeDeliveries(
        bus,
        queue_bytes=settings.queue_bytes,
        publish_seconds=settings.publish_seconds,
        new_id=clock.new_id,
        metrics=ingress_metrics,
    )
    rejected = RejectedPublisher(
        bus,
        limits=limits,
        queue_bytes=settings.rejected_queue_bytes,
        new_id=clock.new_id,
        metrics=ingress_metrics,
    )
    directory = TriggerDirectory(
        keys=KeyRing.parse(settings.secret_keys.reveal()),
        missing=lambda: follower.check(),  # noqa: PLW0108 - made from the directory, below
        metrics=ingress_metrics,
    )
    follower = Follower(
        bus,
        name="triggers",
        stream=streams.CONFIG.name,
        subjects=[streams.CONFIG_TRIGGERS],
        position=directory.position,
        apply=directory.apply,
    )
    secret_uses = SecretUsePublisher(bus, monotonic=clock.monotonic, metrics=ingress_metrics)
    failures = PacedPublisher(
        "condition failures", bus=bus, encode=encode, merge=condition_failures.merged, metrics=metrics
    )
    responses, accepted_keys = ResponseRenderer(), AcceptedKeys()
    records = RequestRecords(
        rejected,
        clock=clock,
        unknown=Quota(settings.unknown_per_minute),
        count_outcome=ingress_metrics.count_outcome,
        longest_body=settings.rejected_body_bytes,
    )
    refusals = Refusals(
        records,
        responses=responses,
        count_outcome=ingress_metrics.count_outcome,
        public_url=settings.public_url,
    )
    in_thread = partial(_in_thread, FairThreads(_SELECTIONS_AT_A_TIME))
    storage = DeliveryStorage(
        BySize(usual=accepted, large=large, longest_inline=settings.inline_body_bytes),
        records=records,
        responses=responses,
        refusals=refusals,
        failures=ConditionFailureLog(metrics=ingress_metrics, publish=failures.note),
        in_thread=in_thread,
        longest_inline=settings.inline_body_bytes,
        accepted_keys=accepted_keys,
        clock=clock,
        count_outcome=ingress_metrics.count_outcome,
    )
    receive = ReceiveDelivery(
        directory,
        storage=storage,
        refusals=refusals,
        records=records,
        responses=responses,
        secret_uses=secret_uses,
        rates=RateLimits(),
        accepted_keys=accepted_keys,
        clock=clock,
        public_url=settings.public_url,
    )
    explaining = ExplainRequests(
        directory,
        open_draft=directory.open_draft,
        in_thread=in_thread,
        now=clock.now,
        public_url=settings.public_url,
        longest_inline=settings.inline_body_bytes,
    )
    explain_responder = Responder(
        bus, subject=streams.EXPLAIN_DELIVERY, queue=NAME, handle=explaining.handle, concurrency=4
    )
    readiness = Readiness()
    readiness.require("bus", bus.check)
    readiness.require("max_payload", lambda: _payload_problem(bus, settings=settings))
    readiness.require("triggers", follower.check)
    access = AccessLog(metrics, detail=settings.access_log, route=ROUTE)
    endpoint = WebhookEndpoint(
        receive,
        trusted_hops=settings.trusted_proxy_hops,
        monotonic=clock.monotonic,
        observe=access.observe,
        count_malformed=partial(ingress_metrics.count_outcome, "unreadable"),
        new_request_id=lambda: randomness.take(16).hex(),
    )
    app = new_application(
        routes=[web.get("/openapi.json", show_document)],
        readiness=readiness,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
    )
    budget = BodyBudget(max(settings.bodies_bytes, settings.max_body_bytes))
    ingress_metrics.held_body_bytes.set_function(lambda: budget.held_bytes)
    peers = WorkerPeers(settings.worker_sockets) if settings.worker_sockets else None
    if peers is not None:
        app.middlewares.append(peers.middleware())
    return Service(
        NAME,
        components=[
            bus,
            accepted,
            rejected,
            secret_uses,
            failures,
            follower,
            explain_responder,
            GcTuning(settled=follower.caught_up),
            access,
            WebhookListener(
                app,
                endpoint=endpoint,
                budget=budget,
                limits=ConnectionLimits(
                    max_body_bytes=settings.max_body_bytes,
                    head_seconds=settings.head_seconds,
                    body_seconds=settings.body_seconds,
                ),
                host=settings.http_host,
                port=settings.http_port,
                peers=peers,
                number=settings.worker_number,
                ready=partial(_until, lambda: not readiness.missing())
                if settings.worker_listens is WorkerListens.WHEN_READY
                else None,
            ),
            *([ParentWatch()] if settings.worker_sockets else []),
        ],
        readiness=readiness,
        shutdown_seconds=settings.shutdown_seconds,
        drain_seconds=settings.drain_seconds,
    )


def _in_thread(threads: FairThreads, work: Callable[[], T], owner: str) -> "asyncio.Future[T]":
    async def run() -> T:
        async with asyncio.timeout(_SELECTION_SECONDS):
            return await threads.run(work, owner=owner)

    return asyncio.ensure_future(run())


async def _until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(_POLL_SECONDS)


def _payload_problem(bus: Bus, *, settings: Settings) -> str | None:
    """Say where the largest body of a message would not fit into it (base64 adds a third)."""
    largest = min(settings.inline_body_bytes, settings.max_body_bytes)
    needed = largest * 4 // 3 + _RECORD_BYTES
    if bus.check() is not None or bus.max_payload >= needed:
        return None
    return (
        f"the bus takes messages of {bus.max_payload} bytes, and INLINE_BODY_BYTES={largest} needs "
        f"{needed}: raise the server's max_payload or lower INLINE_BODY_BYTES"
    )

"""The lane that tells of older secrets: once a minute for each, bounded, and nobody waits for it."""

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry

from trigger_contracts import streams
from trigger_contracts.secret_uses import USES, PreviousSecretUsed
from trigger_runtime.bus.connection import BusUnavailableError
from webhook_ingress.adapters import secret_use_publisher
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.adapters.secret_use_publisher import SecretUsePublisher

TRIGGER = uuid4()


class Bus:
    """Takes what it is given, unless it is away."""

    def __init__(self) -> None:
        self.taken: list[PreviousSecretUsed] = []
        self.away = False
        self.asked = asyncio.Event()

    async def publish(self, subject: str, data: bytes, *, timeout: float) -> int:
        self.asked.set()
        if self.away:
            raise BusUnavailableError("away")
        message = USES.decode(data)
        assert subject == streams.secret(message.trigger_id)
        self.taken.append(message)
        return 1


class Lane:
    """The lane with a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.seconds = 0.0
        self.registry = CollectorRegistry()
        self.lane = SecretUsePublisher(
            cast("Any", self.bus), monotonic=lambda: self.seconds, metrics=IngressMetrics(self.registry)
        )

    def note(self, secret_id: UUID, *, at: Any) -> None:
        self.lane.note(TRIGGER, secret_id=secret_id, at=at)

    async def told(self) -> list[UUID]:
        """Return what has been told once the lane has nothing more to do."""
        while self.lane._waiting:
            self.bus.asked.clear()
            await self.bus.asked.wait()
        return [message.secret_id for message in self.bus.taken]

    @property
    def dropped(self) -> float | None:
        return self.registry.get_sample_value("webhook_secret_uses_dropped_total")


async def test_each_secret_is_told_of_once_a_minute(now: Any) -> None:
    lane = Lane()
    await lane.lane.start()
    one, two = uuid4(), uuid4()
    for secret_id in (one, two, one, one, two):
        lane.note(secret_id, at=now)
    assert await lane.told() == [one, two]
    assert (lane.bus.taken[0].trigger_id, lane.bus.taken[0].at) == (TRIGGER, now)
    lane.seconds = 59.9
    lane.note(one, at=now)
    assert await lane.told() == [one, two]
    lane.seconds = 60.0
    lane.note(one, at=now)
    assert await lane.told() == [one, two, one]
    await lane.lane.stop()


async def test_what_the_bus_does_not_take_is_dropped(now: Any) -> None:
    lane = Lane()
    lane.bus.away = True
    await lane.lane.start()
    secret_id = uuid4()
    lane.note(secret_id, at=now)
    await lane.told()
    lane.bus.away = False
    lane.note(secret_id, at=now)
    assert await lane.told() == []
    assert lane.dropped == 1
    lane.seconds = 61.0
    lane.note(secret_id, at=now)
    assert await lane.told() == [secret_id]
    await lane.lane.stop()


async def test_memory_is_bounded(now: Any) -> None:
    """Nothing is running: what comes in stays, up to a limit, and is forgotten a minute later."""
    lane = Lane()
    for number in range(30_000):
        lane.seconds = number / 1000
        lane.note(uuid4(), at=now)
    assert len(lane.lane._waiting) == secret_use_publisher._MAX_WAITING
    assert len(lane.lane._published_at) <= secret_use_publisher._MAX_SECRETS
    assert lane.dropped == 30_000 - secret_use_publisher._MAX_WAITING
    lane.lane._waiting.clear()
    lane.seconds = 1000.0
    lane.note(uuid4(), at=now)
    assert len(lane.lane._published_at) == 1

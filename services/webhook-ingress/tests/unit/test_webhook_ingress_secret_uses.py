"""Uses of older secrets are published once a minute for each, bounded, and no sender waits for it."""

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry

from trigger_contracts import streams
from trigger_contracts.secret_uses import USES, PreviousSecretUsed
from trigger_runtime.bus.connection import BusUnavailableError
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.adapters.secret_use_publisher import MAX_SECRETS, MAX_WAITING, SecretUsePublisher

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


class SecretUses:
    """The publisher with a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.seconds = 0.0
        self.registry = CollectorRegistry()
        self.publisher = SecretUsePublisher(
            cast("Any", self.bus), monotonic=lambda: self.seconds, metrics=IngressMetrics(self.registry)
        )

    def note(self, secret_id: UUID, *, at: Any) -> None:
        self.publisher.note(TRIGGER, secret_id=secret_id, at=at)

    async def published(self) -> list[UUID]:
        """Return what has been published once nothing more waits."""
        while self.publisher.waiting:
            self.bus.asked.clear()
            await self.bus.asked.wait()
        return [message.secret_id for message in self.bus.taken]

    @property
    def dropped(self) -> float | None:
        return self.registry.get_sample_value("webhook_secret_uses_dropped_total")


async def test_each_secret_is_told_of_once_a_minute(now: Any) -> None:
    uses = SecretUses()
    await uses.publisher.start()
    one, two = uuid4(), uuid4()
    for secret_id in (one, two, one, one, two):
        uses.note(secret_id, at=now)
    assert await uses.published() == [one, two]
    assert (uses.bus.taken[0].trigger_id, uses.bus.taken[0].at) == (TRIGGER, now)
    uses.seconds = 59.9
    uses.note(one, at=now)
    assert await uses.published() == [one, two]
    uses.seconds = 60.0
    uses.note(one, at=now)
    assert await uses.published() == [one, two, one]
    await uses.publisher.stop()


async def test_what_the_bus_does_not_take_is_dropped(now: Any) -> None:
    uses = SecretUses()
    uses.bus.away = True
    await uses.publisher.start()
    secret_id = uuid4()
    uses.note(secret_id, at=now)
    await uses.published()
    uses.bus.away = False
    uses.note(secret_id, at=now)
    assert await uses.published() == []
    assert uses.dropped == 1
    uses.seconds = 61.0
    uses.note(secret_id, at=now)
    assert await uses.published() == [secret_id]
    await uses.publisher.stop()


async def test_what_waits_is_bounded(now: Any) -> None:
    """Nothing is running: what comes in stays, up to a limit."""
    uses = SecretUses()
    for number in range(30_000):
        uses.seconds = number / 1000
        uses.note(uuid4(), at=now)
    assert uses.publisher.waiting == MAX_WAITING
    assert uses.dropped == 30_000 - MAX_WAITING


async def test_what_is_remembered_is_bounded_and_forgotten_a_minute_later(now: Any) -> None:
    uses = SecretUses()
    await uses.publisher.start()
    for number in range(MAX_SECRETS + 5):
        uses.note(uuid4(), at=now)
        if number % MAX_WAITING == 0:
            await uses.published()
    await uses.published()
    assert uses.dropped == 5
    uses.seconds = 61.0
    secret_id = uuid4()
    uses.note(secret_id, at=now)
    assert (await uses.published())[-1] == secret_id
    await uses.publisher.stop()

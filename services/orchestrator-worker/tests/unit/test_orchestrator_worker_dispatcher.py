"""What becomes of a message whose executions cannot all be started."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from structlog.testing import capture_logs

from orchestrator_worker.domain.dedup_window import SHORTEST_WINDOW, safe_age
from orchestrator_worker.domain.start_limit import StartLimit
from orchestrator_worker.domain.starts import (
    delivery_execution,
    delivery_start,
    event_start,
    execution_of,
    manual_start,
)
from orchestrator_worker.ports import StartUnavailableError
from orchestrator_worker.usecases.dispatcher import (
    BODY_LOST,
    Dispatcher,
    TooOldToStartError,
)
from orchestrator_worker.usecases.start_pool import StartPool
from trigger_contracts.config import EventConfig, TriggerState, TriggerType
from trigger_contracts.deliveries import (
    AcceptedDelivery,
    ClaimCheck,
    DeliveriesAccepted,
    LargeDeliveryAccepted,
)
from trigger_contracts.events import CloudEvent
from trigger_contracts.executions import ExecutionFact, ExecutionFailed
from trigger_contracts.firings import ManualFiring
from trigger_contracts.workflow_io import TriggeredInput
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.bus.object_store import ObjectDamagedError, ObjectMissingError

NOW = datetime(2026, 1, 20, tzinfo=UTC)


class World:
    """A Temporal that fails where the test says, and a log that keeps what it is given."""

    def __init__(self, *, retention: timedelta | None = timedelta(days=3)) -> None:
        self.failing: dict[UUID, Exception] = {}
        self.log_failing: Exception | None = None
        self.triggers: list[TriggerState] = []
        self.started: list[UUID] = []
        self.payloads: list[Any] = []
        self.bodies: dict[UUID, bytes | Exception] = {}
        self.facts: list[ExecutionFact] = []
        self.known_retention = retention
        self.dispatcher = Dispatcher(
            starter=self,
            dedup_window=self,
            execution_log=self,
            directory=self,
            bodies=self,
            pool=StartPool(limit=StartLimit(most=2), healthy=self.healthy, pause=lambda _: 0.0),
            now=lambda: NOW,
        )

    async def healthy(self) -> None:
        """It always is."""

    async def start(self, start: TriggeredInput) -> None:
        assert start.run is not None
        if error := self.failing.get(start.run.execution_id):
            raise error
        self.started.append(start.run.execution_id)
        self.payloads.append(start.run.payload)

    async def get(self, key: str, *, size: int, sha256: str) -> bytes:
        found = self.bodies[UUID(key)]
        if isinstance(found, Exception):
            raise found
        return found

    def retention(self) -> timedelta:
        if self.known_retention is None:
            raise StartUnavailableError("not known yet")
        return self.known_retention

    async def record(self, fact: ExecutionFact) -> None:
        if self.log_failing is not None:
            raise self.log_failing
        self.facts.append(fact)

    async def matching(self, event: CloudEvent) -> list[TriggerState]:
        return self.triggers

    async def deliver(self, deliveries: Sequence[AcceptedDelivery], *, age: timedelta = timedelta()) -> None:
        message = DeliveriesAccepted(deliveries=tuple(deliveries))
        await self.dispatcher.dispatch_deliveries(message, stored_at=NOW - age)


def delivery() -> AcceptedDelivery:
    return AcceptedDelivery(
        id=uuid4(),
        trigger_id=uuid4(),
        workspace="acme",
        workflow_id=uuid4(),
        trigger_name="A webhook",
        trigger_version=1,
        request_id="r-1",
        received_at=NOW,
        method="POST",
        path="/api/webhooks/x",
        body=b"{}",
        body_sha256=sha256(b"{}").hexdigest(),
        response_status=202,
        response_body="OK",
        processing_ms=1.0,
        execution_id=uuid4(),
    )


def event() -> CloudEvent:
    return CloudEvent(id="e-1", source="/shop", type="order.created", workspace=None, document={})


def event_trigger() -> TriggerState:
    return TriggerState(
        id=uuid4(),
        workspace="acme",
        workflow_id=uuid4(),
        name="An event",
        enabled=True,
        config=EventConfig(event_type="order.created"),
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


def firing() -> ManualFiring:
    return ManualFiring(
        execution_id=uuid4(),
        workspace="acme",
        trigger_id=uuid4(),
        trigger_type=TriggerType.WEBHOOK,
        trigger_name="By hand",
        trigger_version=1,
        workflow_id=uuid4(),
        workflow_version=7,
        inputs={"n": 1},
        requested_at=NOW,
        actor="ada",
        request_id="r-1",
    )


@pytest.mark.parametrize("away", [StartUnavailableError("away"), BusUnavailableError("away")])
async def test_an_outage_is_never_hidden_by_a_defect(away: Exception) -> None:
    world, broken, waiting, fine = World(), delivery(), delivery(), delivery()
    world.failing = {broken.execution_id: KeyError("secret detail"), waiting.execution_id: away}
    with pytest.raises(type(away)):
        await world.deliver([broken, waiting, fine])
    assert world.started == [fine.execution_id]
    assert world.facts == []
    del world.failing[waiting.execution_id]
    with capture_logs() as logs:
        await world.deliver([broken, waiting, fine])
    assert set(world.started) == {fine.execution_id, waiting.execution_id}
    (failed,) = world.facts
    assert isinstance(failed, ExecutionFailed)
    assert failed.execution == delivery_execution(broken)
    assert failed.error.code == "internal"
    assert "secret" not in failed.error.message
    (entry,) = [entry for entry in logs if entry["event"] == "start failed"]
    assert isinstance(entry["exc_info"], KeyError)


async def test_a_payload_that_cannot_be_made_ends_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(_: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr("orchestrator_worker.domain.starts.delivery_payload", defective)
    world, broken = World(), delivery()
    await world.deliver([broken])
    assert [fact.execution.id for fact in world.facts] == [broken.execution_id]


async def test_a_failure_that_cannot_be_recorded_comes_again() -> None:
    world, broken = World(), delivery()
    world.failing[broken.execution_id] = KeyError("a defect")
    world.log_failing = BusUnavailableError("away")
    with pytest.raises(BusUnavailableError):
        await world.deliver([broken])


async def test_what_is_older_than_temporals_memory_is_not_started() -> None:
    world, given = World(retention=timedelta(hours=24)), delivery()
    await world.deliver([given], age=timedelta(hours=23))
    assert world.started == [given.execution_id]
    old = timedelta(hours=23, seconds=1)
    with pytest.raises(TooOldToStartError, match="by hand or replay"):
        await world.deliver([given], age=old)
    with pytest.raises(TooOldToStartError):
        await world.dispatcher.dispatch_firing(firing(), stored_at=NOW - old)
    await world.dispatcher.dispatch_event(event(), stored_at=NOW - old)
    world.triggers.append(event_trigger())
    with pytest.raises(TooOldToStartError):
        await world.dispatcher.dispatch_event(event(), stored_at=NOW - old)
    assert world.started == [given.execution_id]
    assert world.facts == []


async def test_while_the_retention_is_not_known_only_what_is_young_is_started() -> None:
    world, given = World(retention=None), delivery()
    await world.deliver([given], age=SHORTEST_WINDOW)
    assert world.started == [given.execution_id]
    with pytest.raises(StartUnavailableError):
        await world.deliver([given], age=SHORTEST_WINDOW + timedelta(seconds=1))


def test_what_is_surely_remembered() -> None:
    assert safe_age(timedelta(hours=1)) == SHORTEST_WINDOW
    assert safe_age(timedelta(hours=24)) == timedelta(hours=23)
    assert safe_age(timedelta(days=30)) == timedelta(days=30, hours=-1)


def test_an_execution_is_the_same_before_its_start_and_in_the_workflow() -> None:
    for request in (
        delivery_start(delivery()),
        event_start(event_trigger(), event=event(), stored_at=NOW),
        manual_start(firing()),
    ):
        start = request.make_input()
        assert start.run is not None
        assert execution_of(start, run=start.run) == request.execution
    run = manual_start(firing()).make_input().run
    assert run is not None
    assert run.workflow_version == 7


def large(body: bytes) -> LargeDeliveryAccepted:
    one = delivery()
    claim = ClaimCheck(key=one.id, size=len(body), sha256=sha256(body).hexdigest())
    bare = msgspec.structs.replace(
        one, body=b"", body_sha256=claim.sha256, headers=(("content-type", "application/json"),)
    )
    return LargeDeliveryAccepted(delivery=bare, claim=claim)


async def test_a_large_delivery_has_its_body() -> None:
    world, body = World(), b'{"text": "' + b"x" * 1_000_000 + b'"}'
    message = large(body)
    world.bodies[message.claim.key] = body
    await world.dispatcher.dispatch_large_delivery(message, stored_at=NOW)
    assert world.started == [message.delivery.execution_id]
    assert world.payloads[0]["body"] == {"text": "x" * 1_000_000}
    assert "bodyReference" not in world.payloads[0]


@pytest.mark.parametrize("body", [b"\x80" * 1_200_000, b"x" * 5_000_000])
async def test_what_temporal_cannot_carry_is_a_reference(body: bytes) -> None:
    """The first one is too large as base64 only, and fetched; the second one is not even fetched."""
    world, message = World(), large(body)
    if len(body) < 1_500_000:
        world.bodies[message.claim.key] = body
    await world.dispatcher.dispatch_large_delivery(message, stored_at=NOW)
    (payload,) = world.payloads
    assert payload["body"] is None
    assert payload["bodyReference"] == {
        "webhookLogId": str(message.delivery.id),
        "bytes": len(body),
        "sha256": sha256(body).hexdigest(),
    }


@pytest.mark.parametrize("error", [ObjectMissingError("gone"), ObjectDamagedError("other bytes")])
async def test_a_lost_body_fails_its_execution(error: Exception) -> None:
    world, message = World(), large(b"x" * 600_000)
    world.bodies[message.claim.key] = error
    await world.dispatcher.dispatch_large_delivery(message, stored_at=NOW)
    assert world.started == []
    (fact,) = world.facts
    assert isinstance(fact, ExecutionFailed)
    assert (fact.execution.id, fact.error.code) == (message.delivery.execution_id, BODY_LOST)


async def test_a_body_that_cannot_be_read_now_is_waited_for() -> None:
    world, message = World(), large(b"x" * 600_000)
    world.bodies[message.claim.key] = BusUnavailableError("away")
    with pytest.raises(BusUnavailableError):
        await world.dispatcher.dispatch_large_delivery(message, stored_at=NOW)
    assert (world.started, world.facts) == ([], [])

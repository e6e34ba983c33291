"""Which triggers an event starts, after whatever came on the configuration stream."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
import structlog.testing
from prometheus_client import CollectorRegistry

from orchestrator_worker.adapters.event_trigger_directory import EventTriggerDirectory
from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.condition_failures import ConditionFailed, expression_digest
from trigger_contracts.config import Change, EventConfig, ManualConfig, TriggerChanged, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_runtime.bus.jetstream_api import Received

AT = datetime(2026, 1, 1, tzinfo=UTC)
FUTURE = b'{"message": "TriggerChanged/99"}'


def state(number: int = 1, *, version: int, **given: Any) -> bytes:
    trigger = TriggerState(
        **{
            "id": UUID(int=number),
            "workspace": "acme",
            "workflow_id": UUID(int=9),
            "name": "t",
            "enabled": True,
            "config": EventConfig(event_type="order.created"),
            "version": version,
            "created_at": AT,
            "updated_at": AT,
            **given,
        }
    )
    change = Change(event="X", version=version, at=AT, actor="ada", request_id="r")
    return encode(TriggerChanged(change=change, trigger=trigger))


class Bench:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.published: list[tuple[str, ConditionFailed]] = []
        self.directory = EventTriggerDirectory(
            open_to=("*",),
            registry=self.registry,
            publish_failure=lambda subject, message: self.published.append((subject, message)),
            now=lambda: AT,
        )
        self.sequence = 0

    async def take(self, *states: bytes, number: int = 1) -> None:
        for data in states:
            self.sequence += 1
            item = Received(
                subject=streams.config_trigger(UUID(int=number)),
                data=data,
                stream="CONFIG",
                sequence=self.sequence,
                attempt=1,
                pending=0,
                stored_at=AT,
            )
            await self.directory.apply([item])

    async def matching(self, event_type: str = "order.created") -> list[int]:
        event = CloudEvent(
            id="1", source="/shop", type=event_type, workspace=None, document={"type": event_type}
        )
        return sorted(trigger.id.int for trigger in await self.directory.matching(event))

    def unreadable(self) -> float | None:
        return self.registry.get_sample_value("trigger_states_unreadable")


async def test_the_highest_version_wins_in_any_order() -> None:
    bench = Bench()
    await bench.take(state(version=2, config=EventConfig(event_type="order.paid")), state(version=1))
    assert await bench.matching() == []
    assert await bench.matching("order.paid") == [1]
    await bench.take(state(version=4, deleted_at=AT), state(version=3))
    assert await bench.matching() == []
    assert await bench.directory.position() == 4


async def test_what_a_trigger_became_counts() -> None:
    bench = Bench()
    await bench.take(state(version=1), state(version=2, enabled=False))
    assert await bench.matching() == []
    await bench.take(state(version=3))
    assert await bench.matching() == [1]
    await bench.take(state(version=4, config=ManualConfig()))
    assert await bench.matching() == []


async def test_a_state_that_cannot_be_read_starts_nothing_until_a_newer_one_can() -> None:
    bench = Bench()
    await bench.take(state(version=1))
    await bench.take(state(2, version=1), number=2)
    await bench.take(FUTURE)
    assert await bench.matching() == [2]
    assert bench.unreadable() == 1
    await bench.take(state(version=1))
    assert await bench.matching() == [2]
    await bench.take(state(version=2))
    assert await bench.matching() == [1, 2]
    assert bench.unreadable() == 0


async def test_a_condition_that_cannot_be_evaluated_is_counted_each_time_and_logged_once_a_version() -> None:
    bench = Bench()
    config = EventConfig(event_type="order.created", expression="event.data.total > 100")
    await bench.take(state(1, version=1, config=config), number=1)
    await bench.take(state(2, version=1), number=2)
    with structlog.testing.capture_logs() as lines:
        assert await bench.matching() == [2]
        assert await bench.matching() == [2]
        await bench.take(state(1, version=2, config=config), number=1)
        assert await bench.matching() == [2]
    assert bench.registry.get_sample_value("event_conditions_failed_total") == 3
    assert [(line["trigger_version"], line["reason"]) for line in lines] == [
        (1, "there is no event.data"),
        (2, "there is no event.data"),
    ]


async def test_a_condition_that_cannot_be_evaluated_is_published_with_what_is_missing() -> None:
    bench = Bench()
    text = "event.data.total > 100"
    config = EventConfig(event_type="order.created", expression=text)
    await bench.take(state(1, version=4, config=config))
    await bench.matching()
    assert bench.published == [
        (
            f"conditions.{UUID(int=1)}",
            ConditionFailed(
                trigger_id=UUID(int=1),
                trigger_version=4,
                expression_sha256=expression_digest(text),
                failures=1,
                last_failed_at=AT,
                detail="there is no event.data",
            ),
        )
    ]


async def test_a_condition_that_does_not_hold_is_no_failure() -> None:
    bench = Bench()
    config = EventConfig(event_type="order.created", expression="event.type == 'other'")
    await bench.take(state(1, version=1, config=config))
    assert await bench.matching() == []
    assert bench.published == []


async def test_a_condition_that_this_release_cannot_read_fails_for_what_matches_it_otherwise() -> None:
    bench = Bench()
    config = EventConfig(event_type="order.created", filters={"type": "order.created"}, expression="no(")
    other = EventConfig(event_type="order.created", filters={"type": "other"}, expression="no(")
    await bench.take(state(1, version=1, config=config), number=1)
    await bench.take(state(2, version=1, config=other), number=2)
    await bench.take(state(3, version=1), number=3)
    assert await bench.matching() == [3]
    ((_, failed),) = bench.published
    assert (failed.trigger_id, failed.failures) == (UUID(int=1), 1)
    assert "Syntax error" in failed.detail
    await bench.take(state(1, version=2, deleted_at=AT), number=1)
    assert await bench.matching() == [3]
    assert len(bench.published) == 1

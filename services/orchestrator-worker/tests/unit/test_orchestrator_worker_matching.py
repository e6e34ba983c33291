"""Which event triggers an event starts."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from orchestrator_worker.domain.matching import EventTriggers
from trigger_contracts.config import EventConfig, ManualConfig, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_expressions import ExpressionError, json_equal

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ALL = ("*",)


def trigger(number: int = 1, **given: Any) -> TriggerState:
    config = {"event_type": "order.created"} | {
        key: given.pop(key) for key in ("event_type", "source", "filters") if key in given
    }
    return TriggerState(
        **{
            "id": UUID(int=number),
            "workspace": "acme",
            "workflow_id": UUID(int=9),
            "name": "t",
            "enabled": True,
            "config": EventConfig(**config),
            "version": 1,
            "created_at": T0,
            "updated_at": T0,
            **given,
        }
    )


def event(**given: Any) -> CloudEvent:
    document = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "order.created",
        "data": {"total": 1, "paid": True, "none": None, "lines": [{"sku": "a"}], "a.b": 1},
        **given,
    }
    return CloudEvent(
        id="1",
        source=document["source"],
        type=document["type"],
        workspace=document.get("workspace"),
        document=document,
    )


def matches(state: TriggerState, given: CloudEvent, *, open_to: tuple[str, ...]) -> bool:
    triggers = EventTriggers()
    triggers.put(state)
    return any(isinstance(one, TriggerState) for one in triggers.judge(given, open_to=open_to))


def started(triggers: EventTriggers, given: CloudEvent) -> list[TriggerState]:
    judgements = triggers.judge(given, open_to=ALL)
    return [judgement for judgement in judgements if isinstance(judgement, TriggerState)]


@pytest.mark.parametrize(
    ("wanted", "event_type", "expected"),
    [
        ("order.created", "order.created", True),
        ("order.created", "order.created.v2", False),
        ("order.*", "order.created", True),
        ("order.*", "order.created.v2", True),
        ("order.*", "order", False),
        ("order.*", "orders.created", False),
        ("order.created", "Order.created", False),
    ],
)
def test_an_event_type_matches_a_pattern(wanted: str, event_type: str, expected: bool) -> None:
    state = trigger(event_type=wanted)
    assert matches(state, event(type=event_type), open_to=ALL) is expected
    triggers = EventTriggers()
    triggers.put(state)
    assert started(triggers, event(type=event_type)) == ([state] if expected else [])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, True),
        ({"data.total": 1}, True),
        ({"data.total": 1.0}, True),
        ({"data.total": True}, False),
        ({"data.paid": True}, True),
        ({"data.paid": 1}, False),
        ({"data.paid": "true"}, False),
        ({"data.none": None}, True),
        ({"data.missing": None}, False),
        ({"data.total.x": None}, False),
        ({"data.lines.0.sku": "a"}, True),
        ({"data.lines.1.sku": "a"}, False),
        ({"data.lines.-1.sku": "a"}, False),
        ({"data.lines.\u0660.sku": "a"}, False),
        ({"data.lines": [{"sku": "a"}]}, True),
        ({"data.lines": []}, False),
        ({"source": "/shop", "data.total": 2}, False),
        ({"": 1}, False),
    ],
)
def test_filters(filters: dict[str, Any], expected: bool) -> None:
    assert matches(trigger(filters=filters), event(), open_to=ALL) is expected


def test_source() -> None:
    assert matches(trigger(source="/shop"), event(), open_to=ALL)
    assert not matches(trigger(source="/shop/"), event(), open_to=ALL)


@pytest.mark.parametrize(
    ("workspace", "open_to", "expected"),
    [
        ("acme", (), True),
        ("other", ALL, False),
        ("", ALL, False),
        (None, ALL, True),
        (None, ("acme",), True),
        (None, ("other",), False),
        (None, (), False),
    ],
)
def test_workspaces(workspace: str | None, open_to: tuple[str, ...], expected: bool) -> None:
    given = event() if workspace is None else event(workspace=workspace)
    assert matches(trigger(), given, open_to=open_to) is expected


def test_only_enabled_event_triggers_are_kept() -> None:
    triggers = EventTriggers()
    triggers.put(trigger(1, enabled=False))
    triggers.put(trigger(2, config=ManualConfig()))
    assert len(triggers) == 0
    triggers.put(trigger(1, version=2))
    assert len(triggers) == 1
    triggers.put(trigger(1, version=3, enabled=False))
    assert len(triggers) == 0


def test_json_equality() -> None:
    assert json_equal({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})
    assert not json_equal({"a": 1}, {"a": 1, "b": 2})
    assert not json_equal([1], [True])
    assert not json_equal([1], (1,))
    assert not json_equal("1", 1)
    assert not json_equal(None, False)
    assert not json_equal([1, 2], [2, 1])


def test_conditions_are_asked_after_everything_else_agrees() -> None:
    triggers = EventTriggers()
    for number, expression in enumerate(["event.data.total > 100.0", "event.data.total < 100", None], 1):
        config = EventConfig(event_type="order.created", expression=expression)
        triggers.put(trigger(number, config=config))

    def numbers(data: Any) -> list[int]:
        given = event(type="order.created", data=data)
        return sorted(state.id.int for state in started(triggers, given))

    assert numbers({"total": 120}) == [1, 3]
    assert numbers({"total": 20}) == [2, 3]
    assert numbers({"total": "120"}) == [3], "what cannot be told does not hold"
    assert numbers(None) == [3]


def test_a_condition_from_the_future_starts_nothing() -> None:
    triggers = EventTriggers()
    triggers.put(trigger(1))
    with pytest.raises(ExpressionError):
        triggers.put(
            trigger(1, version=2, config=EventConfig(event_type="order.created", expression="new!(x)"))
        )
    assert started(triggers, event()) == []
    triggers.put(trigger(1, version=3))
    assert [state.version for state in started(triggers, event())] == [3]

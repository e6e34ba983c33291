"""The index of event triggers names every trigger that an event starts, and few others."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_worker.domain.matching import EventTriggers
from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_expressions import json_equal
from trigger_matching import event_checks, first_failure

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 500
PATHS = ("data", "data.a", "data.b", "data.b.c", "data.b[0]", "data.b.0", "data.missing", "source", "][")

_SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 1.0, -0.0, 2**70, float(2**70), 1.5, "", "1", "a", "true"]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
_WORKSPACES = st.sampled_from(["acme", "other", "*"])
_TYPES = ("order", "order.created", "order.created.v2", "order.*", "order.created.*", "orders.created")
_CONFIGS = st.builds(
    EventConfig,
    event_type=st.sampled_from(_TYPES),
    source=st.sampled_from([None, "/shop", "any"]),
    filters=st.dictionaries(st.sampled_from(PATHS), _VALUES, max_size=2),
)
_EVENTS = st.builds(
    lambda workspace, event_type, source, data: event(
        data, workspace=workspace, event_type=event_type, source=source
    ),
    st.none() | _WORKSPACES | st.just(""),
    st.sampled_from([each for each in _TYPES if "*" not in each]),
    st.sampled_from(["/shop", "any", "/"]),
    _VALUES | st.fixed_dictionaries({"a": _VALUES, "b": _VALUES}),
)
_OPEN_TO = st.lists(_WORKSPACES, max_size=3).map(tuple)


def trigger(number: int, *, workspace: str = "acme", **options: Any) -> TriggerState:
    return TriggerState(
        id=UUID(int=number),
        workspace=workspace,
        workflow_id=UUID(int=9),
        name="t",
        enabled=True,
        config=EventConfig(**{"event_type": "order.created", **options}),
        version=1,
        created_at=T0,
        updated_at=T0,
    )


def event(
    data: Any, *, workspace: str | None = "acme", event_type: str = "order.created", source: str = "/shop"
) -> CloudEvent:
    document = {"specversion": "1.0", "id": "1", "source": source, "type": event_type, "data": data}
    return CloudEvent(id="1", source=source, type=event_type, workspace=workspace, document=document)


def started_by_a_scan(
    states: list[TriggerState], occurred: CloudEvent, *, open_to: tuple[str, ...]
) -> list[UUID]:
    """Ask the checks of every trigger, without an index."""
    return sorted(
        state.id
        for state in states
        if first_failure(event_checks(state, occurred, condition=None, open_to=open_to)) is None
    )


def started(triggers: EventTriggers, occurred: CloudEvent, *, open_to: tuple[str, ...]) -> list[UUID]:
    judgements = triggers.judge(occurred, open_to=open_to)
    return sorted(judgement.id for judgement in judgements if isinstance(judgement, TriggerState))


@settings(max_examples=400)
@given(
    before=st.lists(st.tuples(_WORKSPACES, _CONFIGS), max_size=8),
    after=st.dictionaries(st.integers(0, 7), st.none() | st.tuples(_WORKSPACES, _CONFIGS), max_size=8),
    occurred=_EVENTS,
    open_to=_OPEN_TO,
)
def test_the_index_starts_what_a_scan_of_all_triggers_starts(
    before: list[tuple[str, EventConfig]],
    after: dict[int, tuple[str, EventConfig] | None],
    occurred: CloudEvent,
    open_to: tuple[str, ...],
) -> None:
    triggers = EventTriggers()
    states: dict[int, TriggerState] = {}
    for number, one in [*enumerate(before), *after.items()]:
        if one is None:
            triggers.drop(UUID(int=number))
            states.pop(number, None)
            continue
        workspace, config = one
        states[number] = trigger(number, workspace=workspace, **options_of(config))
        triggers.put(states[number])
    expected = started_by_a_scan(list(states.values()), occurred, open_to=open_to)
    assert started(triggers, occurred, open_to=open_to) == expected
    assert len(triggers) == len(states)


@pytest.mark.parametrize(
    ("asked", "actual", "expected"),
    [
        (1, 1.0, True),
        (1.0, 1, True),
        (0.0, -0.0, True),
        (2**70, float(2**70), True),
        (2**70 + 1, float(2**70), False),
        (True, True, True),
        (True, 1, False),
        (0, False, False),
        (None, None, True),
        (None, False, False),
        ("1", 1, False),
        ([1, {"a": [2.0]}], [1.0, {"a": [2]}], True),
        ([1], [True], False),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ([], {}, False),
    ],
)
def test_the_index_takes_the_same_values_for_equal_as_filters_do(
    asked: Any, actual: Any, expected: bool
) -> None:
    triggers = EventTriggers()
    triggers.put(trigger(1, filters={"data.a": asked}))
    assert bool(started(triggers, event({"a": actual}), open_to=())) is expected
    assert json_equal(asked, actual) is expected


def options_of(config: EventConfig) -> dict[str, Any]:
    return {"event_type": config.event_type, "source": config.source, "filters": config.filters}


@pytest.mark.parametrize(
    ("others", "workspace"),
    [
        pytest.param(lambda n: {"event_type": f"order.{n}"}, "acme", id="other types"),
        pytest.param(lambda n: {"event_type": f"order.{n}.*"}, "acme", id="other patterns"),
        pytest.param(lambda n: {"workspace": f"w{n}"}, "acme", id="other workspaces"),
        pytest.param(lambda n: {"source": f"/shop/{n}"}, "acme", id="other sources"),
        pytest.param(lambda n: {"filters": {"data.n": n}}, "acme", id="other values"),
        pytest.param(lambda n: {"filters": {"data.n": str(n)}}, "acme", id="values of another type"),
        pytest.param(lambda n: {"filters": {"data.l": [1] * n}}, "acme", id="lists of another length"),
        pytest.param(lambda n: {"filters": {"data.m": {str(n): 1}}}, "acme", id="objects of another length"),
        pytest.param(
            lambda n: {"filters": {"data.m": [], "data.k": n}}, "acme", id="a list where an object is"
        ),
        pytest.param(lambda n: {"filters": {"data.f": False}}, "acme", id="the other boolean"),
        pytest.param(
            lambda n: {"filters": {"data.k": 1, "data.n": n}}, "acme", id="a first filter that all have"
        ),
        pytest.param(lambda n: {"filters": {f"data.x{n}": 1}}, "acme", id="paths that the event has not"),
        pytest.param(lambda n: {"workspace": f"w{n}", "filters": {"data.n": n}}, None, id="no workspace"),
    ],
)
def test_triggers_that_ask_for_something_else_are_not_judged(others: Any, workspace: str | None) -> None:
    triggers = EventTriggers()
    for number in range(1, MANY):
        triggers.put(trigger(number, **others(number)))
    triggers.put(trigger(MANY, filters={"data.k": 1}))
    data = {"k": 1, "n": 0, "l": [], "m": {}, "f": True}
    judged = list(triggers.judge(event(data, workspace=workspace), open_to=("*",)))
    assert [one.id.int for one in judged if isinstance(one, TriggerState)] == [MANY]
    assert len(judged) == 1


def test_a_trigger_that_changes_while_an_event_is_judged_is_judged_as_it_was() -> None:
    triggers = EventTriggers()
    triggers.put(trigger(1))
    triggers.put(trigger(2, filters={"data.k": 1}))
    judgements = triggers.judge(event({"k": 1}), open_to=())
    first = next(judgements)
    triggers.put(trigger(1, filters={"data.k": 1}))
    triggers.put(trigger(2))
    rest = list(judgements)
    assert [one.id.int for one in [first, *rest] if isinstance(one, TriggerState)] == [1, 2]


def test_a_deep_event_needs_no_deep_recursion() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    triggers = EventTriggers()
    triggers.put(trigger(1, filters={"data": [1]}))
    triggers.put(trigger(2, filters={"data": {"a": 1}}))
    assert started(triggers, event(deep), open_to=()) == []

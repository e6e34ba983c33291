"""Checks: all of them for a person, the first failure for the dispatcher; both say the same."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_expressions import PAYLOAD, Expression
from trigger_matching import Check, Outcome, all_checks, event_checks, first_failure, selection

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def trigger(**config: Any) -> TriggerState:
    return TriggerState(
        id=UUID(int=1),
        workspace="acme",
        workflow_id=UUID(int=9),
        name="t",
        enabled=config.pop("enabled", True),
        config=EventConfig(**{"event_type": "order.created", **config}),
        version=1,
        created_at=T0,
        updated_at=T0,
    )


def event(**attributes: Any) -> CloudEvent:
    document = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.created", **attributes}
    return CloudEvent(
        id="1", source="/shop", type="order.created", workspace=document.get("workspace"), document=document
    )


def checks_of(
    state: TriggerState, given: CloudEvent, *, open_to: tuple[str, ...] = ("*",)
) -> tuple[tuple[Check, ...], Check | None]:
    config = state.config
    assert isinstance(config, EventConfig)
    condition = None if config.expression is None else Expression(config.expression)
    return (
        all_checks(event_checks(state, given, condition=condition, open_to=open_to)),
        first_failure(event_checks(state, given, condition=condition, open_to=open_to)),
    )


def test_every_check_says_what_it_saw() -> None:
    state = trigger(
        source="/shop",
        filters={"data.country": "NL", "data.lines[0].sku": "a", "data.none": None},
        expression="event.data.total > 100",
    )
    given_event = event(data={"country": "DE", "total": 120, "lines": []}, workspace="acme")
    checks, failed = checks_of(state, given_event)
    assert [(check.name, check.path, check.outcome.value) for check in checks] == [
        ("enabled", None, "passed"),
        ("workspace", None, "passed"),
        ("eventType", None, "passed"),
        ("source", None, "passed"),
        ("filter", "data.country", "failed"),
        ("filter", "data.lines[0].sku", "failed"),
        ("filter", "data.none", "failed"),
        ("expression", None, "passed"),
    ]
    assert (checks[4].expected, checks[4].actual) == ("NL", "DE")
    assert checks[5].actual is msgspec.UNSET
    assert failed == checks[4]


def test_what_the_trigger_does_not_ask_for_is_not_asked() -> None:
    checks, failed = checks_of(trigger(), event())
    outcomes = {check.name: check.outcome for check in checks}
    assert outcomes["source"] is outcomes["expression"] is Outcome.NOT_ASKED
    assert failed is None


def test_a_condition_that_can_say_nothing_has_failed_with_the_reason() -> None:
    checks, failed = checks_of(trigger(expression="event.data.total > 100"), event(data={}))
    assert checks[-1].outcome is Outcome.FAILED
    assert checks[-1].error == "there is no event.data.total"
    assert failed == checks[-1]


@pytest.mark.parametrize(
    ("open_to", "workspace", "expected"),
    [(("*",), None, True), (("other",), None, False), (("other",), "acme", True), (("*",), "other", False)],
)
def test_the_workspace_decides(open_to: tuple[str, ...], workspace: str | None, expected: bool) -> None:
    extra = {} if workspace is None else {"workspace": workspace}
    _, failed = checks_of(trigger(), event(**extra), open_to=open_to)
    assert (failed is None) is expected


def test_what_comes_after_the_first_failure_is_not_asked() -> None:
    asked: list[str] = []

    def ask(name: str, outcome: Outcome) -> Any:
        def check() -> Check:
            asked.append(name)
            return Check(name=name, outcome=outcome)

        return check

    checks = [
        ask("a", Outcome.PASSED),
        ask("b", Outcome.NOT_ASKED),
        ask("c", Outcome.FAILED),
        ask("d", Outcome.PASSED),
    ]
    failed = first_failure(checks)
    assert failed is not None
    assert (failed.name, asked) == ("c", ["a", "b", "c"])


def test_a_payload_is_selected_by_the_same_checks() -> None:
    payload = {"body": {"ref": "refs/heads/main", "n": 1}, "headers": {"x-github-event": "push"}, "query": {}}
    filters = {"body.ref": "refs/heads/main", 'headers["x-github-event"]': "push", "body.n": 1.0}
    condition = Expression("payload.body.n < 2 && !has(payload.query.env)", subject=PAYLOAD)
    assert first_failure(selection(payload, filters=filters, condition=condition)) is None
    failed = first_failure(selection(payload, filters={"body.n": True}, condition=condition))
    assert failed is not None
    assert (failed.path, failed.actual) == ("body.n", 1)


values = st.sampled_from([None, True, False, 0, 1, 1.0, 2, "", "a", "1", [], [1], {}, {"x": 1}])
documents = st.fixed_dictionaries(
    {},
    optional={"a": values, "b": values, "c": st.fixed_dictionaries({}, optional={"d": values, "a": values})},
)
filters = st.dictionaries(
    st.sampled_from(["data.a", "data.b", "data.c.d", "data.c", "source", "data.a[0]", "data.c.a.x"]),
    values,
    max_size=3,
)
expressions = st.sampled_from(
    [
        None,
        "event.data.a == 1",
        "event.data.a > 0 || event.data.b == 'a'",
        "has(event.data.c.d) && event.data.c.d == event.data.a",
        "event.data.b.startsWith('a')",
        "event.source == '/shop'",
        "size(event.data.a) > 0",
    ]
)


@settings(max_examples=1000, deadline=None)
@given(
    document=documents,
    asked=filters,
    expression=expressions,
    source=st.sampled_from([None, "/shop", "/other"]),
    event_type=st.sampled_from(["order.created", "order.*", "invoice.paid"]),
    enabled=st.booleans(),
    open_to=st.sampled_from([("*",), ("acme",), ("other",)]),
    workspace=st.sampled_from([None, "acme", "other"]),
)
def test_what_a_test_says_is_what_the_dispatcher_does(
    document: dict[str, Any],
    asked: dict[str, Any],
    expression: str | None,
    source: str | None,
    event_type: str,
    enabled: bool,
    open_to: tuple[str, ...],
    workspace: str | None,
) -> None:
    state = trigger(
        filters=asked, expression=expression, source=source, event_type=event_type, enabled=enabled
    )
    extra = {} if workspace is None else {"workspace": workspace}
    checks, failed = checks_of(state, event(data=document, **extra), open_to=open_to)
    failures = [check for check in checks if check.outcome is Outcome.FAILED]
    assert (failures[0] if failures else None) == failed

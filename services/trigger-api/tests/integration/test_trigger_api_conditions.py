"""Conditions of event triggers over HTTP: what passed the guard once is refused, and nothing of it runs."""

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.integration

_NESTED = "[1,2].map//\n(a, " * 20 + "[1]" + ")" * 20 + " == []"
HOSTILE = {
    "a comment between a macro and its parenthesis": "event.data.l.map//\n(x, x) == []",
    "a comment that holds a parenthesis": "event.data.l.filter// (\n (x, true) == []",
    "a macro behind a raw string": 'r"\\" == event.id || event.data.l.all(x, x) || "" == ""',
    "macros in macros over lists": _NESTED,
    "copies of a text": " + ".join(["event.data.s"] * 60) + " == 'x'",
    "a pattern that the event brings": "event.data.s.matches(event.data.p)",
    "a pattern that counts in counts": "event.data.s.matches('((.{50}){50}){50}')",
    "parentheses without end": "(" * 900,
}


def trigger(workflow_id: str, expression: str) -> dict[str, Any]:
    config = {"eventType": "order.created", "expression": expression}
    return {"workflowId": workflow_id, "name": "condition", "triggerType": "event", "config": config}


async def test_hostile_conditions_are_refused_while_others_are_served(api: Any, workflow_id: str) -> None:
    refused, served = asyncio.Event(), 0

    async def others() -> None:
        nonlocal served
        while not refused.is_set():
            await api.call("GET", f"/api/workflows/{workflow_id}", status=200)
            served += 1

    reading = asyncio.create_task(others())
    answers = await asyncio.gather(
        *(
            api.call("POST", "/api/triggers", trigger(workflow_id, text), status=422)
            for text in [*HOSTILE.values()] * 3
        )
    )
    refused.set()
    await reading
    assert served > 0
    for answer in answers:
        (error,) = answer.json["errors"]
        assert error["pointer"] == "/config/expression"
        assert error["detail"].startswith("This is not a condition: ")


@pytest.mark.parametrize(
    ("expression", "detail"),
    [
        ('event.data.name.startswith("jo")', "is startsWith meant?"),
        ("event.data.a == 1 && event.data.b > treshold", "there is no treshold"),
        ("event.data.total", "event.data.total == true"),
        ('event.data.name + "x"', "this is a text"),
        ('timestamp(event.time).getHours("Europe/Berlin") == 9', "times are in UTC"),
        ("event.data.total >", "Syntax error"),
    ],
)
async def test_a_slip_is_named_when_a_trigger_is_saved(
    api: Any, workflow_id: str, expression: str, detail: str
) -> None:
    answer = await api.call("POST", "/api/triggers", trigger(workflow_id, expression), status=422)
    assert any(detail in error["detail"] for error in answer.json["errors"]), answer.json

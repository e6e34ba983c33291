"""The page on what did not run: each of its commands, typed where something did not run, shows why."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nats
import pytest
from terminal import Terminal, blocks, link_tree

pytestmark = pytest.mark.e2e

PAGE = "docs/troubleshooting.md"
TRIGGER, CHANGES, WEBHOOK, TEST, REFUSALS, SCHEDULE, FIRE, EVENT, TEST_EVENT, PUBLISH = range(10)
MANUAL, RUN, STATUS, METRICS, DEAD_LETTERS = range(10, 15)


@pytest.fixture
def terminal(stack: dict[str, Any], tmp_path: Path) -> Iterator[Terminal]:
    link_tree(tmp_path)
    (tmp_path / "var").symlink_to(stack["var"])
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.pop("VAR", None)
    port = urlsplit(stack["base_url"]).port
    assert port is not None
    opened = Terminal(tmp_path, port=port, environment=environment)
    yield opened
    opened.close()


def documents(printed: str) -> list[Any]:
    """Return the JSON documents that a block printed one behind the other."""
    found, rest = list[Any](), printed
    decoder = json.JSONDecoder()
    while rest := rest.lstrip():
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:]
    return found


async def test_a_paused_trigger_shows_that_it_is_and_who_paused_it(client: Any, terminal: Terminal) -> None:
    workflow_id = await client.workflow("{{trigger.payload}}")
    trigger = await client.trigger("manual", {}, workflow_id=workflow_id)
    await client.call("POST", f"/api/triggers/{trigger['id']}/pause", status=200)
    steps = blocks(PAGE)
    (shown,) = documents(terminal.type(steps[TRIGGER]))
    assert (shown["id"], shown["enabled"]) == (trigger["id"], False)
    events, executions = documents(terminal.type(steps[CHANGES]))
    assert events["items"][0]["type"] == "TriggerPaused"
    assert events["items"][0]["actor"]
    assert executions["items"] == []
    (refused,) = documents(terminal.type(steps[MANUAL]))
    assert refused["status"] == 409


async def test_a_refused_webhook_shows_the_reason(client: Any, terminal: Terminal, eventually: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload}}")
    trigger = await client.trigger("webhook", {"authType": "hmac"}, workflow_id=workflow_id)
    async with client.session.post(f"/api/webhooks/{trigger['id']}", json={}) as answer:
        assert answer.status == 401
    steps = blocks(PAGE)
    terminal.type(steps[TRIGGER])

    async def recorded() -> Any:
        logs, _ = documents(terminal.type(steps[WEBHOOK]))
        return [row for row in logs["items"] if row["requestMethod"] == "POST"]

    (row,) = await eventually(recorded)
    assert row["rejectionReason"] == "signature_missing"
    assert (row["triggerId"], row["executionId"]) == (trigger["id"], None)
    (tested,) = documents(terminal.type(steps[TEST]))
    failed = [check["detail"] for check in tested["checks"] if check["outcome"] == "failed"]
    assert (tested["wouldRun"], failed) == (False, ["signature_missing"])
    (refusals,) = documents(terminal.type(steps[REFUSALS]))
    assert row["id"] in {one["id"] for one in refusals["items"]}


async def test_a_webhook_s_condition_that_fails_is_seen_in_its_log_and_at_its_trigger(
    client: Any, terminal: Terminal, eventually: Any
) -> None:
    workflow_id = await client.workflow("{{trigger.payload}}")
    config = {"authType": "none", "expression": "payload.body.total > 100"}
    trigger = await client.trigger("webhook", config, workflow_id=workflow_id)
    secret = "hunter2"
    for body in ({}, {"total": secret}):
        async with client.session.post(f"/api/webhooks/{trigger['id']}", json=body) as answer:
            assert (answer.status, (await answer.json())["filtered"]) == (200, True)
    steps = blocks(PAGE)

    async def failed() -> Any:
        (shown,) = documents(terminal.type(steps[TRIGGER]))
        assert shown["id"] == trigger["id"]
        condition = shown["condition"]
        return condition if condition and condition["failures"] == 2 else None

    condition = await eventually(failed)
    assert condition["detail"] == "a value is of another type than the expression needs"
    logs, _ = documents(terminal.type(steps[WEBHOOK]))
    posts = [row for row in logs["items"] if row["requestMethod"] == "POST"]
    assert {row["rejectionReason"] for row in posts} == {"condition_failed"}
    assert not any(secret in str(row["error"]) for row in posts)


async def test_a_schedule_shows_its_times_and_what_was_dropped(
    client: Any, terminal: Terminal, eventually: Any
) -> None:
    workflow_id = await client.workflow("{{trigger.payload}}")
    config = {"cronExpression": "0 9 * * *", "timezone": "Europe/Amsterdam"}
    trigger = await client.trigger("schedule", config, workflow_id=workflow_id)
    steps = blocks(PAGE)
    terminal.type(steps[TRIGGER])

    async def in_temporal() -> Any:
        schedule, preview = documents(terminal.type(steps[SCHEDULE]))
        return (schedule, preview) if schedule.get("live") else None

    schedule, preview = await eventually(in_temporal)
    assert set(schedule["droppedFires"]) == {"skippedOverlap", "missedCatchupWindow", "bufferFull"}
    assert schedule["nextFireTimes"][:5] == [fire["utc"] for fire in preview["fireTimes"]][:5]
    (started,) = documents(terminal.type(steps[FIRE]))
    assert (await client.ended(started["executionId"]))["triggerId"] == trigger["id"]


async def test_a_condition_that_fails_is_seen_at_its_trigger_and_in_the_metrics(
    client: Any, terminal: Terminal, eventually: Any
) -> None:
    workflow_id = await client.workflow("{{trigger.payload}}")
    other = await client.trigger("event", {"eventType": "order.created"}, workflow_id=workflow_id)
    config = {"eventType": "order.created", "expression": "event.data.total > 100"}
    trigger = await client.trigger("event", config, workflow_id=workflow_id)
    steps = blocks(PAGE)
    terminal.type(steps[TRIGGER])

    async def failed() -> Any:
        # Published again until the triggers are known: whether they are is what a person cannot see either.
        terminal.type(steps[PUBLISH])
        (shown,) = documents(terminal.type(steps[EVENT]))
        assert shown["id"] == trigger["id"]
        return shown["condition"]

    condition = await eventually(failed, seconds=60)
    assert condition["failures"] >= 1
    assert (condition["detail"], condition["triggerVersion"]) == ("there is no event.data.total", 1)
    assert await client.executions(trigger["id"]) == []
    (tested,) = documents(terminal.type(steps[TEST_EVENT]))
    assert tested["wouldRun"] is False
    assert tested["checks"][-1]["detail"] == "there is no event.data.total"
    await eventually(lambda: client.executions(other["id"]))
    assert "orchestrator-worker" in terminal.type(steps[STATUS])
    metrics = terminal.type(steps[METRICS])
    assert re.search(r"^event_conditions_failed_total [1-9]", metrics, re.MULTILINE), metrics


async def test_a_run_that_failed_says_where_and_why(client: Any, terminal: Terminal, eventually: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload.text}}")
    trigger = await client.trigger("manual", {}, workflow_id=workflow_id)
    inputs = {"inputs": {"text": "x" * 1_000_000}}
    await client.call("PATCH", f"/api/workflows/{workflow_id}", {"definition": _twice()}, status=200)
    run = await client.call("POST", f"/api/triggers/{trigger['id']}/execute", inputs, status=202)
    ended = await client.ended(run["executionId"])
    assert ended["status"] == "failed"
    steps = blocks(PAGE)
    terminal.type(steps[TRIGGER])
    (shown,) = documents(terminal.type(steps[RUN]))
    assert shown["id"] == run["executionId"]
    assert shown["error"]["code"] == "value_too_large"


async def test_what_the_worker_gave_up_on_is_listed_with_its_reason(client: Any, terminal: Terminal) -> None:
    bus = await nats.connect(client.stack["nats_url"])
    headers = {
        "Dead-Subject": "firings.manual",
        "Dead-Sequence": "1",
        "Dead-Reason": "TooOldToStartError: old",
    }
    letter = await bus.jetstream().publish("dead.FIRINGS.orchestrator-worker-firings", b"{}", headers=headers)
    await bus.close()
    printed = terminal.type(blocks(PAGE)[DEAD_LETTERS])
    (line,) = [line for line in printed.splitlines() if line.split()[0] == str(letter.seq)]
    assert line.endswith("TooOldToStartError: old")
    dropped = terminal.type(f".venv/bin/python -m orchestrator_worker dead-letters drop {letter.seq}\n")
    assert dropped.endswith("1 dropped\n")


def _twice() -> Any:
    twice = {
        "type": "transform",
        "config": {"output": ["{{trigger.payload.text}}", "{{trigger.payload.text}}"]},
    }
    return {
        "nodes": {"pick": twice, "out": {"type": "output", "config": {"value": "{{nodes.pick.output}}"}}},
        "edges": [{"source": "pick", "target": "out"}],
        "entryPoint": "pick",
    }


def test_every_block_of_the_page_is_typed_by_a_test() -> None:
    assert len(blocks(PAGE)) == DEAD_LETTERS + 1, "each block has a name here, and a test that types it"

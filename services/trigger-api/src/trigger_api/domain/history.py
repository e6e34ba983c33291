"""What an event changed, in words and as a difference between what was and what is."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from trigger_api.domain.sameness import same
from trigger_api.domain.trigger import Trigger
from trigger_api.domain.workflow import Workflow
from trigger_validation import pointer_step

_SHOWN: Final = 60
"""Characters of a value in a sentence."""
_NAMED: Final = 5
"""Differences that a sentence tells one by one."""

Changes = dict[str, dict[str, Any]]
"""JSON pointer → ``from`` (left out where there was nothing) and ``to`` (left out where there is nothing)."""


def trigger_facts(trigger: Trigger | None) -> dict[str, Any]:
    """Return what a user can see of a trigger, as plain JSON; secrets by their ids."""
    if trigger is None:
        return {}
    config = msgspec.to_builtins(trigger.config)
    kind = config.pop("triggerType")
    in_force = next((str(secret.id) for secret in trigger.secrets if secret.valid_until is None), None)
    return {
        "workflowId": str(trigger.workflow_id),
        "name": trigger.name,
        "triggerType": kind,
        "enabled": trigger.enabled,
        "config": config,
        "secretId": in_force,
        "deleted": trigger.deleted_at is not None,
    }


def workflow_facts(workflow: Workflow | None) -> dict[str, Any]:
    """Return what a user can see of a workflow, as plain JSON."""
    if workflow is None:
        return {}
    return {
        "name": workflow.name,
        "definition": msgspec.to_builtins(workflow.definition),
        "deleted": workflow.deleted_at is not None,
    }


def changes(before: Mapping[str, Any], *, after: Mapping[str, Any]) -> Changes:
    """Return every place where two documents differ, as deep as both have objects there."""
    return dict(_differences(before, after, pointer=""))


def summary(found: Changes) -> str:
    """Return the changes as a line for a person."""
    told = [_told(pointer, change) for pointer, change in list(found.items())[:_NAMED]]
    if len(found) > _NAMED:
        told.append(f"{len(found) - _NAMED} more")
    return "; ".join(told)


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, pointer: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in [*before, *(key for key in after if key not in before)]:
        place = f"{pointer}/{pointer_step(key)}"
        if key not in after:
            yield place, {"from": before[key]}
        elif key not in before:
            yield place, {"to": after[key]}
        elif isinstance(before[key], dict) and isinstance(after[key], dict):
            yield from _differences(before[key], after[key], pointer=place)
        elif not same(before[key], after[key]):
            yield place, {"from": before[key], "to": after[key]}


def _told(pointer: str, change: Mapping[str, Any]) -> str:
    name = pointer.removeprefix("/").removeprefix("config/").replace("/", ".")
    if "from" not in change:
        return f"{name}: {_text(change['to'])}"
    if "to" not in change:
        return f"{name}: {_text(change['from'])} → nothing"
    return f"{name}: {_text(change['from'])} → {_text(change['to'])}"


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

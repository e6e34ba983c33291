"""What an event changed, in words and as a difference; and what something was at an earlier time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from trigger_api.domain.aggregate import Aggregate, E, Recorded, S, fold
from trigger_api.domain.json_values import identical
from trigger_validation import pointer_step

_SHOWN: Final = 60
"""Characters of a value in a sentence."""
_NAMED: Final = 5
"""Differences that a sentence lists one by one."""

Changes = dict[str, dict[str, Any]]
"""JSON pointer → ``from`` (left out where there was nothing) and ``to`` (left out where there is nothing)."""


class NoSuchVersionError(Exception):
    """It did not exist then, or has no such version; the text says what."""


def state_as_of(aggregate: Aggregate[S, E], history: Sequence[Recorded[E]], *, moment: datetime | int) -> S:
    """Return the state at a version, or at a time (inclusive). Raises ``NoSuchVersionError``."""
    if isinstance(moment, int):
        last = moment if moment <= len(history) else 0
    else:
        # The last one by its version: the clocks of two writers may differ.
        last = max((recorded.version for recorded in history if recorded.at <= moment), default=0)
    state = fold(aggregate, history[: max(last, 0)])
    if state is None:
        raise NoSuchVersionError(aggregate.name)
    return state


def changes_of(
    aggregate: Aggregate[S, E], history: Sequence[Recorded[E]]
) -> Iterator[tuple[Recorded[E], Changes]]:
    """Yield each event of a history with what it changed."""
    state: S | None = None
    before: dict[str, Any] = {}
    for recorded in history:
        state = aggregate.evolve(state, recorded)
        after = aggregate.facts(state)
        yield recorded, dict(_differences(before, after, pointer=""))
        before = after


def summary(changes: Changes) -> str:
    """Return the changes as a line for a person."""
    parts = [_sentence(pointer, change) for pointer, change in list(changes.items())[:_NAMED]]
    if len(changes) > _NAMED:
        parts.append(f"{len(changes) - _NAMED} more")
    return "; ".join(parts)


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
        elif not identical(before[key], after[key]):
            yield place, {"from": before[key], "to": after[key]}


def _sentence(pointer: str, change: Mapping[str, Any]) -> str:
    name = pointer.removeprefix("/").removeprefix("config/").replace("/", ".")
    if "from" not in change:
        return f"{name}: {_text(change['to'])}"
    if "to" not in change:
        return f"{name}: {_text(change['from'])} → nothing"
    return f"{name}: {_text(change['from'])} → {_text(change['to'])}"


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

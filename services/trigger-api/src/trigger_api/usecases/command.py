"""What every command has: a caller, a condition, and a second try after a lost race."""

from dataclasses import dataclass
from typing import Final

import stamina

from trigger_api.domain.aggregate import Author
from trigger_api.ports import ConcurrentChangeError, StaleVersionError


@dataclass(frozen=True, slots=True)
class NamedVersions:
    """The versions that a caller has seen. ``why_not`` says which of its tags match nothing, and why."""

    versions: frozenset[int]
    why_not: str | None = None


ExpectedVersions = NamedVersions | None
"""``None`` is no condition."""

retry_lost_race: Final = stamina.retry(
    on=ConcurrentChangeError, attempts=5, timeout=None, wait_initial=0, wait_max=0, wait_jitter=0
)
"""Decides again on what the winner left. A caller with a condition then learns that it is stale."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose workspace, and who in it."""

    workspace: str
    author: Author


def check_if_match(condition: ExpectedVersions, *, version: int) -> None:
    """Raise ``StaleVersionError`` where the caller's condition does not hold."""
    if condition is not None and version not in condition.versions:
        raise StaleVersionError(version, why=condition.why_not)

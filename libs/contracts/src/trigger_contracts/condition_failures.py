"""Stream ``CONDITIONS``: conditions of triggers that could say nothing of an event or a delivery."""

import hashlib
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from trigger_contracts.codec import Codec, Message
from trigger_contracts.trigger_config import Time

MAX_DETAIL: Final = 300


class ConditionFailed(Message, tag="ConditionFailed/1", frozen=True, kw_only=True):
    """On ``conditions.<triggerId>``: a condition could not be evaluated, so it started nothing.

    ``failures`` is how many there were since the same process last published, so readers add them up. The
    stream keeps the last message of a trigger: a reader that was away knows at least that many.
    ``detail`` names fields and functions of the condition, never a value of the event.
    """

    trigger_id: UUID
    trigger_version: int
    expression_sha256: str
    """Of which condition it is: the version grows with every change of a trigger, also of its name."""
    failures: Annotated[int, Meta(ge=1)]
    last_failed_at: Time
    detail: str


FAILURES: Final[Codec[ConditionFailed]] = Codec(ConditionFailed)


def expression_digest(expression: str) -> str:
    """Return what tells one condition from another."""
    return hashlib.sha256(expression.encode()).hexdigest()


def one_failure(
    trigger_id: UUID, *, trigger_version: int, expression: str, at: datetime, detail: str
) -> ConditionFailed:
    """Return the message of one failure."""
    return ConditionFailed(
        trigger_id=trigger_id,
        trigger_version=trigger_version,
        expression_sha256=expression_digest(expression),
        failures=1,
        last_failed_at=at,
        detail=detail[:MAX_DETAIL],
    )


def merged(earlier: ConditionFailed, later: ConditionFailed) -> ConditionFailed:
    """Return one message for both; of two conditions the later one's, since it has replaced the other."""
    if earlier.expression_sha256 != later.expression_sha256:
        return later
    return msgspec.structs.replace(later, failures=earlier.failures + later.failures)

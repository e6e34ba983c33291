"""Whether a delivery that is authentic and in order starts a run: the trigger's filters and its expression.

They are asked of the payload that the run would get, made by the code that makes it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from trigger_contracts.config import WebhookConfig
from trigger_contracts.deliveries import AcceptedDelivery, ClaimCheck, RejectionReason
from trigger_contracts.workflow_io import MAX_VALUE_BYTES
from trigger_expressions import PAYLOAD, Expression
from trigger_matching import (
    EXPRESSION,
    Check,
    delivery_payload,
    first_failure,
    large_delivery_payload,
    selection,
)
from trigger_paths import stored_path


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a trigger asks of a payload."""

    filters: Mapping[str, Any]
    condition: Expression | None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that starts nothing: ``filtered``, or a condition that could say nothing, and why."""

    reason: RejectionReason
    detail: str
    error: str | None = None
    """Of a condition that could say nothing: the reason alone."""


def selection_of(config: WebhookConfig) -> Selection | None:
    """Return what the options ask; ``None`` where they ask nothing.

    Raises ``trigger_expressions.ExpressionError`` for an expression that cannot be served.
    """
    if not config.filters and config.expression is None:
        return None
    condition = None if config.expression is None else Expression(config.expression, subject=PAYLOAD)
    return Selection(filters=config.filters, condition=condition)


def left_out(asked: Selection, *, delivery: AcceptedDelivery, longest_inline: int) -> LeftOut | None:
    """Return why a delivery starts nothing; ``None`` where it starts a run.

    ``longest_inline`` is in bytes: a larger body travels apart from its delivery.
    """
    payload = payload_of(delivery, longest_inline=longest_inline)
    failed = first_failure(selection(payload, filters=asked.filters, condition=asked.condition))
    if failed is None:
        return None
    if failed.error is not None:
        detail = f"The expression cannot be evaluated: {failed.error}."
        return LeftOut(reason=RejectionReason.CONDITION_FAILED, detail=detail, error=failed.error)
    return LeftOut(
        reason=RejectionReason.FILTERED, detail=_words(failed, body_problem=payload["bodyProblem"])
    )


def payload_of(delivery: AcceptedDelivery, *, longest_inline: int) -> dict[str, Any]:
    """Return what the run of a delivery gets as ``trigger.payload``."""
    size = len(delivery.body)
    if size <= longest_inline:
        return delivery_payload(delivery)
    claim = ClaimCheck(key=delivery.id, size=size, sha256=delivery.body_sha256)
    body = delivery.body if size <= MAX_VALUE_BYTES else None
    envelope = msgspec.structs.replace(delivery, body=b"")
    return large_delivery_payload(envelope, claim=claim, body=body)


def _words(failed: Check, *, body_problem: str | None) -> str:
    if failed.name == EXPRESSION:
        return "The expression is false for this delivery."
    if failed.actual is msgspec.UNSET:
        absent = f"There is no {failed.path}, for which the trigger has a filter"
        if body_problem is None or not failed.path or stored_path(failed.path)[0] != "body":
            return f"{absent}."
        return f"{absent}: the body has the problem {body_problem}."
    return f"{failed.path} is not the value for which the trigger has a filter."

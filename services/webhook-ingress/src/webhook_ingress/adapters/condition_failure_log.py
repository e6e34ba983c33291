"""Tells that an expression could say nothing of a delivery: in the log, in a counter and on the bus."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from trigger_contracts import streams
from trigger_contracts.condition_failures import ConditionFailed, one_failure
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.domain.trigger import WebhookTrigger

log = structlog.stdlib.get_logger(__name__)


class ConditionFailureLog:
    """Implements ``ports.ConditionFailures``."""

    def __init__(self, *, metrics: IngressMetrics, publish: Callable[[str, ConditionFailed], None]) -> None:
        """``publish`` takes a subject and its message, and neither waits nor fails."""
        self._metrics = metrics
        self._publish = publish
        self._last_logged: dict[UUID, int] = {}

    def note(self, trigger: WebhookTrigger, *, at: datetime, detail: str) -> None:
        """Count and publish it, and log it once for each version of a trigger."""
        self._metrics.failed_conditions.inc()
        failed = one_failure(
            trigger.id,
            trigger_version=trigger.version,
            expression=trigger.config.expression or "",
            at=at,
            detail=detail,
        )
        self._publish(streams.condition(trigger.id), failed)
        if self._last_logged.get(trigger.id) == trigger.version:
            return
        self._last_logged[trigger.id] = trigger.version
        log.warning(
            "condition could not be evaluated",
            trigger_id=str(trigger.id),
            trigger_version=trigger.version,
            reason=detail,
        )

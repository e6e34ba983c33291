"""Tells that a trigger's expression could say nothing of a delivery: in the log and in a counter."""

from uuid import UUID

import structlog

from webhook_ingress.adapters.ingress_metrics import IngressMetrics

log = structlog.stdlib.get_logger(__name__)


class ConditionFailureLog:
    """Implements ``ports.ConditionFailures``."""

    def __init__(self, *, metrics: IngressMetrics) -> None:
        self._metrics = metrics
        self._last_logged: dict[UUID, int] = {}

    def note(self, trigger_id: UUID, *, trigger_version: int, detail: str) -> None:
        """Count it, and log it once for each version of a trigger."""
        self._metrics.failed_conditions.inc()
        if self._last_logged.get(trigger_id) == trigger_version:
            return
        self._last_logged[trigger_id] = trigger_version
        log.warning(
            "condition could not be evaluated",
            trigger_id=str(trigger_id),
            trigger_version=trigger_version,
            reason=detail,
        )

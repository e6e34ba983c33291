"""What decides whether an event or a delivery starts a run, check by check, and the payload of the run."""

from trigger_matching.checks import (
    EXPRESSION,
    FILTER,
    Asked,
    Check,
    Outcome,
    all_checks,
    first_failure,
    selection,
)
from trigger_matching.events import ALL_WORKSPACES, event_checks
from trigger_matching.payloads import delivery_payload, large_delivery_payload

__all__ = [
    "ALL_WORKSPACES",
    "EXPRESSION",
    "FILTER",
    "Asked",
    "Check",
    "Outcome",
    "all_checks",
    "delivery_payload",
    "event_checks",
    "first_failure",
    "large_delivery_payload",
    "selection",
]

"""What every type of trigger has in common, and the words that all configurations are written in."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from trigger_contracts.codec import Part

Time = Annotated[datetime, Meta(tz=True)]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"\S",
        extra={"words": "Expected a name that is not blank. Example: Nightly report."},
    ),
]

Filters = Annotated[dict[Annotated[str, Meta(max_length=500)], Any], Meta(max_length=50)]
"""By path into what came: the value that must stand there; see ``libs/expressions``."""
ConditionText = Annotated[str, Meta(min_length=1, max_length=1000, extra_json_schema={"format": "cel"})]
"""A condition in CEL; see ``libs/expressions``."""


class TriggerType(StrEnum):
    """What starts the workflow."""

    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    EVENT = "event"
    MANUAL = "manual"


class TriggerConfig(Part, tag_field="triggerType", frozen=True, kw_only=True):
    """What every type's configuration extends; the tag is the trigger's type."""

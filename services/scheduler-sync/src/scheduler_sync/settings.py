"""The environment; see README.md for the table."""

from typing import Annotated

import msgspec
from msgspec import Meta

from trigger_runtime.settings import ServiceSettings
from trigger_runtime.temporal import TemporalSettings


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """All that ``serve`` needs."""

    http_port: int = 8083
    temporal: TemporalSettings = msgspec.field(default_factory=TemporalSettings)
    resync_seconds: Annotated[float, Meta(ge=1)] = 60.0
    """How often everything is compared."""
    resync_closely_seconds: Annotated[float, Meta(ge=0)] = 3600.0
    """How often each schedule is also described: 0 describes all of them each time."""
    resync_lease_seconds: Annotated[float, Meta(ge=1, le=300)] = 10.0
    """How long the replica that compares everything may be silent before another one does it."""

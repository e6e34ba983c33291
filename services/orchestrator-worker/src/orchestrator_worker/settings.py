"""What the environment may say; the README has the table."""

from typing import Annotated

import msgspec
from msgspec import Meta

from trigger_runtime.settings import ServiceSettings
from trigger_runtime.temporal import TemporalSettings

Count = Annotated[int, Meta(ge=1, le=10_000)]


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """Settings of the orchestrator worker."""

    http_port: int = 8084
    temporal: TemporalSettings = msgspec.field(default_factory=TemporalSettings)
    event_workspaces: tuple[str, ...] = ("*",)
    """The workspaces that an event without a ``workspace`` attribute reaches; ``*`` is all."""
    max_concurrent_starts: Count = 64
    """Workflow starts under way at Temporal at once."""
    max_concurrent_activities: Count = 100
    max_concurrent_workflow_tasks: Count = 100

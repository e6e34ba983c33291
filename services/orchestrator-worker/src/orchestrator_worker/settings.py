"""What the environment may say; the README has the table."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from trigger_runtime.settings import ServiceSettings
from trigger_runtime.temporal import TemporalSettings

Count = Annotated[int, Meta(ge=1, le=10_000)]


class Role(StrEnum):
    """What a process does; several share the work of each role."""

    DISPATCHER = "dispatcher"
    """Starts the executions that messages ask for."""
    WORKER = "worker"
    """Runs the workflows and activities of executions."""


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """Settings of the orchestrator worker."""

    http_port: int = 8084
    roles: Annotated[tuple[Role, ...], Meta(min_length=1)] = (Role.DISPATCHER, Role.WORKER)
    temporal: TemporalSettings = msgspec.field(default_factory=TemporalSettings)
    event_workspaces: tuple[str, ...] = ("*",)
    """The workspaces that an event without a ``workspace`` attribute reaches; ``*`` is all."""
    max_concurrent_starts: Count = 64
    """Workflow starts under way at Temporal at once, at most: as many as keep it busy."""
    max_starts_per_second: Annotated[float, Meta(ge=0, le=100_000)] = 0.0
    """0 is no limit."""
    max_concurrent_activities: Count = 100
    max_concurrent_workflow_tasks: Count = 100

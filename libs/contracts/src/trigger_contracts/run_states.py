"""What execution-recorder asks orchestrator-worker over the bus: how far executions without an end are."""

from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message, Part

MOST_RUNS: Final = 100
"""In one request."""


class RecordedRun(Part, frozen=True, kw_only=True):
    """An execution as the history has it. Without a run it was accepted, and its start is not on record."""

    execution_id: UUID
    temporal_workflow_id: str | None = None
    temporal_run_id: str | None = None


class DescribeRuns(Message, tag="DescribeRuns/1", frozen=True, kw_only=True):
    """On ``rpc.orchestrator-worker.describe``. The reply is ``RunsDescribed``."""

    runs: tuple[RecordedRun, ...]


class RunsDescribed(Message, tag="RunsDescribed/1", frozen=True, kw_only=True):
    """The ids of the executions, by what Temporal says. One that is in no list could not be looked up."""

    running: tuple[UUID, ...] = ()
    ended: tuple[UUID, ...] = ()
    """Their ends are published on ``executions.*``, as Temporal has them."""
    unknown: tuple[UUID, ...] = ()


REQUESTS: Final[Codec[DescribeRuns]] = Codec(DescribeRuns)
REPLIES: Final[Codec[RunsDescribed]] = Codec(RunsDescribed)

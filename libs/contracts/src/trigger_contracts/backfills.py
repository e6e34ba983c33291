"""Stream ``BACKFILLS``: which fires a person asked to run again, and which run of Temporal each became.

A schedule's own run and a backfill's look alike in Temporal. scheduler-sync writes a request down before
Temporal gets it; the run that finds its time in one claims the execution of that request.
"""

from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message
from trigger_contracts.trigger_config import Time


class BackfillRequested(Message, tag="BackfillRequested/1", frozen=True, kw_only=True):
    """On ``backfills.<triggerId>``: Temporal is going to be asked to run these."""

    trigger_id: UUID
    request_id: UUID
    requested_at: Time
    fire_times: tuple[Time, ...]
    """Nominal, increasing."""


class BackfillRunClaimed(Message, tag="BackfillRunClaimed/1", frozen=True, kw_only=True):
    """On ``backfill-runs.<executionId>``, once: this run of Temporal is that execution."""

    temporal_run_id: str


REQUESTS: Final[Codec[BackfillRequested]] = Codec(BackfillRequested)
CLAIMS: Final[Codec[BackfillRunClaimed]] = Codec(BackfillRunClaimed)

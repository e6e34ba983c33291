"""How many requests each trigger gets: counts by minute and by hour, so that unusual traffic can be seen."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from execution_recorder.domain.webhook_log import WebhookLog

ACCEPTED: Final = "accepted"
"""The outcome of what started a run; every other outcome is a reason of ``RejectionReason``."""


_MOST_SPANS: Final = 1440
"""A day by minute, sixty days by hour: as many items as a response may have."""

_HOURS_BY_MINUTE: Final = 2
"""Longer windows are counted by hour, for the counts of every trigger are summed."""

MINUTES_KEPT: Final = timedelta(hours=49)
"""How long counts by minute are kept: a day, the day before to compare with, and an hour for pruning late."""


class Span(StrEnum):
    """How long one count is."""

    MINUTE = "minute"
    HOUR = "hour"

    @property
    def length(self) -> timedelta:
        """Return the time from one start to the next."""
        return timedelta(minutes=1) if self is Span.MINUTE else timedelta(hours=1)

    def start(self, moment: datetime) -> datetime:
        """Return the start, in UTC, of the span that a moment is in."""
        whole = moment.astimezone(UTC).replace(second=0, microsecond=0)
        return whole if self is Span.MINUTE else whole.replace(minute=0)

    def end(self, moment: datetime) -> datetime:
        """Return the first start that is not before a moment."""
        start = self.start(moment)
        return start if start == moment else start + self.length


_DEFAULT_SPANS: Final = {Span.MINUTE: 60, Span.HOUR: 24}


class WindowError(ValueError):
    """A range of time that cannot be shown; the text says why."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Whole spans, from ``since`` to before ``until``."""

    span: Span
    since: datetime
    until: datetime

    @property
    def before(self) -> datetime:
        """The start of as long a window before this one."""
        return self.since - (self.until - self.since)


def window_of(span: Span, *, since: datetime | None, until: datetime | None, now: datetime) -> Window:
    """Return the whole spans that a range touches. Raises ``WindowError``."""
    try:
        until = span.end(until or now)
        since = until - _DEFAULT_SPANS[span] * span.length if since is None else span.start(since)
    except OverflowError:
        raise WindowError("The time is at the end of the calendar") from None
    if since >= until:
        raise WindowError("'from' is not before 'to'")
    if until - since > _MOST_SPANS * span.length:
        raise WindowError(f"The range has more than {_MOST_SPANS} {span.value}s; ask for less, or by hour")
    return Window(span=span, since=since, until=until)


def last_hours(hours: int, *, now: datetime) -> Window:
    """Return the window of the last hours: up to now where it is short, else up to the end of this hour."""
    span = Span.MINUTE if hours <= _HOURS_BY_MINUTE else Span.HOUR
    until = span.end(now)
    return Window(span=span, since=until - timedelta(hours=hours), until=until)


class CountKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What a count is of. The order is the order of locking."""

    workspace: str
    trigger_id: UUID
    span: str
    starts_at: datetime
    outcome: str


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests, and the milliseconds that answering all of them took."""

    requests: int
    processing_time_ms: float


def count_by_span(logs: Iterable[WebhookLog]) -> Sequence[tuple[CountKey, Count]]:
    """Return what the rows add to the counts, ordered by key.

    A request to a trigger that does not exist belongs to no workspace and is in no count.
    """
    counts: dict[CountKey, Count] = {}
    for log in logs:
        if log.workspace is None or log.trigger_id is None:
            continue
        for span in Span:
            key = CountKey(
                workspace=log.workspace,
                trigger_id=log.trigger_id,
                span=span.value,
                starts_at=span.start(log.created_at),
                outcome=log.rejection_reason or ACCEPTED,
            )
            known = counts.get(key)
            counts[key] = Count(
                requests=1 + (known.requests if known else 0),
                processing_time_ms=log.processing_time_ms + (known.processing_time_ms if known else 0.0),
            )
    return sorted(counts.items())

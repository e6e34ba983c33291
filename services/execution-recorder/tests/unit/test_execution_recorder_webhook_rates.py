"""Counting requests by minute and by hour."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from execution_recorder.domain.webhook_log import log_of
from execution_recorder.domain.webhook_rates import Span, count_by_span

_AT = datetime(2026, 11, 1, 12, 34, 56, 789, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "moment", "start", "end"),
    [
        (Span.MINUTE, _AT, _AT.replace(second=0, microsecond=0), datetime(2026, 11, 1, 12, 35, tzinfo=UTC)),
        (Span.HOUR, _AT, datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 1, 13, tzinfo=UTC)),
        (Span.HOUR, *[datetime(2026, 11, 1, 12, tzinfo=UTC)] * 3),
        # A zone of half an hour: hours are those of UTC.
        (
            Span.HOUR,
            datetime(2026, 11, 1, 18, 10, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            datetime(2026, 11, 1, 12, tzinfo=UTC),
            datetime(2026, 11, 1, 13, tzinfo=UTC),
        ),
    ],
)
def test_spans_are_whole_minutes_and_hours_of_utc(
    span: Span, moment: datetime, start: datetime, end: datetime
) -> None:
    assert span.start(moment) == start
    assert span.end(moment) == end


def test_rows_are_counted_by_trigger_span_and_outcome_in_the_order_of_locking(given: Any) -> None:
    one, two = UUID(int=1), UUID(int=2)
    rows = [
        given.accepted(trigger_id=two, received_at=_AT),
        given.accepted(trigger_id=one, received_at=_AT),
        given.accepted(trigger_id=one, received_at=_AT + timedelta(seconds=1), processing_ms=0.1),
        given.accepted(trigger_id=one, received_at=_AT + timedelta(seconds=10)),
        given.rejected(trigger_id=one, received_at=_AT),
        given.rejected(trigger_id=None, workspace=None, workflow_id=None, received_at=_AT),
    ]
    counts = count_by_span(log_of(row) for row in rows)
    assert [key for key, _ in counts] == sorted(key for key, _ in counts)
    found = {
        (key.trigger_id.int, key.span, key.starts_at.minute, key.outcome): (
            count.requests,
            round(count.processing_time_ms, 3),
        )
        for key, count in counts
    }
    assert found == {
        (1, "minute", 34, "accepted"): (2, 2.0),
        (1, "minute", 35, "accepted"): (1, 1.9),
        (1, "minute", 34, "signature_invalid"): (1, 1.9),
        (1, "hour", 0, "accepted"): (3, 3.9),
        (1, "hour", 0, "signature_invalid"): (1, 1.9),
        (2, "minute", 34, "accepted"): (1, 1.9),
        (2, "hour", 0, "accepted"): (1, 1.9),
    }

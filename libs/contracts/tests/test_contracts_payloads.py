"""Bodies, headers and times: what a workflow gets, and what the log shows."""

from datetime import UTC, datetime, timedelta, timezone

from trigger_contracts.payloads import (
    group_values,
    join_headers,
    rfc3339,
    schedule_payload,
)


def test_lines_of_one_header_are_one_list() -> None:
    pairs = [("Accept", "a"), ("X", "1"), ("accept", "b"), ("Cookie", "c=1"), ("cookie", "d=2")]
    assert join_headers(pairs) == {"Accept": "a, b", "X": "1", "Cookie": "c=1; d=2"}


def test_a_repeated_parameter_is_a_list() -> None:
    assert group_values([("a", "1"), ("b", ""), ("a", "2")]) == {"a": ["1", "2"], "b": ""}


def test_times_are_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 1, 2, 30, tzinfo=east)) == "2026-01-01T00:30:00Z"
    assert schedule_payload(datetime(2026, 1, 1, tzinfo=UTC), configured_input=[1]) == {
        "scheduledTime": "2026-01-01T00:00:00Z",
        "input": [1],
    }

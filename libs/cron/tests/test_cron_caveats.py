"""What is said about a schedule before it runs."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfoNotFoundError

import pytest

from trigger_cron import Caveat, CaveatKind, busy_day, caveats, compile_timetable, parse

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def of(expression: str, *, zone: str, now: datetime = NOW) -> list[str]:
    return [
        f"{caveat.kind} {caveat.date} {caveat.local_time or '-'} {caveat.count}"
        for caveat in caveats(parse(expression), zone=zone, now=now)
    ]


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        (
            "30 2 * * *",
            "America/New_York",
            ["skipped 2026-03-08 02:30:00 1", "skipped 2027-03-14 02:30:00 1"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            ["repeated 2026-11-01 01:30:00 1", "repeated 2027-11-07 01:30:00 1"],
        ),
        ("0,30 2 8 3 *", "America/New_York", ["skipped 2026-03-08 02:00:00 2"]),
        ("30 3 * * *", "America/New_York", []),
        ("30 1,2 * * MON-SAT", "America/New_York", []),
        ("30 1 * * *", "Europe/Berlin", ["extra 2026-10-25 02:30:00 1", "extra 2027-10-31 02:30:00 1"]),
        ("30 2 * * *", "Europe/Berlin", ["skipped 2026-03-29 02:30:00 1", "skipped 2027-03-28 02:30:00 1"]),
        (
            "15 2 4 10 *",
            "Australia/Lord_Howe",
            ["skipped 2026-10-04 02:15:00 1", "extra 2026-10-04 02:45:00 1"],
        ),
        (
            "0 9-17 * 9 SUN",
            "America/Santiago",
            ["skipped 2026-09-06 09:00:00 9", "skipped 2027-09-05 09:00:00 9"],
        ),
        ("0 9 * 9 SAT", "America/Santiago", ["extra 2026-09-06 09:00:00 1", "extra 2027-09-05 09:00:00 1"]),
        ("0 9 * 9 *", "America/Santiago", []),
        ("30 2 * * *", "Asia/Kolkata", []),
        # By the hour and not by the clock:
        ("*/20 * * * *", "America/New_York", []),
        (
            "* * * * *",
            "Europe/Berlin",
            [
                "paused 2026-10-25 02:00:00 2",
                "skipped 2026-10-25 02:02:00 60",
                "paused 2027-10-31 02:00:00 2",
                "skipped 2027-10-31 02:02:00 60",
            ],
        ),
    ],
)
def test_changes_of_the_clock(expression: str, zone: str, expected: list[str]) -> None:
    assert of(expression, zone=zone) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 31 * *", ["missing_day 2026-02-28 - 10"]),
        ("0 0 31 4,5 *", ["missing_day 2026-04-30 - 2"]),
        ("0 0 31 1,3 *", []),
        ("0 0 30 * *", ["missing_day 2026-02-28 - 2"]),
        ("0 0 29 2 *", ["missing_day 2026-02-28 - 2"]),
        ("0 0 29,31 * *", ["missing_day 2026-02-28 - 2", "missing_day 2026-02-28 - 10"]),
        ("0 0 31 * MON", ["missing_day 2026-02-28 - 10"]),
        ("0 0 28 * *", []),
        ("0 0 28-31 * *", []),
        ("0 0 */10 * *", []),
    ],
)
def test_months_without_the_day(expression: str, expected: list[str]) -> None:
    assert of(expression, zone="UTC") == expected


def test_the_days_are_those_of_the_zone() -> None:
    evening = datetime(2026, 4, 30, 20, tzinfo=UTC)
    assert of("0 0 31 4,5 *", zone="UTC", now=evening) == ["missing_day 2026-04-30 - 3"]
    assert of("0 0 31 4,5 *", zone="Asia/Tokyo", now=evening) == ["missing_day 2027-04-30 - 2"]


def test_a_whole_caveat() -> None:
    assert caveats(parse("0 2 8 3 *"), zone="America/New_York", now=NOW) == (
        Caveat(
            kind=CaveatKind.SKIPPED,
            date=date(2026, 3, 8),
            local_time=time(2, 0),
            count=1,
            message="On 8 March 2026, 02:00 is skipped:"
            " the clock of America/New_York goes forward from 02:00 to 03:00.",
        ),
    )


@pytest.mark.parametrize(
    ("expression", "zone", "message"),
    [
        (
            "0,20,40 1 1 11 *",
            "America/New_York",
            (
                "On 1 November 2026, 01:00, 01:20 and 01:40 fire twice: "
                "the clock of America/New_York goes back from 02:00 to 01:00."
            ),
        ),
        (
            "0 9-17 * 9 SUN",
            "America/Santiago",
            (
                "On 6 September 2026, 9 times from 09:00 to 17:00 are skipped: "
                "Temporal takes the day for the day before, as it has no midnight "
                "(the clock of America/Santiago goes forward from 00:00 to 01:00)."
            ),
        ),
        (
            "30 1 * 10 *",
            "Europe/Berlin",
            (
                "On 25 October 2026, 02:30 fires too, without being named: "
                "the clock of Europe/Berlin goes back from 03:00 to 02:00."
            ),
        ),
        (
            "0 0 31 * *",
            "UTC",
            "February, April, June, September and November have no day 31: nothing fires for it then.",
        ),
        ("0 0 29 * *", "UTC", "February has no day 29 outside leap years: nothing fires for it then."),
    ],
)
def test_message(expression: str, zone: str, message: str) -> None:
    assert caveats(parse(expression), zone=zone, now=NOW)[0].message == message


SINCE = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("expressions", "excluded", "most", "found"),
    [
        (["* * * * *"], [], 1440, None),
        (["* * * * *", "0 * * * *"], [], 1439, (SINCE, 1440)),
        (["*/5 * * * *"], [], 287, (SINCE, 288)),
        (["*/5 * * * *"], [SINCE], 287, (date(2026, 11, 2), 288)),
        # A minute that two name is one fire, and only what is named on the same date counts together.
        (["0 * * * *", "0,30 * * * *"], [], 47, (SINCE, 48)),
        (["0 * 2 * *", "30 * 3 * *"], [], 24, None),
        (["0 * 2 * *", "30 * * * MON"], [], 24, (date(2026, 11, 2), 48)),
        (["*/15 9-17 1 * MON"], [], 35, (SINCE, 36)),
        # The horizon ends.
        (["0 * 29 2 *"], [], 23, None),
    ],
)
def test_busy_day(
    expressions: list[str], excluded: list[date], most: int, found: tuple[date, int] | None
) -> None:
    timetable = compile_timetable([parse(one) for one in expressions], zone="UTC", excluded_dates=excluded)
    assert busy_day(timetable, since=SINCE, until=date(2027, 11, 1), most=most) == found


def test_a_busy_day_is_looked_for_quickly_among_many_calendars() -> None:
    crons = [parse(f"*/2 {hour} 1W,7W,13W * *") for hour in range(10)]
    timetable = compile_timetable(crons, zone="UTC")
    assert len(timetable.calendars) > 50
    assert busy_day(timetable, since=SINCE, until=date(2027, 11, 1), most=299) == (date(2026, 11, 2), 300)


def test_a_time_without_a_zone_and_an_unknown_zone_are_errors() -> None:
    with pytest.raises(ValueError, match="time zone"):
        caveats(parse("@daily"), zone="UTC", now=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ZoneInfoNotFoundError):
        caveats(parse("@daily"), zone="Europe/Atlantis", now=NOW)

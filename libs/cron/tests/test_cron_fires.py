"""When Temporal fires, above all where clocks change. Every list here is also the real server's."""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from trigger_cron import Calendar, Range, compile_calendars, fire_times, parse


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fires(expression: str, *, zone: str, after: str, days: float) -> list[str]:
    """Return the local times, with their distance from UTC, of the days after a local time."""
    since = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    until = since.astimezone(UTC) + timedelta(days=days)
    found = fire_times(compile_calendars(parse(expression)), zone=zone, after=since)
    local = (time.astimezone(ZoneInfo(zone)) for time in takewhile(lambda time: time <= until, found))
    return [f"{time:%d %H:%M%z}" for time in local]


def first(
    expression: str, *, after: str, start_at: str | None = None, end_at: str | None = None
) -> list[str]:
    """Return up to three times in UTC."""
    found = fire_times(
        compile_calendars(parse(expression)),
        zone="UTC",
        after=at(after),
        start_at=at(start_at) if start_at else None,
        end_at=at(end_at) if end_at else None,
    )
    return [f"{time:%Y-%m-%dT%H:%M:%S}" for time in islice(found, 3)]


@pytest.mark.parametrize(
    ("zone", "after", "expression", "expected"),
    [
        # A skipped time does not fire, on either side of Greenwich.
        ("America/New_York", "2026-03-07T12:00", "30 2 * * *", ["09 02:30-0400"]),
        ("Europe/Berlin", "2026-03-28T12:00", "30 2 * * *", ["30 02:30+0200"]),
        ("Europe/Dublin", "2026-03-28T12:00", "30 1 * * *", ["30 01:30+0100"]),
        ("Pacific/Auckland", "2026-09-26T12:00", "30 2 * * *", ["28 02:30+1300"]),
        ("Pacific/Chatham", "2026-09-26T12:00", "50 2 * * *", ["28 02:50+1345"]),
        ("Antarctica/Troll", "2026-03-28T12:00", "30 1,2 * * *", ["30 01:30+0200", "30 02:30+0200"]),
        ("America/Havana", "2026-03-07T12:00", "0 0 * * *", ["09 00:00-0400"]),
        ("Africa/Cairo", "2026-04-23T12:00", "30 0 * * *", ["25 00:30+0300"]),
        # But a skipped half hour fires half an hour late, for its hour exists.
        ("Australia/Lord_Howe", "2026-10-03T12:00", "15 2 * * *", ["04 02:45+1100", "05 02:15+1100"]),
        # A repeated time fires twice in the west,
        (
            "America/New_York",
            "2026-10-31T12:00",
            "30 1 * * *",
            ["01 01:30-0400", "01 01:30-0500", "02 01:30-0500"],
        ),
        (
            "America/Havana",
            "2025-11-01T12:00",
            "30 0 * * *",
            ["02 00:30-0400", "02 00:30-0500", "03 00:30-0500"],
        ),
        (
            "America/Santiago",
            "2026-04-04T12:00",
            "30 23 * * *",
            ["04 23:30-0300", "04 23:30-0400", "05 23:30-0400"],
        ),
        # elsewhere once, at the second pass,
        ("Europe/Berlin", "2026-10-24T12:00", "30 2 * * *", ["25 02:30+0100", "26 02:30+0100"]),
        ("Europe/Dublin", "2026-10-24T12:00", "30 1 * * *", ["25 01:30+0000", "26 01:30+0000"]),
        ("Pacific/Auckland", "2026-04-04T12:00", "30 2 * * *", ["05 02:30+1200", "06 02:30+1200"]),
        ("Pacific/Chatham", "2026-04-04T12:00", "50 2 * * *", ["05 02:50+1245", "06 02:50+1245"]),
        ("Africa/Cairo", "2026-10-29T12:00", "30 23 * * *", ["29 23:30+0200", "30 23:30+0200"]),
        ("Antarctica/Troll", "2026-10-24T12:00", "30 2 * * *", ["25 02:30+0000", "26 02:30+0000"]),
        # while the hour before it fires again one hour later.
        (
            "Europe/Berlin",
            "2026-10-24T12:00",
            "30 1 * * *",
            ["25 01:30+0200", "25 02:30+0200", "26 01:30+0100"],
        ),
        (
            "Europe/Dublin",
            "2026-10-24T12:00",
            "30 0 * * *",
            ["25 00:30+0100", "25 01:30+0100", "26 00:30+0000"],
        ),
        (
            "Pacific/Auckland",
            "2026-04-04T12:00",
            "30 1 * * *",
            ["05 01:30+1300", "05 02:30+1300", "06 01:30+1200"],
        ),
        (
            "Pacific/Chatham",
            "2026-04-04T12:00",
            "30 2 * * *",
            ["05 02:30+1345", "05 03:30+1345", "06 02:30+1245"],
        ),
        (
            "Africa/Cairo",
            "2026-10-29T12:00",
            "30 22 * * *",
            ["29 22:30+0300", "29 23:30+0300", "30 22:30+0200"],
        ),
        (
            "Antarctica/Troll",
            "2026-10-24T12:00",
            "30 0 * * *",
            ["25 00:30+0200", "25 01:30+0200", "26 00:30+0000"],
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04T12:00",
            "15 1 * * *",
            ["05 01:15+1100", "05 01:45+1030", "06 01:15+1030"],
        ),
    ],
)
def test_clock_change(zone: str, after: str, expression: str, expected: list[str]) -> None:
    assert fires(expression, zone=zone, after=after, days=2) == expected


def test_where_midnight_is_skipped_its_weekday_is_the_day_before_in_the_west() -> None:
    assert fires("0 9 * * SUN", zone="America/Santiago", after="2026-09-05T00:00", days=10) == [
        "13 09:00-0300"
    ]
    assert fires("0 9 * * SAT", zone="America/Santiago", after="2026-09-05T00:00", days=6) == [
        "05 09:00-0400",
        "06 09:00-0300",
    ]
    assert fires("0 9 * * THU", zone="Africa/Cairo", after="2026-04-23T00:00", days=6) == ["23 09:00+0200"]


def test_every_minute_pauses_in_berlin_when_the_clock_goes_back() -> None:
    assert fires("* * * * *", zone="Europe/Berlin", after="2026-10-25T01:58", days=3 / 24)[:5] == [
        "25 01:59+0200",
        "25 02:00+0200",
        "25 02:01+0100",
        "25 03:02+0100",
        "25 03:03+0100",
    ]


def test_a_zone_without_changes_fires_by_the_clock() -> None:
    start = datetime(2027, 12, 30, 3, 7, 30, tzinfo=ZoneInfo("Asia/Kolkata"))
    minutes = [start.replace(second=0) + timedelta(minutes=n) for n in range(1, 8 * 24 * 60)]
    matching = [
        minute
        for minute in minutes
        if minute.minute % 20 == 5
        and minute.hour in (0, 9, 23)
        and (minute.day == 1 or minute.weekday() == 4)
    ]
    found = fire_times(
        compile_calendars(parse("5/20 0,9,23 1 * FRI")), zone=ZoneInfo("Asia/Kolkata"), after=start
    )
    assert list(islice(found, len(matching))) == matching
    assert len(matching) == 21


def test_leap_years_and_month_ends() -> None:
    assert first("0 0 29 2 *", after="2026-01-01T00:00") == [
        "2028-02-29T00:00:00",
        "2032-02-29T00:00:00",
        "2036-02-29T00:00:00",
    ]
    assert first("0 0 31 * *", after="2026-01-31T00:00") == [
        "2026-03-31T00:00:00",
        "2026-05-31T00:00:00",
        "2026-07-31T00:00:00",
    ]


def test_seconds_of_a_calendar() -> None:
    every = (Range(0, 59, 1),)
    calendar = Calendar(
        second=(Range(10, 50, 40),),
        minute=every,
        hour=(Range(0, 23, 1),),
        day_of_month=(Range(1, 31, 1),),
        month=(Range(1, 12, 1),),
        day_of_week=(Range(0, 6, 1),),
    )
    found = fire_times([calendar], zone="UTC", after=at("2026-12-31T23:59:10"))
    assert list(islice(found, 2)) == [at("2026-12-31T23:59:50"), at("2027-01-01T00:00:10")]


def test_times_are_strictly_after() -> None:
    assert first("0 * * * *", after="2026-01-01T10:00:00")[0] == "2026-01-01T11:00:00"
    assert first("0 * * * *", after="2026-01-01T09:59:59.999")[0] == "2026-01-01T10:00:00"
    assert first("0 * * * *", after="2026-01-01T10:00:00.001")[0] == "2026-01-01T11:00:00"


def test_the_start_and_the_end_may_fire_and_fractions_of_the_start_do_not_count() -> None:
    hours = ["2026-01-01T10:00:00", "2026-01-01T11:00:00", "2026-01-01T12:00:00"]
    window = {"after": "2025-12-01T00:00", "end_at": hours[2]}
    assert first("0 * * * *", start_at=hours[0], **window) == hours
    assert first("0 * * * *", start_at="2026-01-01T10:00:00.500", **window) == hours
    assert first("0 * * * *", start_at="2026-01-01T10:00:01", **window) == hours[1:]
    assert first("0 * * * *", after=hours[0], end_at="2026-01-01T11:59:59.999") == hours[1:2]
    assert first("0 * * * *", after=hours[0], start_at="2020-01-01T00:00") == [
        *hours[1:],
        "2026-01-01T13:00:00",
    ]
    assert first("0 * * * *", after=hours[0], end_at=hours[0]) == []


def test_nothing_fires_before_1970_or_after_2100() -> None:
    assert first("0 0 * * *", after="1912-06-23T00:00")[0] == "1970-01-01T00:00:00"
    assert first("0 0 * * *", after="2100-12-30T00:00") == ["2100-12-31T00:00:00"]
    assert first("0 0 * * *", after="9999-12-31T00:00") == []
    # In New York the last evening of 2100 is in 2101 of UTC, which counts too.
    assert fires("0 18-23 * * *", zone="America/New_York", after="2100-12-31T00:00", days=1) == [
        "31 18:00-0500"
    ]


def test_without_dates_nothing_fires() -> None:
    never, _ = compile_calendars(parse("0 0 31 2 MON"))
    assert never.day_of_month == (Range(31, 31, 1),)
    assert list(fire_times([never], zone="UTC", after=at("2026-01-01"))) == []
    assert list(fire_times([], zone="UTC", after=at("2026-01-01"))) == []


def test_where_a_day_was_left_out_the_search_is_stuck() -> None:
    # 30 December 2011; Temporal returns the day before again and again.
    found = fire_times(
        compile_calendars(parse("0 0 * * *")), zone="Pacific/Apia", after=at("2011-12-28T00:00")
    )
    assert [f"{time:%d %H:%M}" for time in found] == ["28 10:00", "29 10:00"]


def test_errors_are_reported_at_once() -> None:
    calendars = compile_calendars(parse("@daily"))
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        fire_times(calendars, zone="UTC", after=naive)
    with pytest.raises(ValueError, match="time zone"):
        fire_times(calendars, zone="UTC", after=at("2026-01-01"), end_at=naive)
    with pytest.raises(ZoneInfoNotFoundError):
        fire_times(calendars, zone="Europe/Atlantis", after=at("2026-01-01"))


EDGES = [
    *[("Europe/Berlin", "2027-03-28"), ("Europe/Berlin", "2026-10-25"), ("America/New_York", "2027-03-14")],
    *[("America/New_York", "2026-11-01"), ("Australia/Lord_Howe", "2027-04-04"), ("UTC", "2027-01-01")],
    *[("Australia/Lord_Howe", "2026-10-04"), ("America/Santiago", "2026-09-06"), ("UTC", "2028-02-29")],
    *[("Africa/Casablanca", "2027-02-07"), ("America/Havana", "2026-11-01"), ("Asia/Kolkata", "2026-12-31")],
    *[("Antarctica/Troll", "2027-03-28"), ("Pacific/Apia", "2011-12-30"), ("Africa/Monrovia", "2100-12-30")],
]


def whole_day(day: datetime, *, hours: Range) -> Calendar:
    """Return these hours of one day."""
    return Calendar(
        second=(Range(0, 59, 1),),
        minute=(Range(0, 59, 1),),
        hour=(hours,),
        day_of_month=(Range(day.day, day.day, 1),),
        month=(Range(day.month, day.month, 1),),
        day_of_week=(Range(0, 6, 1),),
        year=(Range(day.year, day.year, 1),),
    )


@pytest.mark.parametrize(("zone", "about"), EDGES)
@pytest.mark.parametrize("expression", ["*/20 * * * *", "30 2 * * *", "15,45 22-23,0-4 * * *", "0 0 * * MON"])
@pytest.mark.parametrize("pattern", ["X", "X.X", "XXXX"])
def test_passing_over_an_excluded_day_at_once_finds_what_the_server_finds_step_by_step(
    zone: str, about: str, expression: str, pattern: str
) -> None:
    """A day that is excluded in two halves is gone through as the server does it."""
    middle = datetime.fromisoformat(about)
    after = (middle - timedelta(days=4, hours=-1)).replace(tzinfo=UTC)

    def times(excluded: list[Calendar]) -> list[datetime]:
        found = fire_times(compile_calendars(parse(expression)), zone=zone, after=after, excluded=excluded)
        return list(takewhile(lambda time: time < after + timedelta(days=14), found))

    for first in range(-2, 2):
        days = [middle + timedelta(days=first + number) for number, sign in enumerate(pattern) if sign == "X"]
        at_once = [whole_day(day, hours=Range(0, 23, 1)) for day in days]
        halves = [whole_day(day, hours=half) for day in days for half in (Range(0, 11, 1), Range(12, 23, 1))]
        assert times(at_once) == times(halves), first

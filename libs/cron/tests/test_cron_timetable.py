"""Several expressions, excluded dates, and the policy ``shift``."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from trigger_contracts.config import DstPolicy
from trigger_cron import (
    CaveatKind,
    ExclusionError,
    Timetable,
    TimetableError,
    caveats,
    compile_calendars,
    compile_timetable,
    fire_times,
    parse,
)


def fires(timetable: Timetable, *, zone: str, after: str, days: float) -> list[str]:
    """Return the local times, with their distance from UTC, of the days after a local time."""
    since = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    until = since.astimezone(UTC) + timedelta(days=days)
    found = fire_times(timetable.calendars, zone=zone, after=since, excluded=timetable.excluded)
    local = (time.astimezone(ZoneInfo(zone)) for time in takewhile(lambda time: time <= until, found))
    return [f"{time:%d %H:%M%z}" for time in local]


def shifted(*expressions: str, zone: str) -> Timetable:
    return compile_timetable(
        [parse(expression) for expression in expressions], zone=zone, dst_policy=DstPolicy.SHIFT
    )


def test_one_expression_without_options_is_its_calendars() -> None:
    cron = parse("0 0 13 * FRI")
    assert compile_timetable([cron], zone="UTC") == Timetable(calendars=compile_calendars(cron))


def test_a_minute_of_several_expressions_fires_once() -> None:
    both = compile_timetable([parse("0 9 * * *"), parse("0 9,17 * * MON"), parse("0 9 * * *")], zone="UTC")
    assert len(both.calendars) == 2
    # 5 January 2026 is a Monday.
    assert fires(both, zone="UTC", after="2026-01-04T12:00", days=2) == [
        "05 09:00+0000",
        "05 17:00+0000",
        "06 09:00+0000",
    ]


def test_excluded_dates_are_those_of_the_zone() -> None:
    tokyo = compile_timetable(
        [parse("0 1,23 * * *")],
        zone="Asia/Tokyo",
        excluded_dates=[date(2026, 1, 2), date(2026, 1, 2), date(2027, 1, 2), date(2026, 1, 4)],
    )
    assert fires(tokyo, zone="Asia/Tokyo", after="2026-01-01T12:00", days=3) == [
        "01 23:00+0900",
        "03 01:00+0900",
        "03 23:00+0900",
    ]
    assert fires(tokyo, zone="Asia/Tokyo", after="2027-01-01T12:00", days=1.5) == ["01 23:00+0900"]
    assert len(tokyo.excluded) == 2, "the same days of several years are one calendar"


@pytest.mark.parametrize(
    ("zone", "after", "expression", "expected"),
    [
        ("America/New_York", "2026-03-07T12:00", "30 2 * * *", ["08 03:00-0400", "09 02:30-0400"]),
        # Once for all of the gap, also where that is named itself.
        ("America/New_York", "2026-03-07T12:00", "0,30 2,3 8 * *", ["08 03:00-0400", "08 03:30-0400"]),
        ("Europe/Berlin", "2026-03-28T12:00", "30 2 * * *", ["29 03:00+0200", "30 02:30+0200"]),
        # The half hour that Temporal fires late is taken back.
        ("Australia/Lord_Howe", "2026-10-03T12:00", "15 2 * * *", ["04 02:30+1100", "05 02:15+1100"]),
        ("America/Santiago", "2026-09-05T12:00", "0 0 * * *", ["06 01:00-0300", "07 00:00-0300"]),
        # Not the weekday of the day before, though midnight is missing.
        ("America/Santiago", "2026-09-05T12:00", "0 9 * * SUN", ["06 09:00-0300"]),
        ("America/Santiago", "2026-09-05T12:00", "0 9 * * SAT", []),
        # A repeated time fires once, and no other time with it.
        ("Europe/Berlin", "2026-10-24T12:00", "30 2 * * *", ["25 02:30+0100", "26 02:30+0100"]),
        ("Europe/Berlin", "2026-10-24T12:00", "30 1 * * *", ["25 01:30+0200", "26 01:30+0100"]),
        # Meant by the hour.
        (
            "Europe/Berlin",
            "2026-03-29T00:30",
            "30 * * * *",
            [
                "29 01:30+0100",
                *(f"29 {hour:02}:30+0200" for hour in range(3, 24)),
                "30 00:30+0200",
                "30 01:30+0200",
            ],
        ),
        ("Asia/Kolkata", "2026-03-28T12:00", "30 2 * * *", ["29 02:30+0530", "30 02:30+0530"]),
    ],
)
def test_shift(zone: str, after: str, expression: str, expected: list[str]) -> None:
    days = 1.0 if expression.split()[1] == "*" else 2.0
    assert fires(shifted(expression, zone=zone), zone=zone, after=after, days=days) == expected


def test_shift_is_about_all_expressions_together() -> None:
    # 02:30, which Temporal fires too for 01:30, is named by the other one.
    both = shifted("30 1 * * *", "30 2 * * *", zone="Europe/Berlin")
    assert fires(both, zone="Europe/Berlin", after="2026-10-24T12:00", days=1) == [
        "25 01:30+0200",
        "25 02:30+0200",
    ]
    hourly = shifted("30 2 * * *", "15 * * * *", zone="America/New_York")
    assert fires(hourly, zone="America/New_York", after="2026-03-08T00:20", days=3 / 24) == [
        "08 01:15-0500",
        "08 03:00-0400",
        "08 03:15-0400",
        "08 04:15-0400",
    ]


def test_shift_holds_until_the_last_year() -> None:
    berlin = shifted("30 2 * * *", zone="Europe/Berlin")
    assert len(berlin.calendars) == 8, "one for each date on which the clock can change"
    assert fires(berlin, zone="Europe/Berlin", after="2099-03-28T12:00", days=1) == ["29 03:00+0200"]


def test_shift_with_an_excluded_date() -> None:
    found = compile_timetable(
        [parse("30 2 * * *")],
        zone="Europe/Berlin",
        excluded_dates=[date(2026, 3, 29)],
        dst_policy=DstPolicy.SHIFT,
    )
    assert fires(found, zone="Europe/Berlin", after="2026-03-28T12:00", days=2) == ["30 02:30+0200"]


@pytest.mark.parametrize(
    ("expression", "zone", "reason"),
    [
        (
            "0,30 1 * * *",
            "America/New_York",
            (
                "01:00 comes twice when the clock of America/New_York goes back,"
                " and a calendar cannot tell the second time from the first:"
                " dstPolicy 'once' fires it when both are over"
            ),
        ),
        (
            "*/5 2 * * *",
            "Europe/Berlin",
            (
                "Temporal's calendars cannot express the policy 'shift' for all of these times"
                " when the clock of Europe/Berlin goes back"
            ),
        ),
    ],
)
def test_what_cannot_be_shifted_is_refused(expression: str, zone: str, reason: str) -> None:
    with pytest.raises(TimetableError) as caught:
        shifted(expression, zone=zone)
    assert caught.value.reason == str(caught.value) == reason


def test_what_takes_too_long_to_work_out_is_refused() -> None:
    crons = [parse("* 0-22 * * *"), parse("* 0-21 * * *"), parse("* 1-22 * * *")]
    with pytest.raises(TimetableError, match="too much fires when the clock changes in Europe/Berlin"):
        compile_timetable(crons, zone="Europe/Berlin", dst_policy=DstPolicy.SHIFT)
    assert compile_timetable(crons, zone="Europe/Berlin").calendars, "nothing has to be worked out for that"


def test_many_corrections_are_worked_out_near_their_dates_only() -> None:
    """Gaza changes its clock about Ramadan, each year on other dates: a calendar for each of them."""
    crons = [parse("* 4-20 * * *"), parse("30 1-23 * * *")]
    found = compile_timetable(crons, zone="Asia/Gaza", dst_policy=DstPolicy.SHIFT)
    assert len(found.calendars) > 40
    assert fires(found, zone="Asia/Gaza", after="2027-03-26T22:45", days=0.17) == fires(
        compile_timetable([parse("30 1-23 * * *")], zone="Asia/Gaza", dst_policy=DstPolicy.SHIFT),
        zone="Asia/Gaza",
        after="2027-03-26T22:45",
        days=0.17,
    )


def test_what_is_to_be_known_of_a_shift() -> None:
    now = datetime(2026, 1, 15, tzinfo=UTC)

    def kinds(expression: str, *, zone: str) -> list[tuple[CaveatKind, str]]:
        found = caveats(parse(expression), zone=zone, now=now, dst_policy=DstPolicy.SHIFT)
        return [(caveat.kind, f"{caveat.date}") for caveat in found]

    assert kinds("30 2 * * *", zone="Europe/Berlin") == [
        (CaveatKind.SHIFTED, "2026-03-29"),
        (CaveatKind.SHIFTED, "2027-03-28"),
    ]
    assert kinds("30 1 * * *", zone="Europe/Berlin") == []
    assert kinds("30 * * * *", zone="Europe/Berlin") == [
        (CaveatKind.PAUSED, "2026-10-25"),
        (CaveatKind.PAUSED, "2027-10-31"),
    ]


def test_an_unknown_zone() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        shifted("@daily", zone="Europe/Atlantis")


def test_too_many_calendars() -> None:
    every = parse(f"0 0 {','.join(f'{day}W' for day in range(1, 32))} * *")
    assert len(compile_timetable([every], zone="UTC").calendars) < 100
    several = [parse(f"{minute} 0 {','.join(f'{day}W' for day in range(1, 32))} * *") for minute in range(6)]
    with pytest.raises(TimetableError, match="calendars in Temporal, over 500"):
        compile_timetable(several, zone="UTC")


YEAR = [date(2027, 1, 1) + timedelta(days=number) for number in range(366)]


def test_what_takes_the_server_too_long_to_pass_over_is_refused() -> None:
    minutely = [parse("* * * * *")]
    assert compile_timetable(minutely, zone="UTC", excluded_dates=YEAR).excluded
    twice = [*minutely, parse("0 0 1 * *")]
    reason = "366 excluded dates in a row, with up to 1440 fires each, are too much to be passed over in 2 "
    with pytest.raises(ExclusionError, match=reason):
        compile_timetable(twice, zone="UTC", excluded_dates=YEAR)
    assert compile_timetable(twice, zone="UTC", excluded_dates=YEAR[:190]).excluded
    many = [parse(f"{hour} 9-17 {hour}W * MON#1") for hour in range(1, 11)]
    assert compile_timetable(many, zone="UTC", excluded_dates=YEAR[:30]).excluded
    # A date that comes twice is excluded once.
    assert compile_timetable(twice, zone="UTC", excluded_dates=[*YEAR[:190], *YEAR[:190]]).excluded


def test_what_is_passed_over_in_the_calendars_of_a_shift_counts_as_well() -> None:
    crons = [parse("* 4-20 * * *"), parse("30 1-23 * * *")]

    def shifted_without(days: int) -> Timetable:
        return compile_timetable(
            crons, zone="Asia/Gaza", excluded_dates=YEAR[:days], dst_policy=DstPolicy.SHIFT
        )

    with pytest.raises(ExclusionError, match=r"in \d\d calendars"):
        shifted_without(263)
    assert shifted_without(7).excluded


def test_only_dates_in_a_row_are_passed_over_one_after_the_other() -> None:
    twice = [parse("* * * * *"), parse("0 0 1 * *")]
    assert compile_timetable(twice, zone="UTC", excluded_dates=YEAR[::2]).excluded
    # What does not fire between them leaves them in a row.
    weekly = [parse("* * * * MON"), parse("1 1 * * MON")]
    mondays = [date(2027, 1, 4) + timedelta(days=7 * number) for number in range(366)]
    with pytest.raises(ExclusionError, match="366 excluded dates in a row"):
        compile_timetable(weekly, zone="UTC", excluded_dates=mondays)
    assert compile_timetable(weekly, zone="UTC", excluded_dates=mondays[:100] + mondays[101:200]).excluded
    yearly = [parse("* * 1-5 1 *"), parse("2 2 1-5 1 *")]
    days = [date(year, 1, day) for year in range(2027, 2100) for day in range(1, 6)]
    with pytest.raises(ExclusionError, match="365 excluded dates in a row"):
        compile_timetable(yearly, zone="UTC", excluded_dates=days)

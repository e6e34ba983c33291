"""The policies for changes of the clock: each does what it says, or is refused and says why."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from trigger_contracts.config import DstPolicy
from trigger_cron import (
    CaveatKind,
    Timetable,
    TimetableError,
    caveats,
    compile_calendars,
    compile_timetable,
    fire_times,
    parse,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def compiled(expression: str, *, zone: str, policy: DstPolicy) -> Timetable:
    return compile_timetable([parse(expression)], zone=zone, dst_policy=policy)


def fires(found: Timetable, *, zone: str, first: str, days: int) -> list[str]:
    """Return the local times from a date's midnight on."""
    after = datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone))
    until = after + timedelta(days=days)
    times = fire_times(found.calendars, excluded=found.excluded, zone=zone, after=after)
    local = (time.astimezone(ZoneInfo(zone)) for time in takewhile(lambda time: time < until, times))
    return [f"{time:%d %H:%M%z}" for time in local]


def known(expression: str, *, zone: str, policy: DstPolicy = DstPolicy.LITERAL) -> list[tuple[str, str]]:
    found = caveats(parse(expression), zone=zone, now=NOW, dst_policy=policy)
    return [(caveat.kind.value, caveat.message) for caveat in found]


@pytest.mark.parametrize("policy", [DstPolicy.SHIFT, DstPolicy.ONCE])
@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("*/15 * * * *", "Europe/Berlin"),
        ("* * * * *", "Europe/Berlin"),
        ("*/5 * * * *", "Europe/London"),
        ("*/10 * * * *", "Australia/Sydney"),
        ("0,30 * * * SUN", "America/New_York"),
        ("1-59/7 */1 * * *", "America/Havana"),
    ],
)
def test_a_policy_that_cannot_keep_an_interval_is_refused_with_the_reason(
    expression: str, zone: str, policy: DstPolicy
) -> None:
    with pytest.raises(TimetableError) as refusal:
        compiled(expression, zone=zone, policy=policy)
    assert f"'{policy.value}'" in str(refusal.value)
    assert "use 'literal'" in str(refusal.value)
    assert "fewer expressions" not in str(refusal.value)


@pytest.mark.parametrize("policy", DstPolicy)
def test_where_the_clock_is_never_changed_each_policy_is_the_same(policy: DstPolicy) -> None:
    for expression in ("*/15 * * * *", "30 1 * * *"):
        assert compiled(expression, zone="Asia/Kolkata", policy=policy) == Timetable(
            calendars=compile_calendars(parse(expression))
        )


@pytest.mark.parametrize(
    ("expression", "zone", "minutes"),
    [
        ("*/15 * * * *", "Europe/Berlin", 75),
        ("*/5 * * * *", "Europe/London", 65),
        ("*/10 * * * *", "Australia/Sydney", 70),
        ("* * * * *", "Europe/Berlin", 61),
        ("30 * * * *", "Europe/Berlin", 120),
        ("0 * * * *", "Pacific/Auckland", 120),
    ],
)
def test_an_interval_that_is_not_kept_is_warned_of(expression: str, zone: str, minutes: int) -> None:
    pauses = [message for kind, message in known(expression, zone=zone) if kind == "paused"]
    assert pauses
    assert all(f"nothing fires for {minutes} minutes after" in message for message in pauses)
    if expression.count("*") == 4 and "/" not in expression:
        assert known(expression, zone=zone, policy=DstPolicy.SHIFT) == known(expression, zone=zone)


@pytest.mark.parametrize(
    ("expression", "zone"),
    [("0 * * * *", "America/New_York"), ("30 * * * 1-5", "Europe/Berlin"), ("*/15 * * * *", "UTC")],
)
def test_an_interval_that_is_kept_is_not(expression: str, zone: str) -> None:
    assert known(expression, zone=zone) == []


@pytest.mark.parametrize(
    ("expression", "zone", "first", "expected"),
    [
        ("30 1 * * *", "America/New_York", "2027-11-06", ["06 01:30-0400", "07 02:00-0500"]),
        ("30 1 * * *", "America/Chicago", "2028-11-04", ["04 01:30-0500", "05 02:00-0600"]),
        ("30 23 * * *", "America/Santiago", "2027-04-03", ["04 00:00-0400", "04 23:30-0400"]),
        ("30 0 * * *", "Atlantic/Azores", "2027-10-30", ["30 00:30+0000", "31 01:00-0100"]),
        # What fires after the second pass fires there once, whatever else is named.
        ("0,30 1,2 7 * *", "America/New_York", "2027-11-06", ["07 02:00-0500", "07 02:30-0500"]),
        # Elsewhere Temporal fires one pass by itself, and an hour that is not named.
        ("30 2 * * *", "Europe/Berlin", "2027-10-30", ["30 02:30+0200", "31 02:30+0100"]),
        ("30 1 * * *", "Europe/Berlin", "2027-10-30", ["30 01:30+0200", "31 01:30+0200"]),
        # What is skipped does not fire.
        ("30 2 * * *", "America/New_York", "2027-03-13", ["13 02:30-0500"]),
        ("30 2 * * *", "Europe/Berlin", "2027-03-27", ["27 02:30+0100"]),
    ],
)
def test_once_fires_each_named_time_once_at_most(
    expression: str, zone: str, first: str, expected: list[str]
) -> None:
    found = compiled(expression, zone=zone, policy=DstPolicy.ONCE)
    assert fires(found, zone=zone, first=first, days=2) == expected


@pytest.mark.parametrize("zone", ["America/New_York", "America/Santiago", "Europe/London", "Atlantic/Azores"])
def test_once_fires_daily_up_to_the_last_year(zone: str) -> None:
    """A day may lack the time where it is skipped, and one of midnight can belong to the day before."""
    found = compiled("30 23,0,1 * * *", zone=zone, policy=DstPolicy.ONCE)
    after = datetime(2027, 1, 1, tzinfo=UTC)
    times = takewhile(
        lambda time: time.year < 2100,
        fire_times(found.calendars, excluded=found.excluded, zone=zone, after=after),
    )
    local = Counter(time.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for time in times)
    assert len(local) > 3 * 365 * 72
    assert set(local.values()) == {1}


def test_what_once_postpones_and_skips_is_known() -> None:
    found = known("30 1 * * *", zone="America/New_York", policy=DstPolicy.ONCE)
    assert [kind for kind, _ in found] == ["postponed", "postponed"]
    assert found[0][1] == (
        "On 7 November 2027, 01:30 fires once, when its second pass is over:"
        " the clock of America/New_York goes back from 02:00 to 01:00."
    )
    skipped = known("30 2 * * *", zone="America/New_York", policy=DstPolicy.ONCE)
    assert [kind for kind, _ in skipped] == ["skipped", "skipped"]
    assert known("30 1 * * *", zone="Europe/Berlin", policy=DstPolicy.ONCE) == []


def test_a_refusal_of_shift_names_the_policy_that_can_and_no_day_that_is_over() -> None:
    with pytest.raises(TimetableError) as refusal:
        compiled("30 1 * * *", zone="America/New_York", policy=DstPolicy.SHIFT)
    assert "dstPolicy 'once'" in str(refusal.value)
    assert "2026" not in str(refusal.value)


@pytest.mark.parametrize(
    ("expression", "zone", "kind"),
    [
        ("0 9 * * SUN", "America/Santiago", CaveatKind.SKIPPED),
        ("0 9 * * SAT", "America/Santiago", CaveatKind.EXTRA),
        ("0 9 * * SUN", "America/Havana", CaveatKind.SKIPPED),
        ("15 13 * * SAT", "America/Havana", CaveatKind.EXTRA),
        ("0 22 * * SUN", "Atlantic/Azores", CaveatKind.SKIPPED),
        ("0 9 * * SUN", "America/Asuncion", CaveatKind.SKIPPED),
    ],
)
def test_the_reason_is_true_where_a_day_has_no_midnight(expression: str, zone: str, kind: CaveatKind) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC) if zone == "America/Asuncion" else NOW - timedelta(days=365)
    found = [caveat for caveat in caveats(parse(expression), zone=zone, now=now) if caveat.kind is kind]
    assert found
    for caveat in found:
        assert "Temporal takes the day for the day before, as it has no midnight" in caveat.message
    repaired = compiled(expression, zone=zone, policy=DstPolicy.SHIFT)
    day = date(2027, 1, 1)
    assert repaired.calendars[0].has_date(day) is (day.strftime("%a").upper() in expression)


def test_a_time_that_is_skipped_itself_is_told_the_clock() -> None:
    for expression in ("30 0 * * *", "0 0 * * SUN"):
        found = [message for kind, message in known(expression, zone="America/Santiago") if kind == "skipped"]
        assert found
        assert all("is skipped: the clock of America/Santiago goes forward" in message for message in found)

"""On a real Temporal server: what ``fire_times`` foretells is what the server itself lists."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from random import Random
from zoneinfo import ZoneInfo

import pytest
from croniter_oracle import as_croniter_has_it, classical_times
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from trigger_contracts.config import DstPolicy
from trigger_cron import (
    Calendar,
    CronError,
    Range,
    Timetable,
    TimetableError,
    compile_timetable,
    fire_times,
    parse,
)
from trigger_cron.zone_clock import ZoneClock

pytestmark = pytest.mark.integration

CASES = 2000
AT_ONCE = 16
"""Schedules; the server makes about 100 a second, however many are asked for at once."""
MOST_LISTED = 1000
"""Times in one answer of ListScheduleMatchingTimes."""
COMPARED = 100
"""Times of one window at most."""
CALENDARS = (datetime(2000, 1, 2, tzinfo=UTC), datetime(2100, 12, 30, tzinfo=UTC))
"""Temporal's calendars have the years from 2000 to 2100."""

ZONES = [
    *("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata") * 4,
    *("America/Santiago", "America/Havana", "Pacific/Auckland", "Europe/Dublin", "Europe/London") * 2,
    *("Antarctica/Troll", "Pacific/Chatham", "Africa/Cairo", "Atlantic/Azores", "America/St_Johns") * 2,
    *("Africa/Casablanca", "America/Asuncion", "Asia/Beirut", "Asia/Tehran", "Asia/Kathmandu"),
    *("America/Nuuk", "America/Adak", "Africa/Monrovia", "Asia/Pyongyang", "Pacific/Kiritimati", "UTC"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An expression in a zone, and the window to look at."""

    expression: str
    timetable: Timetable = field(repr=False)
    zone: str
    after: datetime
    until: datetime
    start_at: datetime | None = None
    end_at: datetime | None = None
    policy: DstPolicy = DstPolicy.LITERAL
    is_plain: bool = False
    """Nothing but the expression, by Temporal's own policy."""

    def foretold(self) -> list[datetime]:
        fires = fire_times(
            self.timetable.calendars,
            zone=self.zone,
            after=self.after,
            start_at=self.start_at,
            end_at=self.end_at,
            excluded=self.timetable.excluded,
        )
        return list(islice(takewhile(lambda time: time <= self.until, fires), COMPARED))

    def schedule(self) -> Schedule:
        return Schedule(
            action=ScheduleActionStartWorkflow("nobody", id="nobody", task_queue="nobody"),
            spec=ScheduleSpec(
                calendars=[as_temporal(mine) for mine in self.timetable.calendars],
                skip=[as_temporal(mine) for mine in self.timetable.excluded],
                time_zone_name=self.zone,
                start_at=self.start_at,
                end_at=self.end_at,
            ),
            state=ScheduleState(paused=True),
        )


def as_temporal(mine: Calendar) -> ScheduleCalendarSpec:
    def ranges(of: tuple[Range, ...]) -> list[ScheduleRange]:
        return [ScheduleRange(r.start, r.end, r.step) for r in of]

    return ScheduleCalendarSpec(
        second=ranges(mine.second),
        minute=ranges(mine.minute),
        hour=ranges(mine.hour),
        day_of_month=ranges(mine.day_of_month),
        month=ranges(mine.month),
        day_of_week=ranges(mine.day_of_week),
        year=ranges(mine.year),
    )


def cases(random: Random) -> Iterator[Case]:
    while True:
        zone = random.choice(ZONES)
        clock = ZoneClock(ZoneInfo(zone))
        year = random.choice([random.randint(1971, 2099), random.randint(2024, 2030)])
        if zone == "America/St_Johns":
            # Until 2011 its clock went back from 00:01; there the computed search ends, and not the server's.
            year = max(year, 2012)
        first = datetime(year, 1, 1)  # noqa: DTZ001 - instants are naive there
        edges = list(clock.transitions(first, until=first + timedelta(days=366)))
        if edges and random.random() < 0.75:
            edge = random.choice(edges).instant
            before = random.choice([timedelta(minutes=100), timedelta(hours=9), timedelta(days=6)])
            after = edge - random.random() * before
            until = edge + timedelta(days=random.choice([9, 400]))
        else:
            edge = clock.instant(first + timedelta(minutes=random.randrange(366 * 24 * 60)))
            after = edge - timedelta(days=random.choice([1, 40]))
            until = after + timedelta(days=random.choice([3, 400, 4000]))
        text = expression(random, near=clock.wall(edge))
        # The 31st of February is refused, and what calendars cannot shift.
        with suppress(CronError, TimetableError):
            followed = policy(random) if edge.year >= 2026 else DstPolicy.LITERAL
            compiled = timetable(text, random=random, zone=zone, near=clock.wall(edge), dst_policy=followed)
            case = Case(
                expression=text,
                timetable=compiled,
                policy=followed,
                is_plain=compiled == compile_timetable([parse(text)], zone=zone),
                zone=zone,
                after=after.replace(microsecond=0, tzinfo=UTC),
                until=until.replace(microsecond=0, tzinfo=UTC),
            )
            yield limited(case, random=random)


def timetable(text: str, *, random: Random, zone: str, near: datetime, dst_policy: DstPolicy) -> Timetable:
    """Give some cases a second expression, and some of them excluded dates."""
    texts = [text, expression(random, near=near)] if random.random() < 0.1 else [text]
    aside = [-1, 0, 0, 1, 30] if random.random() < 0.2 else []
    return compile_timetable(
        [parse(one) for one in texts],
        zone=zone,
        excluded_dates=[(near + timedelta(days=days)).date() for days in aside],
        dst_policy=dst_policy,
    )


def policy(random: Random) -> DstPolicy:
    """Return another policy for few cases: each takes some tenths of a second to compute."""
    chance = random.random()
    return DstPolicy.SHIFT if chance < 0.04 else DstPolicy.ONCE if chance < 0.08 else DstPolicy.LITERAL


def limited(case: Case, *, random: Random) -> Case:
    """Give some cases a start and an end of the schedule, also right at a fire."""
    if random.random() < 0.7 or len(fires := case.foretold()) < 4:
        return case
    aside = timedelta(seconds=random.choice([-1, -0.5, 0, 0, 0.5, 1]))
    start_at, end_at = fires[1] + aside, fires[-2] + aside
    return replace(
        case,
        start_at=random.choice([None, start_at]),
        end_at=random.choice([None, end_at]),
    )


def expression(random: Random, *, near: datetime) -> str:
    """Return an expression that likely names times about ``near``, a wall time."""
    hours = [(near.hour + shift) % 24 for shift in (-2, -1, -1, 0, 0, 1, 2)]
    days = [(near + timedelta(days=shift)).day for shift in (-1, 0, 0, 1)]
    weekdays = [(near + timedelta(days=shift)).isoweekday() % 7 for shift in (-1, 0, 0, 1)]

    def some(values: list[int]) -> str:
        return ",".join(map(str, random.choices(values, k=random.choice([1, 1, 2, 3]))))

    minute = random.choice(["*", "*/15", "0", "0", "30", "15", "45", "0,30", "1-59/7", some(list(range(60)))])
    hour = random.choice(["*", "*/2", "0", "0-3", "1-23/2", *[some(hours) for _ in range(7)]])
    day = random.choice(
        ["*", "*", "*", "*/2", "1", "29", "30", "31", "28-31", some(days), some(days), some([1, 13, 15, 31])]
    )
    if random.random() < 0.35:
        rule = ["L", "L", "LW", "LW", "1W", "15W", "28W", "29W", "30W", "31W", f"{random.choice(days)}W"]
        day = ",".join(random.choices([*rule, *map(str, days)], k=random.choice([1, 1, 2])))
    month = random.choice(["*", "*", "*", str(near.month), "2", "*/3", f"2,{near.month}", "4,6,9,11"])
    weekday = random.choice(["*", "*", "*/2", "1-5", "SAT-MON", some(weekdays), some(weekdays)])
    if random.random() < 0.35:
        nth = [
            f"{random.choice(weekdays)}#{random.choice([1, 2, 3, 4, 5, (near.day + 6) // 7])}" for _ in "12"
        ]
        lasts = [f"{random.choice(weekdays)}L" for _ in "12"]
        weekday = ",".join(random.choices([*nth, *lasts, "MON"], k=random.choice([1, 1, 2])))
    return f"{minute} {hour} {day} {month} {weekday}"


def timestamp(moment: datetime) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(moment)
    return result


async def listed(client: Client, *, schedule_id: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the times that the server names, the first MOST_LISTED of them."""
    answer = await client.workflow_service.list_schedule_matching_times(
        ListScheduleMatchingTimesRequest(
            namespace=client.namespace,
            schedule_id=schedule_id,
            start_time=timestamp(after),
            end_time=timestamp(until),
        )
    )
    return [time.ToDatetime(tzinfo=UTC) for time in answer.start_time]


def by_croniter(case: Case, *, until: datetime) -> list[datetime] | None:
    """Return what croniter says of a case up to ``until``; ``None`` where it has no such timetable."""
    written = as_croniter_has_it(case.expression)
    if not case.is_plain or written is None:
        return None
    after = case.after if case.start_at is None else max(case.after, case.start_at - timedelta(seconds=1))
    end = until if case.end_at is None else min(until, case.end_at)
    times = classical_times(written, after=after.astimezone(ZoneInfo(case.zone)))
    return list(takewhile(lambda time: time <= end, (time.astimezone(UTC) for time in times)))


def far_from_edges(times: list[datetime], *, zone: str) -> list[datetime]:
    """Leave out what is within a day of a change of the clock, and outside the calendars' years."""
    if not times:
        return []
    aside = timedelta(days=1)
    first, last = (moment.replace(tzinfo=None) for moment in (times[0] - aside, times[-1] + aside))
    edges = [
        edge.instant.replace(tzinfo=UTC) for edge in ZoneClock(ZoneInfo(zone)).transitions(first, until=last)
    ]
    begin, end = CALENDARS
    return [time for time in times if begin < time < end and all(abs(time - edge) > aside for edge in edges)]


@pytest.mark.timeout(300)
async def test_temporal_fires_when_computed(temporal_address: str) -> None:
    """And so does croniter, which is asked where it knows such a timetable and the clock is left alone."""
    client = await Client.connect(temporal_address)
    numbered = enumerate(islice(cases(Random(20261025)), CASES))
    fires, silent, ruled, wrong = 0, 0, 0, list[str]()
    seconded, seconded_fires = 0, 0
    policies: Counter[DstPolicy] = Counter()

    async def check() -> None:
        nonlocal fires, silent, ruled, seconded, seconded_fires
        for number, case in numbered:
            ours = case.foretold()
            until = ours[-1] if len(ours) == COMPARED else case.until
            schedule = await client.create_schedule(f"foretold-{number}", case.schedule())
            theirs = await listed(client, schedule_id=schedule.id, after=case.after, until=until)
            # A paused schedule wakes up at each of its times all the same.
            await schedule.delete()
            fires, silent = fires + len(theirs), silent + (not theirs)
            policies[case.policy] += 1
            ruled += bool(re.search("[LW#]", case.expression))
            if theirs != ours:
                wrong.append(f"{case}: theirs {set(theirs) - set(ours)}, ours {set(ours) - set(theirs)}")
            if (second := by_croniter(case, until=until)) is not None:
                far, others = (far_from_edges(times, zone=case.zone) for times in (ours, second))
                seconded, seconded_fires = seconded + 1, seconded_fires + len(far)
                if far != others:
                    wrong.append(f"{case}: croniter has {set(others) ^ set(far)} otherwise")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(check())
    assert not wrong, wrong[0]
    # The generator is worth something.
    assert fires > 10 * CASES
    assert silent < CASES / 4
    assert ruled > CASES / 3
    assert min(policies[policy] for policy in DstPolicy) > CASES / 200
    assert seconded > CASES / 3
    assert seconded_fires > 10 * CASES


async def test_temporal_is_stuck_where_a_day_was_left_out(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    case = Case(
        expression="@daily",
        timetable=compile_timetable([parse("@daily")], zone="Pacific/Apia"),
        zone="Pacific/Apia",
        after=datetime(2011, 12, 28, tzinfo=UTC),
        until=datetime(2012, 1, 31, tzinfo=UTC),
    )
    schedule = await client.create_schedule("foretold-stuck", case.schedule())
    theirs = await listed(client, schedule_id=schedule.id, after=case.after, until=case.until)
    await schedule.delete()
    assert len(theirs) == MOST_LISTED
    assert sorted(set(theirs)) == case.foretold()

"""What its author must know of a schedule at changes of the clock."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from trigger_contracts.config import DstPolicy
from trigger_cron.calendars import compile_calendars
from trigger_cron.clock_changes import expected_by, fired, named, window
from trigger_cron.cron import Cron
from trigger_cron.temporal_search import Timeline
from trigger_cron.zone_clock import Transition, ZoneClock

_HOURS_A_DAY: Final = 24
_SHOWN: Final = 3
"""Times that a message lists one by one."""


class CaveatKind(StrEnum):
    """What happens to the caveat's times."""

    SKIPPED = "skipped"
    """A local time that the expression names does not fire."""
    REPEATED = "repeated"
    """A local time that the expression names fires twice."""
    EXTRA = "extra"
    """A local time that the expression does not name fires."""
    SHIFTED = "shifted"
    """A local time that the clock skips fires later, by the policy ``shift``."""
    PAUSED = "paused"
    """Nothing fires for longer than the interval of an expression for every hour."""
    POSTPONED = "postponed"
    """A local time that comes twice fires when both are over, by the policy ``once``."""
    MISSING_DAY = "missing_day"
    """A month lacks the day."""


_VERBS: Final = {
    CaveatKind.SKIPPED: ("is skipped", "are skipped"),
    CaveatKind.REPEATED: ("fires twice", "fire twice"),
    CaveatKind.EXTRA: ("fires too, without being named", "fire too, without being named"),
    CaveatKind.POSTPONED: (
        "fires once, when its second pass is over",
        "fire once, when their second pass is over",
    ),
    CaveatKind.SHIFTED: ("fires when the gap is over", "fire once, when the gap is over"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """One thing to know. ``message`` is for the author of the expression."""

    kind: CaveatKind
    date: date
    """Of the zone; for a missing day the last day of the first month that lacks it."""
    local_time: time | None
    """The first such time of that date, by the zone's clock; ``None`` for a missing day."""
    count: int
    """Such times on that date; for a missing day, such months before the horizon."""
    message: str


def clock_caveats(
    cron: Cron, *, zone: ZoneInfo, now: datetime, until: datetime, dst_policy: DstPolicy
) -> Iterator[Caveat]:
    """Yield the caveats of the changes from ``now`` to ``until``; see ``caveats``."""
    clock = ZoneClock(zone)
    since = _naive(now)
    calendars = compile_calendars(cron)
    timeline = Timeline(calendars, clock=clock)
    is_hourly = len(cron.hours) == _HOURS_A_DAY
    for transition in clock.transitions(
        since, until=until.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    ):
        change = _Change(transition, clock=clock, name=f"{zone}")
        first, end = window(transition, clock=clock)
        expected = named(calendars, first=first, end=end)
        instants = list(fired(timeline, first=first, end=end))
        if is_hourly:
            yield from _pauses(cron, instants=instants, expected=expected, change=change)
        elif dst_policy is DstPolicy.SHIFT:
            shifted = [wall for wall in expected if not clock.shows(wall)]
            yield from _by_date(CaveatKind.SHIFTED, wall_times=shifted, change=change)
            continue
        elif dst_policy is DstPolicy.ONCE:
            skipped = [wall for wall in expected if not clock.shows(wall)]
            postponed = [wall for wall in expected if change.is_postponed(wall, actual=instants)]
            yield from _by_date(CaveatKind.SKIPPED, wall_times=skipped, change=change)
            yield from _by_date(CaveatKind.POSTPONED, wall_times=postponed, change=change)
            continue
        wall_times = Counter(clock.wall(instant) for instant in instants)
        skipped = [wall for wall in expected if not wall_times[wall]]
        repeated = [wall for wall in expected if wall_times[wall] > 1]
        if is_hourly:
            skipped, repeated = [wall for wall in skipped if clock.shows(wall)], []
        yield from _by_date(CaveatKind.SKIPPED, wall_times=skipped, change=change)
        yield from _by_date(CaveatKind.REPEATED, wall_times=repeated, change=change)
        yield from _by_date(CaveatKind.EXTRA, wall_times=wall_times.keys() - expected, change=change)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)


class _Change:
    """A change of the clock, as its caveats give it for a reason."""

    def __init__(self, transition: Transition, *, clock: ZoneClock, name: str) -> None:
        self._transition = transition
        self._clock = clock
        direction = "forward" if transition.after > transition.before else "back"
        before, after = transition.wall_before, transition.wall_after
        self.text = f"the clock of {name} goes {direction} from {before:%H:%M} to {after:%H:%M}"

    def reason(self, wall: datetime, *, kind: CaveatKind) -> str:
        """Return why this happens to a wall time of the change's day, or of the day before."""
        midnight = wall.replace(hour=0, minute=0, second=0)
        is_of_day = kind in (CaveatKind.SKIPPED, CaveatKind.EXTRA) and self._clock.shows(wall)
        if is_of_day and not self._clock.shows(midnight):
            return f"Temporal takes the day for the day before, as it has no midnight ({self.text})"
        return self.text

    def wall(self, instant: datetime) -> datetime:
        """Return what the clock shows."""
        return self._clock.wall(instant)

    def is_within_named(self, before: datetime, after: datetime, *, expected: Collection[datetime]) -> bool:
        """Tell whether something is named between two fires that follow each other, by either pass."""
        first, last = self.wall(before), self.wall(after)
        return last <= first or any(first < wall < last for wall in expected) or last - first < after - before

    def is_postponed(self, wall: datetime, *, actual: Collection[datetime]) -> bool:
        """Tell whether the policy ``once`` fires a wall time when its second pass is over."""
        change = self._transition
        if not change.wall_after <= wall < change.wall_before:
            return False
        expected = expected_by(DstPolicy.ONCE, [wall], actual=actual, transition=change)
        return expected == {change.second_pass_over}


def _pauses(
    cron: Cron, *, instants: Sequence[datetime], expected: Collection[datetime], change: _Change
) -> Iterator[Caveat]:
    """Yield where nothing fires for longer than it does within any other hour."""
    interval = _longest_interval(cron)
    pauses = [
        (before, after)
        for before, after in pairwise(instants)
        if after - before > interval and change.is_within_named(before, after, expected=expected)
    ]
    if not pauses:
        return
    first, _ = pauses[0]
    wall = change.wall(first)
    longest = max(after - before for before, after in pauses)
    minutes = longest // timedelta(minutes=1)
    yield Caveat(
        kind=CaveatKind.PAUSED,
        date=wall.date(),
        local_time=wall.time(),
        count=len(pauses),
        message=(
            f"On {_day_text(wall.date())}, nothing fires for {minutes} minutes after {wall:%H:%M}"
            f"{_again(len(pauses))}: {change.text}."
        ),
    )


def _again(pauses: int) -> str:
    others = pauses - 1
    return "" if not others else f", nor {others} more {'time' if others == 1 else 'times'} about then"


def _longest_interval(cron: Cron) -> timedelta:
    minutes = sorted(cron.minutes)
    following = [*minutes[1:], minutes[0] + 60]
    return timedelta(minutes=max(after - before for before, after in zip(minutes, following, strict=True)))


def _by_date(kind: CaveatKind, *, wall_times: Iterable[datetime], change: _Change) -> Iterator[Caveat]:
    times: defaultdict[tuple[date, str], list[time]] = defaultdict(list)
    for wall in sorted(wall_times):
        times[wall.date(), change.reason(wall, kind=kind)].append(wall.time())
    for (day, reason), of_day in times.items():
        yield Caveat(
            kind=kind,
            date=day,
            local_time=of_day[0],
            count=len(of_day),
            message=f"On {_day_text(day)}, {_times_message(kind, times=of_day)}: {reason}.",
        )


def _times_message(kind: CaveatKind, *, times: Sequence[time]) -> str:
    shown = [f"{each:%H:%M}" for each in times]
    if len(shown) > _SHOWN:
        shown = [f"{len(shown)} times from {shown[0]} to {shown[-1]}"]
    one, many = _VERBS[kind]
    return f"{listed(shown)} {one if len(times) == 1 else many}"


def _day_text(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def listed(parts: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

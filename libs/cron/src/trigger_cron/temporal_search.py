"""When Temporal fires a schedule of calendars: the server's search for the next time, retraced.

After ``compiledCalendar.next`` and ``CompiledSpec.GetNextTime`` of the server's ``service/worker/scheduler``,
as of 1.32. That search walks over the fields of the wall clock. Its rules for daylight saving suit one-hour
changes west of Greenwich; elsewhere they lead to fires, and to silence, that no clock explains.
"""

from calendar import isleap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from trigger_cron.calendars import EVERY_HOUR, EVERY_MINUTE, EVERY_SECOND, LAST_YEAR, Calendar, values
from trigger_cron.zone_clock import ZoneClock, zone_of

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - instants are naive here
_ZERO: Final = timedelta(0)
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_DAYS_IN_WEEK: Final = 7
_FEBRUARY: Final = 2
_SHORT_MONTHS: Final = frozenset({4, 6, 9, 11})


def fire_times(
    calendars: Sequence[Calendar],
    *,
    zone: str | ZoneInfo,
    after: datetime,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
    excluded: Sequence[Calendar] = (),
) -> Iterator[datetime]:
    """Return the times, in UTC and increasing, at which Temporal fires the calendars' union after ``after``.

    A time at which the wall clock shows what one of ``excluded`` matches is left out. The times are
    computed as they are asked for, and end with ``end_at`` or the year ``LAST_YEAR``. As on the server,
    what fires near a change of the clock can depend on where the search starts, ``end_at`` itself may
    fire, and so may ``start_at``, of which the fraction of a second is ignored. Nothing fires before 1970.
    The times are the nominal ones, without a schedule's jitter.

    The server's time zone data decides; this is right where Python has the same edition.

    Raises ``ValueError`` for a datetime without a time zone, and ``UnknownZoneError``.
    """
    clock = ZoneClock(zone_of(zone))
    earliest = _EPOCH if start_at is None else max(_EPOCH, _instant(start_at))
    latest = datetime.max if end_at is None else _instant(end_at)  # noqa: DTZ901
    timeline = Timeline(calendars, clock=clock, excluded=excluded)
    instants = timeline.after(max(_instant(after), earliest - _SECOND), latest=latest)
    return (instant.replace(tzinfo=UTC) for instant in instants)


def _instant(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a datetime without a time zone is not an instant")
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        # UTC has no year for it (the last evening of 9999 in New York); nothing fires there anyway.
        return datetime.max if moment.year > 1 else datetime.min  # noqa: DTZ901


class Timeline:
    """What calendars fire in one zone, made ready to be asked several times; instants are naive here."""

    __slots__ = ("_excluded", "_searches", "clock")

    def __init__(
        self, calendars: Sequence[Calendar], *, clock: ZoneClock, excluded: Sequence[Calendar] = ()
    ) -> None:
        self.clock = clock
        self._searches = [_Search(calendar, clock=clock) for calendar in calendars]
        self._excluded = [_Exclusion(calendar) for calendar in excluded]

    def after(self, after: datetime, *, latest: datetime = datetime.max) -> Iterator[datetime]:  # noqa: DTZ901
        """Yield the instants after one and up to another, increasing."""
        while after.year <= LAST_YEAR:
            firsts = [time for search in self._searches if (time := search.first(after)) is not None]
            time = min(firsts, default=None)
            if time is None or time > latest or time.year > LAST_YEAR:
                return
            if time <= after:
                # Where a zone left out a whole day (Samoa in 2011) the server's search comes back to where
                # it started, for ever.
                return
            exclusion = self._exclusion_of(time)
            if exclusion is None:
                yield time
                after = time
            else:
                after = self._passed_over(time) if exclusion.is_of_days else time

    def _exclusion_of(self, time: datetime) -> "_Exclusion | None":
        if not self._excluded:
            return None
        wall = self.clock.wall(time)
        return next((exclusion for exclusion in self._excluded if exclusion.has(wall)), None)

    def _passed_over(self, time: datetime) -> datetime:
        """Return the last second of the day of ``time``, or of its hour where the clock is changed that day.

        The server goes through all that fires on an excluded day. Where the clock goes evenly, its search
        finds the same after the last of them as after the end of the day, or of the hour.
        """
        wall = self.clock.wall(time)
        for last in (wall.replace(hour=23, minute=59, second=59), wall.replace(minute=59, second=59)):
            end = time + (last - wall)
            about = (time - 2 * _HOUR, time, end + 2 * _HOUR)
            if len({self.clock.offset(moment) for moment in about}) == 1:
                return end
        return time


class _Exclusion:
    """A calendar of what does not fire, asked of a wall time."""

    __slots__ = ("_fields", "is_of_days")

    def __init__(self, calendar: Calendar) -> None:
        clock = (calendar.hour, calendar.minute, calendar.second)
        self.is_of_days = clock == (EVERY_HOUR, EVERY_MINUTE, EVERY_SECOND)
        # The rarest match first: an exclusion is mostly about one date.
        named = (calendar.day_of_month, calendar.month, calendar.hour, calendar.minute, calendar.second)
        self._fields = (*map(values, named), values(calendar.day_of_week), values(calendar.year))

    def has(self, wall: datetime) -> bool:
        days, months, hours, minutes, seconds, weekdays, years = self._fields
        return (
            wall.day in days
            and wall.month in months
            and wall.hour in hours
            and wall.minute in minutes
            and wall.second in seconds
            and wall.isoweekday() % _DAYS_IN_WEEK in weekdays
            and (not years or wall.year in years)
        )


class _Place(NamedTuple):
    """Where a search stands: no earlier wall time matches."""

    wall: datetime
    delay: timedelta
    """Zero, or an hour where the wall time's hour is being gone through for the second time."""


class _Search:
    """Temporal's search in one calendar: from outside in, from the month to the second, and only forward."""

    __slots__ = (
        "_clock",
        "_day_from",
        "_hour_from",
        "_minute_from",
        "_month_from",
        "_second_from",
        "_weekdays",
        "_years",
    )

    def __init__(self, calendar: Calendar, *, clock: ZoneClock) -> None:
        self._clock = clock
        self._years = values(calendar.year)
        self._month_from = _first_from(values(calendar.month), size=13)
        self._day_from = _first_from(values(calendar.day_of_month), size=32)
        self._weekdays = values(calendar.day_of_week)
        self._hour_from = _first_from(values(calendar.hour), size=24)
        self._minute_from = _first_from(values(calendar.minute), size=60)
        self._second_from = _first_from(values(calendar.second), size=60)

    def first(self, after: datetime) -> datetime | None:
        """Return the first instant that matches after the whole second of ``after``."""
        wall = self._clock.wall(after).replace(microsecond=0)
        # The server's way to tell the second pass of a repeated hour; half-hour changes mislead it.
        delay = _HOUR if self._clock.wall(after - _HOUR).hour == wall.hour else _ZERO
        place = self._forward(_Place(wall, delay), by=_SECOND)
        while (on_day := self._on_matching_day(place)) is not None:
            next_place = self._within_day(on_day)
            if not isinstance(next_place, _Place):
                return next_place
            place = next_place
        return None

    def _on_matching_day(self, place: _Place) -> _Place | None:
        """Return the place itself, or the midnight of the first day after it that matches."""
        wall, delay = place
        while wall.year <= LAST_YEAR:
            if self._years and wall.year not in self._years:
                wall, delay = _start_of(wall.year + 1, 1), _ZERO
                continue
            month, day = self._month_from[wall.month], self._day_from[wall.day]
            if month != wall.month:
                wall, delay = _start_of(wall.year + (month is None), month or 1), _ZERO
            elif day is None or day > _days_in_month(wall):
                wall, delay = _next_month(wall), _ZERO
            elif day != wall.day:
                wall, delay = wall.replace(day=day, hour=0, minute=0, second=0), _ZERO
            elif not self._is_matching_weekday(wall):
                wall, delay = _next_day(wall), _ZERO
            else:
                return _Place(wall, delay)
        return None

    def _is_matching_weekday(self, wall: datetime) -> bool:
        if len(self._weekdays) == _DAYS_IN_WEEK:
            return True
        # Of the instant, not of the date: a skipped midnight can have the weekday of the day before.
        return self._clock.wall(self._clock.instant(wall)).isoweekday() % _DAYS_IN_WEEK in self._weekdays

    def _within_day(self, place: _Place) -> datetime | _Place:
        """Return the instant of the first match, or the place from which the day has to be asked again.

        It is not asked again where only the hour moves on.
        """
        wall, delay = place
        if (hour := self._hour_from[wall.hour]) is None:
            return _Place(_next_day(wall), _ZERO)
        if hour != wall.hour:
            wall, delay = wall.replace(hour=hour, minute=0, second=0), _ZERO
        if (minute := self._minute_from[wall.minute]) is None:
            return self._next_hour(_Place(wall, delay))
        if minute != wall.minute:
            wall = wall.replace(minute=minute, second=0)
        if (second := self._second_from[wall.second]) is None:
            return self._forward(_Place(wall.replace(second=0), delay), by=_MINUTE)
        wall = wall.replace(second=second)
        instant = self._clock.instant(wall)
        if self._clock.wall(instant).hour != wall.hour:
            # A skipped time; one that stays within its hour (Lord Howe) passes for what was asked.
            return _Place(wall.replace(minute=0, second=0) + _HOUR, delay)
        return instant + delay

    def _forward(self, place: _Place, *, by: timedelta) -> _Place:
        wall = place.wall + by
        return _Place(wall, place.delay) if wall.hour == place.wall.hour else self._next_hour(place)

    def _next_hour(self, place: _Place) -> _Place:
        """Return the hour's end, or its start with a delay where the hour's end is late by another hour.

        So the hour *before* the repeated one is gone through twice where ``ZoneClock.instant`` finds the
        second pass, as in Berlin.
        """
        start = place.wall.replace(minute=0, second=0)
        end = start + _HOUR
        if not place.delay and self._clock.instant(end) - self._clock.instant(start) > _HOUR:
            return _Place(start, _HOUR)
        return _Place(end, _ZERO)


def _next_day(wall: datetime) -> datetime:
    return wall.replace(hour=0, minute=0, second=0) + _DAY


def _next_month(wall: datetime) -> datetime:
    return _start_of(wall.year + wall.month // 12, wall.month % 12 + 1)


def _start_of(year: int, month: int) -> datetime:
    return datetime(year, month, 1)  # noqa: DTZ001 - wall times are naive here


def _days_in_month(wall: datetime) -> int:
    if wall.month == _FEBRUARY:
        return 29 if isleap(wall.year) else 28
    return 30 if wall.month in _SHORT_MONTHS else 31


@lru_cache(maxsize=1024)
def _first_from(values: frozenset[int], *, size: int) -> tuple[int | None, ...]:
    """Return, for each of 0 to ``size`` - 1, the first of ``values`` that is not smaller."""
    firsts: list[int | None] = []
    first = None
    for start in reversed(range(size)):
        first = start if start in values else first
        firsts.append(first)
    return tuple(reversed(firsts))

"""The wall clock of a time zone, and how Go's ``time.Date`` reads it: Temporal's server is written in Go.

Instants are naive datetimes in UTC and wall times naive datetimes of the zone: arithmetic on them is plain.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


class UnknownZoneError(ZoneInfoNotFoundError):
    """The time zone data of this machine does not know a name; the text is for its author."""

    def __str__(self) -> str:
        return str(self.args[0])


def zone_of(zone: str | ZoneInfo) -> ZoneInfo:
    """Return a time zone. Raises ``UnknownZoneError``."""
    if isinstance(zone, ZoneInfo):
        return zone
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError, NotADirectoryError) as error:
        # A folder of zones (``Europe``) and a path out of the folder (``../etc``) are unknown as well.
        raise UnknownZoneError(f"unknown time zone {zone[:64]!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Where the zone's distance from UTC changes: ``instant`` is the first second of the new one."""

    instant: datetime
    before: timedelta
    """Distance from UTC until then; east is positive."""
    after: timedelta

    @property
    def wall_before(self) -> datetime:
        """What the clock would show at ``instant`` if it were not changed."""
        return self.instant + self.before

    @property
    def wall_after(self) -> datetime:
        return self.instant + self.after

    @property
    def second_pass_over(self) -> datetime:
        """The first instant after the repeated wall times, where the clock goes back."""
        return self.instant + (self.before - self.after)


class ZoneClock:
    """Converts between instants and wall times of one zone."""

    __slots__ = ("_zone",)

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def wall(self, instant: datetime) -> datetime:
        """Return what the clock shows at an instant."""
        return self._zone.fromutc(instant.replace(tzinfo=self._zone)).replace(tzinfo=None, fold=0)

    def instant(self, wall: datetime) -> datetime:
        """Return the instant that Go finds for a wall time, also one that does not exist or comes twice.

        The documentation of ``time.Date`` promises nothing there. The implementation looks up the distance
        from UTC as if the wall time were UTC, and again at the instant that this gives. So of a repeated
        time it is the first one west of Greenwich and the second one elsewhere, and a skipped time is moved
        back in the west and on elsewhere.
        """
        guess = wall - self.offset(wall)
        return wall - self.offset(guess)

    def shows(self, wall: datetime) -> bool:
        """Return whether the clock ever shows the wall time: skipped ones it does not."""
        return self.wall(self.instant(wall)) == wall

    def offset(self, instant: datetime) -> timedelta:
        """Return the distance from UTC at an instant; east is positive."""
        return self.wall(instant) - instant

    def transitions(self, since: datetime, *, until: datetime) -> Iterator[Transition]:
        """Yield the changes after ``since`` and up to ``until``, both instants of whole seconds.

        ``zoneinfo`` keeps its table to itself, so this looks once a day: of two changes within a day, it
        sees one or none. No zone has plans for such a day.
        """
        before = self.offset(since)
        while since < until:
            look = min(since + _DAY, until)
            if (after := self.offset(look)) != before:
                first = self._first_unlike(before, since=since, until=look)
                yield Transition(instant=first, before=before, after=after)
            since, before = look, after

    def _first_unlike(self, offset: timedelta, *, since: datetime, until: datetime) -> datetime:
        seconds = range((until - since) // _SECOND)
        return since + _SECOND * bisect_left(
            seconds, 1, key=lambda second: int(self.offset(since + second * _SECOND) != offset)
        )

"""Which time zone database a process reads: the newest of the host's and the package ``tzdata``.

Two copies are installed, and Python prefers the host's, however old it is. Governments change their clocks at
some weeks' notice, so the older copy is wrong for some zones. A database has an edition, like ``2026f``: the
year, and a letter that counts (https://data.iana.org/time-zones/tz-link.html, "version").
"""

import os
import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

UNKNOWN: Final = "unknown"

_EDITION: Final = re.compile(r"\d{4}[a-z]{0,2}", re.ASCII)
_STATED_IN: Final = ("tzdata.zi", "+VERSION", "version")
"""Files of a database whose first line has its edition; the first is ``# version 2026f``."""
_OLD_AFTER: Final = timedelta(days=182)
"""How far into a year the last edition of the year before is not called old. Each year has some editions."""


class ZoneDataSource(StrEnum):
    """Whose copy it is."""

    HOST = "host"
    PACKAGE = "package"
    CHOSEN = "chosen"
    """The operator's, named by ``PYTHONTZPATH``: it decides whatever its edition is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneData:
    """A time zone database."""

    edition: str
    """Such as ``2026f``, or ``unknown``."""
    source: ZoneDataSource
    directory: Path | None
    """Its compiled files. ``ZONEINFO`` hands them to a program in Go, such as Temporal's server."""

    def is_old(self, now: datetime) -> bool:
        """Tell whether newer editions must be out by now; also where the edition is unknown."""
        return self.edition == UNKNOWN or int(self.edition[:4]) < (now - _OLD_AFTER).year


def newest(candidates: Sequence[ZoneData]) -> ZoneData:
    """Return the newest, and the first of equal ones. What states no edition is older than what does."""
    return max(candidates, key=lambda one: _rank(one.edition))


def choose() -> ZoneData:
    """Make the newest database the one that ``zoneinfo`` reads, and return it.

    Called once, before the first zone is read: a zone that is kept is not read again.
    """
    data = in_force()
    if data.source is ZoneDataSource.PACKAGE and data.directory is not None:
        zoneinfo.reset_tzpath(to=[data.directory])
        zoneinfo.ZoneInfo.clear_cache()
    return data


def in_force() -> ZoneData:
    """Return the database that decides on this machine, and change nothing."""
    # Only what stands in the environment is the operator's; Python's own default is the host's.
    if os.environ.get("PYTHONTZPATH"):
        return _read_by_python(ZoneDataSource.CHOSEN)
    package = _package()
    if package is None:
        return _read_by_python(ZoneDataSource.HOST)
    # Where both are the same edition, and where the package was chosen before, it is the package.
    return newest([package, _read_by_python(ZoneDataSource.HOST)])


def _read_by_python(source: ZoneDataSource) -> ZoneData:
    directory = next((path for path in map(Path, zoneinfo.TZPATH) if path.is_dir()), None)
    return ZoneData(edition=_edition_in(directory), source=source, directory=directory)


def _package() -> ZoneData | None:
    spec = find_spec("tzdata")
    if spec is None or not spec.submodule_search_locations:
        return None
    directory = Path(spec.submodule_search_locations[0]) / "zoneinfo"
    return ZoneData(edition=_edition_in(directory), source=ZoneDataSource.PACKAGE, directory=directory)


def _edition_in(directory: Path | None) -> str:
    if directory is None:
        return UNKNOWN
    for name in _STATED_IN:
        try:
            with (directory / name).open(encoding="utf-8") as file:
                words = file.readline(100).split()
        except (OSError, UnicodeDecodeError):
            continue
        if words and _EDITION.fullmatch(words[-1]):
            return words[-1]
    return UNKNOWN


def _rank(edition: str) -> tuple[int, int, str]:
    """Order editions: ``2025z`` stands before ``2025za``, and that before ``2026a``."""
    if not _EDITION.fullmatch(edition):
        return (0, 0, "")
    letters = edition[4:]
    return (int(edition[:4]), len(letters), letters)

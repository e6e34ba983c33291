"""One time zone database decides, it is the newest, and it says how old it is."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trigger_runtime.zone_data import UNKNOWN, ZoneData, ZoneDataSource, in_force, newest


def data(edition: str, source: ZoneDataSource = ZoneDataSource.HOST) -> ZoneData:
    return ZoneData(edition=edition, source=source, directory=None)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2025b", "2026f"),
        ("2026a", "2026b"),
        ("2025c", "2026"),
        ("2025z", "2025za"),
        ("2025za", "2026a"),
        (UNKNOWN, "2019a"),
        ("", "2019a"),
    ],
)
def test_the_newest_edition_decides_in_either_order(older: str, newer: str) -> None:
    assert newest([data(older), data(newer)]).edition == newer
    assert newest([data(newer), data(older)]).edition == newer


def test_of_one_edition_the_first_decides() -> None:
    package = data("2026f", ZoneDataSource.PACKAGE)
    assert newest([package, data("2026f")]) is package


@pytest.mark.parametrize(
    ("edition", "now", "old"),
    [
        ("2025b", "2026-12-01", True),
        ("2025b", "2026-03-01", False),
        ("2025b", "2026-07-15", True),
        ("2026f", "2026-12-01", False),
        ("2026f", "2025-01-01", False),
        (UNKNOWN, "2026-12-01", True),
    ],
)
def test_an_edition_is_old_when_others_must_have_followed(edition: str, now: str, old: bool) -> None:
    assert data(edition).is_old(datetime.fromisoformat(now).replace(tzinfo=UTC)) is old


def said_by_python(code: str, *, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    return done.stdout.decode().strip()


LOOK = """
import zoneinfo
from datetime import datetime
from trigger_runtime import zone_data
{before}
chosen = zone_data.choose()
offset = zoneinfo.ZoneInfo("America/Vancouver").utcoffset(datetime(2026, 12, 1))
print(chosen.edition, chosen.source.value, offset)
"""


def host_of(path: Path, *, edition: str) -> str:
    """Make a host whose Vancouver is a copy of UTC, and return what makes Python read it."""
    (path / "America").mkdir(parents=True)
    (path / "tzdata.zi").write_text(f"# version {edition}\n")
    directory = in_force().directory
    assert directory is not None
    (path / "America" / "Vancouver").write_bytes((directory / "UTC").read_bytes())
    return f"zoneinfo.reset_tzpath(to=[{str(path)!r}])"


def test_an_older_host_does_not_decide(tmp_path: Path) -> None:
    code = LOOK.format(before=host_of(tmp_path, edition="2019a"))
    edition, source, offset = said_by_python(code, environment={}).split(maxsplit=2)
    assert (source, edition >= "2026f") == ("package", True)
    assert offset == "-1 day, 17:00:00"


def test_a_newer_host_decides(tmp_path: Path) -> None:
    code = LOOK.format(before=host_of(tmp_path, edition="2099a"))
    assert said_by_python(code, environment={}) == "2099a host 0:00:00"


def test_a_host_that_states_no_edition_does_not_decide(tmp_path: Path) -> None:
    code = LOOK.format(before=host_of(tmp_path, edition="of somebody"))
    assert said_by_python(code, environment={}).split()[1] == "package"


def test_what_the_operator_names_decides_whatever_its_edition(tmp_path: Path) -> None:
    host_of(tmp_path, edition="2019a")
    code = LOOK.format(before="")
    assert said_by_python(code, environment={"PYTHONTZPATH": str(tmp_path)}) == "2019a chosen 0:00:00"


def test_what_was_chosen_stays_chosen() -> None:
    code = LOOK.format(before="zone_data.choose()")
    again = said_by_python(code, environment={})
    assert again == said_by_python(LOOK.format(before=""), environment={})

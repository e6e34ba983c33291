"""What headers, queries and times look like, in the payload of a workflow and in the log.

Two services read the same delivery: what a workflow runs with is what the log shows. Bodies
are read by ``libs/bodies``.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any


def join_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return header fields as an object; a name keeps the spelling of its first line.

    Lines of one name are one list, joined with ``", "`` (RFC 9110, 5.3). ``Cookie`` is not a list: a sender
    puts its pairs into one line (RFC 6265, 5.4), so lines that HTTP/2 has split are joined with ``"; "`` (RFC
    9113, 8.2.3).
    """
    spelling: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        key = spelling.setdefault(lower, name)
        separator = "; " if lower == "cookie" else ", "
        values[key] = f"{values[key]}{separator}{value}" if key in values else value
    return values


def group_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return each name with its value; a name that is repeated has the list of its values."""
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in groups.items()}


def schedule_payload(nominal_time: datetime, *, configured_input: Any) -> dict[str, Any]:
    """Return a schedule's payload: the time that the fire was due at, and the trigger's configured input."""
    return {"scheduledTime": rfc3339(nominal_time), "input": configured_input}


def rfc3339(time: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC, ending in ``Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""Times that senders sign."""

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Final


class TimeFormat(Enum):
    """How a sender writes the time."""

    SECONDS = "seconds since 1970"
    MILLISECONDS = "milliseconds since 1970"
    RFC_3339 = "RFC 3339, with up to nine digits of a second"


# int() would take other alphabets' digits, underscores and spaces.
_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def seconds_of(text: str, *, written: TimeFormat) -> float | None:
    """Return the seconds since 1970 that the text names; ``None`` where it is not a time in this format."""
    match written:
        case TimeFormat.SECONDS:
            return float(text) if _DIGITS.fullmatch(text) else None
        case TimeFormat.MILLISECONDS:
            return int(text) / 1000 if _DIGITS.fullmatch(text) else None
        case TimeFormat.RFC_3339:
            return _rfc_3339(text)


def _rfc_3339(text: str) -> float | None:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    moment, fraction, zone = match.groups()
    micros = ((fraction or "") + "000000")[:6]
    try:
        at = datetime.fromisoformat(f"{moment}.{micros}{'+00:00' if zone == 'Z' else zone}")
        return at.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None

"""Times that senders sign."""

import re
from datetime import UTC, datetime
from typing import Final

from trigger_contracts.webhook_config import TimestampFormat

# int() would take other alphabets' digits, underscores and spaces.
_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def seconds_of(text: str, *, written: TimestampFormat) -> float | None:
    """Return the seconds since 1970 that the text names; ``None`` where it is not a time in this format."""
    match written:
        case TimestampFormat.SECONDS:
            return float(text) if _DIGITS.fullmatch(text) else None
        case TimestampFormat.MILLISECONDS:
            return int(text) / 1000 if _DIGITS.fullmatch(text) else None
        case TimestampFormat.RFC_3339:
            return _rfc_3339(text)


def format_of(text: str) -> TimestampFormat | None:
    """Return the format that a text looks like; ``None`` where it looks like none.

    Until the year 5138 seconds have at most eleven digits, and since March 1973 milliseconds have twelve.
    """
    if _DIGITS.fullmatch(text):
        return TimestampFormat.SECONDS if len(text) < 12 else TimestampFormat.MILLISECONDS
    return TimestampFormat.RFC_3339 if _rfc_3339(text) is not None else None


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

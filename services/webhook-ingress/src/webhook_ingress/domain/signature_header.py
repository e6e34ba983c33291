"""What may stand in the headers of a signature."""

from dataclasses import dataclass
from enum import Enum

from trigger_contracts.webhook_config import TimestampFormat


class SignatureSeparator(Enum):
    """What may stand between several signatures in one header, of which one has to be right."""

    NONE = ""
    SPACE = " "
    SPACE_OR_COMMA = ", ?| "


class RequiredSignatures(Enum):
    """Which of the signature headers that a request brings have to be right."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampHeader:
    """Where the signed time is; header names are in lower case here."""

    name: str
    written: TimestampFormat = TimestampFormat.SECONDS

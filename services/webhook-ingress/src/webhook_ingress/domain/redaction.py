"""What may be recorded of headers and query: no credentials, and only text that every reader can store."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import islice
from typing import Final

from trigger_webhooks import Place, Sensitivity, sensitivity_of, without_values

REDACTED: Final = "[redacted]"
MAX_FIELDS: Final = 256
"""Header fields, and query parameters, that are recorded of one request."""
MAX_NAME: Final = 256
MAX_VALUE: Final = 8192
"""Characters of a recorded value: what the HTTP server lets a header field have."""

_OF_THE_WAY: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
)
"""Said by or to a hop on the way (RFC 9110, 7.6.1 and 7.6.3), and nothing that the sender has to say.

What ``Connection`` names stays: a sender may name ``Content-Type``, by which the body is read.
"""
_ADDRESS_SIGNS: Final = re.compile(r"[?&#%@]")
_USER: Final = re.compile(
    r"(?P<before>//|%(?:25)*2f%(?:25)*2f)(?:(?!%(?:25)*(?:2f|3f|23|40))[^/?#\s<>\"@])+(?P<at>@|%(?:25)*40)",
    re.IGNORECASE,
)


def headers(
    fields: Iterable[tuple[str, str]], *, secret_names: Collection[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Return header fields for the record, names lower-cased, without those of the way.

    ``secret_names`` are those, in lower case, that verify the sender: a record must not let anyone send the
    request again. Other signatures stay, for a workflow may want to verify them itself.
    """
    kept = []
    for name, value in fields:
        recorded, replacement = _header(name)
        if recorded in _OF_THE_WAY:
            continue
        if recorded in secret_names:
            replacement = REDACTED
        kept.append((recorded, value if replacement is None else replacement))
    return _plain(kept[:MAX_FIELDS])


def query(parameters: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return query parameters for the record.

    A signature in an address is a credential, unlike one in a header: anyone who has the address may use it.
    """
    kept = []
    for name, value in islice(parameters, MAX_FIELDS):
        recorded, replacement = _parameter(name)
        kept.append((recorded, value if replacement is None else replacement))
    return _plain(kept)


def safe(text: str, *, longest: int) -> str:
    """Return text without lone surrogates and NUL (both become U+FFFD), cut to ``longest`` characters.

    Surrogates are not valid UTF-8, and PostgreSQL's text refuses NUL.
    """
    if _is_plain(text):
        return text[:longest]
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd")[:longest]


def _plain(kept: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return fields with values that can be recorded."""
    values = "".join([value for _, value in kept])
    if _ADDRESS_SIGNS.search(values):
        kept = [(name, without_credentials(value)) for name, value in kept]
        values = "".join([value for _, value in kept])
    # All at once: nearly every request's values are short and plain.
    if len(values) <= MAX_VALUE and _is_plain(values):
        return tuple(kept)
    return tuple([(name, safe(value, longest=MAX_VALUE)) for name, value in kept])


def without_credentials(text: str) -> str:
    """Return a text without the credentials of the addresses in it: of their queries, and their user.

    An address in an address is percent-encoded, once or more often.
    """
    if "@" in text or "%" in text:
        text = _USER.sub(rf"\g<before>{REDACTED}\g<at>", text)
    return without_values(text, sensitivities=(Sensitivity.CREDENTIAL,), replacement=REDACTED)


def _is_plain(text: str) -> bool:
    return text.isascii() and "\0" not in text


@lru_cache(maxsize=1024)
def _header(name: str) -> tuple[str, str | None]:
    """Return the name as it is recorded, and what replaces the value of a credential."""
    recorded, replacement = _replacement(name, place=Place.HEADER)
    return recorded.lower(), replacement


@lru_cache(maxsize=1024)
def _parameter(name: str) -> tuple[str, str | None]:
    return _replacement(name, place=Place.ADDRESS)


def _replacement(name: str, *, place: Place) -> tuple[str, str | None]:
    is_credential = sensitivity_of(name, place=place) is Sensitivity.CREDENTIAL
    return safe(name, longest=MAX_NAME), REDACTED if is_credential else None

"""What may be recorded of headers and query: no credentials, only text that every reader can hold."""

import re
from collections.abc import Iterable
from typing import Final

REDACTED: Final = "[redacted]"
MAX_FIELDS: Final = 256
"""Header fields, and query parameters, that are recorded of one request."""
MAX_NAME: Final = 256
MAX_VALUE: Final = 8192
"""Characters of a recorded value: what the HTTP server lets a header field have."""

_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_SECRET_HEADER_PARTS: Final = re.compile(r"token|secret|password|api-?key", re.IGNORECASE)
_SECRET_PARAMETERS: Final = frozenset(
    {
        "key",
        "code",
        "sig",
        "auth",
        "authorization",
        "jwt",
        "pwd",
        "pass",
        "credential",
        "credentials",
        "session",
    }
)
_SECRET_PARAMETER_PARTS: Final = re.compile(
    r"token|secret|passw|passphrase|signature|api[-_]?key|access[-_]?key|private[-_]?key|session[-_]?id"
    r"|x-amz-credential",
    re.IGNORECASE,
)


def headers(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return header fields for the record, names lower-cased. Signatures stay: they are no secrets."""
    return _fields((name.lower(), REDACTED if _is_secret_header(name) else value) for name, value in fields)


def query(parameters: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return query parameters for the record.

    A signature in an address is a credential, unlike one in a header: whoever has the address may use it.
    """
    return _fields((name, REDACTED if _is_secret_parameter(name) else value) for name, value in parameters)


def safe(text: str, *, longest: int) -> str:
    """Return text without lone surrogates and NUL (both become U+FFFD), cut to ``longest`` characters.

    Surrogates are no UTF-8, and PostgreSQL's text refuses NUL.
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd")[:longest]


def _fields(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    kept: list[tuple[str, str]] = []
    for name, value in pairs:
        if len(kept) == MAX_FIELDS:
            break
        kept.append((safe(name, longest=MAX_NAME), safe(value, longest=MAX_VALUE)))
    return tuple(kept)


def _is_secret_header(name: str) -> bool:
    return name.lower() in _SECRET_HEADERS or _SECRET_HEADER_PARTS.search(name) is not None


def _is_secret_parameter(name: str) -> bool:
    return name.lower() in _SECRET_PARAMETERS or _SECRET_PARAMETER_PARTS.search(name) is not None

"""What may be recorded of headers and query: no credentials, and only text that every reader can store."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import Final

REDACTED: Final = "[redacted]"
MAX_FIELDS: Final = 256
"""Header fields, and query parameters, that are recorded of one request."""
MAX_NAME: Final = 256
MAX_VALUE: Final = 8192
"""Characters of a recorded value: what the HTTP server lets a header field have."""

# Names as senders write them: x-api-key, apiKey, API_KEY. Anywhere in the name, or, where that would hit
# harmless ones (author, keyboard, bypass, design), as a word of it.
_ANYWHERE: Final = (
    r"token|secret|passw|passphrase|passcode|credential|cookie|signature|authori[sz]ation|authentication|saml"
    r"|(?:access|account|admin|api|app|application|auth|client|consumer|encryption|function|functions|host"
    r"|license|master|private|secret|security|service|shared|signing|subscription|user|webhook)[\W_]*key"
    r"|session[\W_]*(?:id|key|data)|oidc[\W_]*data"
)
_AS_WORD: Final = r"auth|oauth|jwt|bearer|assertion|pass|pwd|sig|hmac|otp|sid|csrf|xsrf"
_AS_WHOLE_NAME: Final = r"(?:x[\W_])?(?:key|code|session)"
_CREDENTIAL: Final = re.compile(
    rf"{_ANYWHERE}|(?:^|[\W_])(?:{_AS_WORD})(?:[\W_]|$)|^{_AS_WHOLE_NAME}$", re.IGNORECASE
)
_SIGNATURE_HEADER: Final = re.compile(
    r"(?:signature|(?:^|-)sig|(?:^|-)hmac)(?:-(?:input|timestamp|version|v?[0-9]+|sha-?[0-9]+|ed25519))*$",
    re.IGNORECASE,
)
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def headers(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return header fields for the record, names lower-cased.

    Signatures stay: they are not secret, and a workflow may want to verify them itself.
    """
    return _recorded(fields, name_of=_header)


def query(parameters: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return query parameters for the record.

    A signature in an address is a credential, unlike one in a header: anyone who has the address may use it.
    """
    return _recorded(parameters, name_of=_parameter)


def safe(text: str, *, longest: int) -> str:
    """Return text without lone surrogates and NUL (both become U+FFFD), cut to ``longest`` characters.

    Surrogates are not valid UTF-8, and PostgreSQL's text refuses NUL.
    """
    if _is_plain(text):
        return text[:longest]
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd")[:longest]


def _recorded(
    pairs: Iterable[tuple[str, str]], *, name_of: Callable[[str], tuple[str, str | None]]
) -> tuple[tuple[str, str], ...]:
    kept = []
    for name, value in islice(pairs, MAX_FIELDS):
        recorded, replacement = name_of(name)
        kept.append((recorded, value if replacement is None else replacement))
    values = "".join([value for _, value in kept])
    # All at once: nearly every request's values are short and plain.
    if len(values) <= MAX_VALUE and _is_plain(values):
        return tuple(kept)
    return tuple([(name, safe(value, longest=MAX_VALUE)) for name, value in kept])


def _is_plain(text: str) -> bool:
    return text.isascii() and "\0" not in text


@lru_cache(maxsize=1024)
def _header(name: str) -> tuple[str, str | None]:
    """Return the name as it is recorded, and what replaces the value of a credential."""
    secret = _SIGNATURE_HEADER.search(name) is None and _is_credential(name)
    return safe(name.lower(), longest=MAX_NAME), REDACTED if secret else None


@lru_cache(maxsize=1024)
def _parameter(name: str) -> tuple[str, str | None]:
    return safe(name, longest=MAX_NAME), REDACTED if _is_credential(name) else None


def _is_credential(name: str) -> bool:
    return _CREDENTIAL.search(_WORD_BREAK.sub("-", name)) is not None

"""What may be recorded of headers and query: no credentials, only text that every reader can hold."""

import re
from collections.abc import Iterable
from functools import lru_cache
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

    Signatures stay: they are no secrets, and the workflow may want to verify them itself.
    """
    return _fields((name.lower(), REDACTED if _is_secret_header(name) else value) for name, value in fields)


def query(parameters: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return query parameters for the record.

    A signature in an address is a credential, unlike one in a header: whoever has the address may use it.
    """
    return _fields((name, REDACTED if _is_credential(name) else value) for name, value in parameters)


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


@lru_cache(maxsize=1024)
def _is_secret_header(name: str) -> bool:
    return _SIGNATURE_HEADER.search(name) is None and _is_credential(name)


@lru_cache(maxsize=1024)
def _is_credential(name: str) -> bool:
    return _CREDENTIAL.search(_WORD_BREAK.sub("-", name)) is not None

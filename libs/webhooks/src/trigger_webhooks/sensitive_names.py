"""What the name of a header field or of a query parameter says of its value: whole words count.

A name is split at everything that is no letter and at each change from lower to upper case, so that
``X-API-Key``, ``apiKey`` and ``api_key`` are the same. A word that only describes (``token_type``,
``session_count``, ``max_tokens``, ``has_password``) makes a name harmless.
"""

import re
from enum import Enum
from functools import lru_cache
from typing import Final


class Sensitivity(Enum):
    """What becomes of a value."""

    HARMLESS = "harmless"
    HIDDEN = "hidden from the log: it may be a credential, and a workflow may need it"
    CREDENTIAL = "never stored"


class Place(Enum):
    """Where a name stands: a signature opens an address to anyone who has it; in a header it opens none."""

    HEADER = "header"
    ADDRESS = "address"


_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_CREDENTIALS: Final = _listed(
    "token secret secrets password passwords passwd pwd passphrase passcode credential "
    "credentials cookie authorization authorisation authentication jwt bearer assertion saml "
    "samlresponse samlrequest csrf xsrf"
)
# As they are written without a separator. Nothing harmless ends so.
_ENDINGS: Final = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "credential",
    "credentials",
    "apikey",
    "apikeys",
    "accesskey",
    "authkey",
    "privatekey",
    "secretkey",
    "sharedkey",
    "signingkey",
)
_PAIRS: Final = frozenset(
    {("secret", "id"), ("code", "verifier"), ("oauth", "verifier"), ("oidc", "data"), ("session", "key")}
    | {
        (qualifier, "key")
        for qualifier in _listed(
            "access admin api app application auth client consumer encryption function functions master "
            "private secret security service shared signing signature subscription webhook ssh hmac"
        )
    }
    | {("api", "keys"), ("access", "keys"), ("secret", "keys"), ("private", "keys")}
    | {(qualifier, "tokens") for qualifier in _listed("access api auth bearer refresh session id")}
)
_SESSIONS: Final = frozenset({"session", "sess"})
_SIGNATURES: Final = frozenset({"signature", "sig", "hmac"})

_WEAK: Final = _listed(
    "auth oauth pass passkey otp totp session sess sessionid sessid jsessionid phpsessid cookies"
)
_WEAK_PAIRS: Final = frozenset(
    {
        (qualifier, "code")
        for qualifier in _listed(
            "access auth authentication backup confirmation login otp recovery security time verification"
        )
    }
    | {(qualifier, "key") for qualifier in ["account", "host", "license", "user", "activation"]}
)
_WEAK_ALONE: Final = frozenset({"key", "code", "sid", "pw", "pin", "ticket"})
"""Weak where nothing else is in the name: ``sort_key`` and ``country_code`` are harmless."""

_DESCRIPTIONS: Final = _listed(
    "address amount at attempts balance budget changed cost count counts created date decimals "
    "domain duration enabled endpoint event expired expires expiration expiry format id index "
    "issuer kind lasts length level limit limits location lifetime managed method methods mode "
    "name names number policy price provider quota rate reason required reset results result "
    "scheme scope scopes size source standard state status strength supply symbol total ttl "
    "type types updated uri url usage used valid validity version consent"
)
_QUALIFICATIONS: Final = _listed(
    "cached completion count estimated forgot has input is max maximum min minimum needs num "
    "number output prompt reasoning requires total uses"
)
_PAGES: Final = _listed("page pagination continuation continue next sync cursor")
_SIGNATURE_HEADER_END: Final = _listed("input timestamp version v sha ed hmacsha")


@lru_cache(maxsize=4096)
def sensitivity_of(name: str, *, place: Place) -> Sensitivity:
    """Tell what becomes of the value that stands under a name."""
    words = _words_of(name)
    if place is Place.HEADER and _names_signature(words):
        return Sensitivity.HARMLESS
    sensitivities = [_of_word(words, at=at, place=place) for at in range(len(words))]
    if Sensitivity.CREDENTIAL in sensitivities:
        return Sensitivity.CREDENTIAL
    alone = words[1:] if words[:1] == ["x"] else words
    if Sensitivity.HIDDEN in sensitivities or (len(alone) == 1 and alone[0] in _WEAK_ALONE):
        return Sensitivity.HIDDEN
    return Sensitivity.HARMLESS


def _words_of(name: str) -> list[str]:
    words = [word.lower() for word in _WORDS.findall(name)]
    # "OAuth", "oAuth" and "X-O-Auth" are one word.
    for at in range(len(words) - 2, -1, -1):
        if words[at] == "o" and words[at + 1] == "auth":
            words[at : at + 2] = ["oauth"]
    return words


def _names_signature(words: list[str]) -> bool:
    """Tell whether a header holds a signature, or a part of one: ``Signature-Input``, ``X-Sig-V2``."""
    end = len(words)
    while end and words[end - 1] in _SIGNATURE_HEADER_END:
        end -= 1
    return bool(end) and words[end - 1] in _SIGNATURES | {"hmacsha"}


def _of_word(words: list[str], *, at: int, place: Place) -> Sensitivity:
    word, before = words[at], words[:at]
    pair = (before[-1] if before else "", word)
    is_credential = (
        word in _CREDENTIALS
        or word.endswith(_ENDINGS)
        or pair in _PAIRS
        or (place is Place.ADDRESS and word in _SIGNATURES)
    )
    is_weak = word in _WEAK or pair in _WEAK_PAIRS
    if not (is_credential or is_weak):
        return Sensitivity.HARMLESS
    after = words[at + 1 :]
    if pair == ("secret", "id"):
        return Sensitivity.CREDENTIAL
    if is_weak and not is_credential and word in _SESSIONS and after[:1] == ["id"]:
        return Sensitivity.HIDDEN
    if _QUALIFICATIONS & set(before[-1:]) or _DESCRIPTIONS & set(after[:1]) or after[-1:] == ["at"]:
        return Sensitivity.HARMLESS
    if word.endswith("token") and _PAGES & set(before):
        return Sensitivity.HIDDEN
    return Sensitivity.CREDENTIAL if is_credential else Sensitivity.HIDDEN

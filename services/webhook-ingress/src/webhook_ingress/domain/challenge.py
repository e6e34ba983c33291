"""The trigger's option ``challenge``: what a sender wants to get back before it sends anything.

It is replied to before the sender is verified, since senders ask before they sign. Nothing is computed from
it and nothing is said that the caller has not said, so that it tells nothing of the trigger's secret.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from trigger_contracts.webhook_config import Challenge, ChallengeReply
from trigger_paths import stored_path
from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.json_body import read
from webhook_ingress.domain.signed_request import SignedRequest

_MAX_BODY: Final = 8 * 1024
_NO_BODY: Final = frozenset({b"", b"{}"})
_SHORT: Final = 64
_LARGEST: Final = 2**53
"""From here on JSON's numbers are not exact for every reader."""
_CHALLENGE: Final = re.compile(r"[\x20-\x7e]{1,1000}", re.ASCII)
_COMPANIONS: Final = frozenset({"type", "token"})

_path_of: Final = lru_cache(maxsize=1024)(stored_path)


class ChallengeError(ValueError):
    """A challenge that cannot go back; the message says what one is."""


def reply_to(challenge: Challenge, *, signed: SignedRequest) -> Reply | None:
    """Return what the sender gets, ``None`` where the request is no challenge; ``ChallengeError``."""
    name, values = _values(challenge, signed=signed)
    if not values or values == [""]:
        return None
    value = values[0]
    text = str(value)
    if len(values) > 1 or not _CHALLENGE.fullmatch(text):
        raise ChallengeError("Send the challenge once, with 1 to 1000 printable ASCII characters.")
    name = challenge.reply_name or name
    match challenge.reply:
        case ChallengeReply.JSON:
            return Reply(body=msgspec.json.encode({name: value}), content_type="application/json")
        case ChallengeReply.TEXT:
            return Reply(body=text.encode())
        case ChallengeReply.HEADER:
            return Reply(headers=((name, text.strip()),))


def _values(challenge: Challenge, *, signed: SignedRequest) -> tuple[str, list[Any]]:
    """Return the challenge's name, and each value that it has in the request."""
    if challenge.body is not None:
        path = _path_of(challenge.body)
        return path[-1], _in_body(signed.body, path=path)
    # What brings anything else is a delivery, whatever it has in its address or its headers.
    if len(signed.body) > _SHORT or signed.body.strip() not in _NO_BODY:
        return "", []
    if challenge.header is not None:
        return challenge.header, list(signed.request.values(challenge.header.lower()))
    name = challenge.query or ""
    return name, [value for key, value in signed.request.query if key == name]


def _in_body(body: bytes, *, path: tuple[str, ...]) -> list[Any]:
    """Return the challenge of a body that has nothing else: a delivery may have a field of that name, too."""
    value: Any = read(body, object) if len(body) <= _MAX_BODY else None
    for step in path:
        if not isinstance(value, dict) or step not in value or value.keys() - _COMPANIONS - {step}:
            return []
        value = value[step]
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
    return [value] if isinstance(value, str) or is_number else []

"""Handshakes, by which providers test an address: replied to and recorded, and nothing is started."""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_webhooks import hash_of_token
from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.signed_request import SignedRequest

_MAX_CHALLENGE: Final = 2000
# No colon: a reply to "v0:<time>:<body>" would be the signature of that body.
_ZOOM_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider gets. ``content_type`` is that of the body, and plain text where it is left out."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


OpeningReply = Reply | Reason | None
OpeningHandshake = Callable[[SignedRequest, str | None], OpeningReply]
"""Replies before the sender is verified. ``None``: the request is not a handshake.

The second argument is the hash of ``verifyToken``.
"""
SignedHandshake = Callable[[SignedRequest, bytes], Reply | None]
"""Replies after the sender is verified, with the secret that matched. ``None``: it is not a handshake."""


class _Challenge(Part, frozen=True, kw_only=True):
    challenge: str | None = None


class _Plain(Part, frozen=True, kw_only=True):
    plain_token: str | None = None


class _Validation(Part, frozen=True, kw_only=True):
    event: str
    payload: _Plain


def meta(signed: SignedRequest, verify_token: str | None) -> OpeningReply:
    """Meta's ``hub.challenge``: https://developers.facebook.com/docs/graph-api/webhooks/getting-started"""
    if signed.request.method != "GET":
        return None
    modes, tokens, challenges = (
        [value for key, value in signed.request.query if key == name]
        for name in ("hub.mode", "hub.verify_token", "hub.challenge")
    )
    if modes != ["subscribe"]:
        return None
    if not tokens:
        return Reason.CREDENTIAL_MISSING
    presented, expected = hash_of_token(tokens[0]), verify_token or ""
    if len(tokens) > 1 or not hmac.compare_digest(presented.encode(), expected.encode()):
        return Reason.CREDENTIAL_INVALID
    return echo(challenges[0]) if len(challenges) == 1 else Reason.MALFORMED_REQUEST


def twitch(signed: SignedRequest, _secret: bytes) -> Reply | None:
    """Twitch's challenge: https://dev.twitch.tv/docs/eventsub/handling-webhook-events/"""
    if signed.header("twitch-eventsub-message-type") != "webhook_callback_verification":
        return None
    message = read(signed.body, _Challenge)
    return None if message is None or message.challenge is None else echo(message.challenge)


def zoom(signed: SignedRequest, secret: bytes) -> Reply | None:
    """Zoom's ``endpoint.url_validation``: https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint"""
    message = read(signed.body, _Validation)
    if message is None or message.event != "endpoint.url_validation":
        return None
    token = message.payload.plain_token or ""
    if not _ZOOM_TOKEN.fullmatch(token):
        return None
    reply = {"plainToken": token, "encryptedToken": hmac.digest(secret, token.encode(), "sha256").hex()}
    return Reply(body=msgspec.json.encode(reply), content_type="application/json")


def echo(text: str) -> Reply:
    """Return a challenge as plain text, which no browser takes for a page."""
    return Reply(body=text[:_MAX_CHALLENGE].encode("utf-8", "replace"))

"""Discord: https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint

Ed25519 over time and body. Discord sends requests with a wrong signature on purpose, and expects a 401.
"""

import re
from typing import Final

import msgspec

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.providers.public_keys import ed25519_raw_verifies
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_SIGNATURE: Final = re.compile(r"[0-9a-fA-F]{128}", re.ASCII)
_KEY: Final = re.compile(rb"[0-9a-fA-F]{64}")
_EVENT_PING: Final = 0
_INTERACTION_PING: Final = 1
_COMPONENT: Final = 3
_AUTOCOMPLETE: Final = 4
_JSON: Final = "application/json"


class _Message(Part, frozen=True, kw_only=True):
    type: int
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read ``X-Signature-Ed25519`` and ``X-Signature-Timestamp``."""
    if not signed.request.values("x-signature-ed25519"):
        return Reason.SIGNATURE_MISSING
    signature, time = signed.header("x-signature-ed25519"), signed.header("x-signature-timestamp")
    if signature is None or not _SIGNATURE.fullmatch(signature):
        return Reason.SIGNATURE_INVALID
    if time is None or not signed.is_timely(time):
        return Reason.TIMESTAMP_INVALID
    made, content = bytes.fromhex(signature), time.encode() + signed.body
    return lambda key: (
        bool(_KEY.fullmatch(key))
        and ed25519_raw_verifies(bytes.fromhex(key.decode()), signature=made, content=content)
    )


def handshake(signed: SignedRequest, _key: bytes) -> Reply | None:
    """Reply to a PING: of interactions it is type 1, of webhook events type 0 (where 1 is an event)."""
    message = read(signed.body, _Message)
    if message is None or message.event is not msgspec.UNSET:
        return None
    if message.type == _EVENT_PING:
        return _NO_CONTENT
    return _reply(b'{"type":1}') if message.type == _INTERACTION_PING else None


def acknowledgement(signed: SignedRequest) -> Reply:
    """Return what defers the response to an interaction, or the 204 for a webhook event.

    The workflow responds later, with the interaction's token, for 15 minutes. What a user may type cannot be
    completed later: there are no choices then.
    """
    message = read(signed.body, _Message)
    if message is not None and message.event is not msgspec.UNSET:
        return _NO_CONTENT
    return _DEFERRED.get(0 if message is None else message.type, _DEFERRED_MESSAGE)


def _reply(body: bytes) -> Reply:
    return Reply(body=body, content_type=_JSON)


_NO_CONTENT: Final = Reply(status=204, content_type=_JSON)
"""Discord demands a content type, also of what has no content."""
_DEFERRED_MESSAGE: Final = _reply(b'{"type":5}')
_DEFERRED: Final = {
    _COMPONENT: _reply(b'{"type":6}'),
    _AUTOCOMPLETE: _reply(b'{"type":8,"data":{"choices":[]}}'),
}

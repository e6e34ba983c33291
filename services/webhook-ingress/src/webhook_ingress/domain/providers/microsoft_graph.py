"""Microsoft Graph change notifications: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks

Every item of the body brings the subscription's ``clientState``. A new subscription is confirmed by sending
back the ``validationToken`` of the query as plain text.
"""

import hmac
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.handshake import OpeningReply, Reply
from webhook_ingress.domain.json_body import Part, is_costly, read
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_MAX_TOKEN: Final = 2000
_MOST_ITEMS: Final = 1000
"""Notifications in one body."""


class _Item(Part, frozen=True, kw_only=True):
    client_state: str


class _Message(Part, frozen=True, kw_only=True):
    value: tuple[_Item, ...] = ()


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read the ``clientState`` of every item: each has to be the secret."""
    if is_costly(signed.body, key=b"clientState", most=_MOST_ITEMS):
        return Reason.CREDENTIAL_INVALID
    message = read(signed.body, _Message)
    if message is None or not message.value:
        return Reason.CREDENTIAL_MISSING
    texts = [item.client_state.encode() for item in message.value]
    return lambda secret: all(hmac.compare_digest(text, secret) for text in texts)


def opening(signed: SignedRequest, _verify_token: str | None) -> OpeningReply:
    """Reply to the validation of an address. It comes before there is anything that could be verified."""
    tokens = [value for name, value in signed.request.query if name == "validationToken"]
    if not tokens or signed.request.method != "POST" or signed.body:
        return None
    if len(tokens) > 1 or not 0 < len(tokens[0]) <= _MAX_TOKEN or not tokens[0].isprintable():
        return Reason.MALFORMED_REQUEST
    return Reply(body=tokens[0].encode("utf-8", "replace"))

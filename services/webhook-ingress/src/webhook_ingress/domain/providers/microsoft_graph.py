"""Microsoft Graph change notifications: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks

Every item of the body brings the subscription's ``clientState``. A new subscription is confirmed by sending
back the ``validationToken`` of the query as plain text.
"""

import hmac
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.handshake import Opening, Reply
from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.proof import Claim, Evidence

_MAX_TOKEN: Final = 2000


class _Item(Part, frozen=True, kw_only=True):
    client_state: str | None = None


class _Message(Part, frozen=True, kw_only=True):
    value: tuple[_Item, ...] = ()


def claim(evidence: Evidence) -> Claim:
    """Read the ``clientState`` of every item: each has to be the secret."""
    message = read(evidence.body, _Message)
    if message is None or not message.value:
        return Reason.CREDENTIAL_MISSING
    texts = [item.client_state.encode() for item in message.value if item.client_state is not None]
    if len(texts) != len(message.value):
        return Reason.CREDENTIAL_MISSING
    return lambda secret: all(hmac.compare_digest(text, secret) for text in texts)


def opening(evidence: Evidence, _verify_token: str | None) -> Opening:
    """Answer the validation of an address: it comes before anything is known that could be proven."""
    tokens = [value for name, value in evidence.request.query if name == "validationToken"]
    if not tokens or evidence.request.method != "POST" or evidence.body:
        return None
    if len(tokens) > 1 or not 0 < len(tokens[0]) <= _MAX_TOKEN or not tokens[0].isprintable():
        return Reason.MALFORMED_REQUEST
    return Reply(body=tokens[0].encode("utf-8", "replace"))

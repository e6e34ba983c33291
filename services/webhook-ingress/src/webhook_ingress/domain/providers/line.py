"""LINE's verification: https://developers.line.biz/en/docs/messaging-api/verify-webhook-url/"""

import msgspec

from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.signed_request import SignedRequest


class _Message(Part, frozen=True, kw_only=True):
    events: tuple[msgspec.Raw, ...]


def verification(signed: SignedRequest, _secret: bytes) -> Reply | None:
    """Reply to a body without an event, by which LINE's console verifies an address."""
    message = read(signed.body, _Message)
    return Reply() if message is not None and not message.events else None

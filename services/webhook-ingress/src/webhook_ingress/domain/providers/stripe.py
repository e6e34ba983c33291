"""Stripe's ping of an event destination: https://docs.stripe.com/api/v2/core/event_destinations

Its library: "A ping event used to test the connection to an EventDestination". Every other test event is a
delivery: it stands for something that happened.
"""

from typing import Final

from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.signed_request import SignedRequest

_PING: Final = "v2.core.event_destination.ping"


class _Event(Part, frozen=True, kw_only=True):
    type: str


def ping(signed: SignedRequest, _secret: bytes) -> Reply | None:
    """Reply to a signed ping."""
    event = read(signed.body, _Event)
    return Reply() if event is not None and event.type == _PING else None

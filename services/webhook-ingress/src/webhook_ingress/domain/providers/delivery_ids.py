"""How the deliveries of providers that give them no id are told apart: what a repetition has in common.

Each of these sends a delivery again when it was not answered, and nothing else in the same words.
"""

import hashlib
from typing import Any

import msgspec

from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.signed_request import SignedRequest


def of_body(signed: SignedRequest) -> str | None:
    """Return the hash of the body, for bodies that hold ids or times and are repeated as they were."""
    return f"sha256:{hashlib.sha256(signed.body).hexdigest()}" if signed.body else None


class _LineEvent(Part, frozen=True, kw_only=True):
    webhook_event_id: str


class _Line(Part, frozen=True, kw_only=True):
    events: tuple[_LineEvent, ...] = ()


def of_line(signed: SignedRequest) -> str | None:
    """Return what LINE calls its events; a redelivery differs in ``deliveryContext.isRedelivery``.

    https://developers.line.biz/en/docs/messaging-api/receiving-messages/#check-webhook-redelivery
    """
    message = read(signed.body, _Line)
    return _joint([event.webhook_event_id for event in message.events]) if message else None


class _HubSpotEvent(Part, frozen=True, kw_only=True):
    event_id: int | str
    subscription_id: int | str | None = None
    occurred_at: int | str | None = None


def of_hubspot(signed: SignedRequest) -> str | None:
    """Return which events HubSpot tells; a repetition differs in ``attemptNumber``.

    https://developers.hubspot.com/docs/api/webhooks
    """
    events = read(signed.body, tuple[_HubSpotEvent, ...])
    return _joint([(one.event_id, one.subscription_id, one.occurred_at) for one in events or ()])


def _joint(parts: list[Any]) -> str | None:
    return f"sha256:{hashlib.sha256(msgspec.json.encode(parts)).hexdigest()}" if parts else None

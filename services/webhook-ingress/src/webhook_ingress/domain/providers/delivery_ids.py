"""Delivery ids for providers that send none: made of what a repeated delivery has in common with the first.

Each of these repeats a delivery that got no response, and no two deliveries are equal otherwise.
"""

import hashlib
from typing import Any

import msgspec

from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.signed_request import SignedRequest


def of_body(signed: SignedRequest) -> str | None:
    """Return the hash of the body, for bodies that hold ids or times and are repeated unchanged."""
    return f"sha256:{hashlib.sha256(signed.body).hexdigest()}" if signed.body else None


class _LineEvent(Part, frozen=True, kw_only=True):
    webhook_event_id: str


class _Line(Part, frozen=True, kw_only=True):
    events: tuple[_LineEvent, ...] = ()


def of_line(signed: SignedRequest) -> str | None:
    """Return the ids of LINE's events; a redelivery differs in ``deliveryContext.isRedelivery``.

    https://developers.line.biz/en/docs/messaging-api/receiving-messages/#check-webhook-redelivery
    """
    message = read(signed.body, _Line)
    return _hash_of([event.webhook_event_id for event in message.events]) if message else None


class _HubSpotEvent(Part, frozen=True, kw_only=True):
    event_id: int | str
    subscription_id: int | str | None = None
    occurred_at: int | str | None = None


def of_hubspot(signed: SignedRequest) -> str | None:
    """Return which events HubSpot reports; a repetition differs in ``attemptNumber``.

    https://developers.hubspot.com/docs/api/webhooks
    """
    events = read(signed.body, tuple[_HubSpotEvent, ...])
    return _hash_of([(one.event_id, one.subscription_id, one.occurred_at) for one in events or ()])


def _hash_of(parts: list[Any]) -> str | None:
    return f"sha256:{hashlib.sha256(msgspec.json.encode(parts)).hexdigest()}" if parts else None

"""Adyen's standard webhooks: https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures

The signature is inside the body, one in each item, and covers eight of the item's fields. The other
fields may be forged: a workflow should rely on those eight only.
"""

import base64
import hmac
import re
from typing import Final

import msgspec

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.json_body import Part, is_costly, read
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_MOST_ITEMS: Final = 100
"""In one body: Adyen sends one, and up to a few where they are grouped."""
_KEY: Final = re.compile(rb"[0-9A-Fa-f]{64}")


class _Amount(Part, frozen=True, kw_only=True):
    value: int | str | None = None
    currency: str | None = None


class _Additional(Part, frozen=True, kw_only=True):
    hmac_signature: str | None = None


class _Notification(Part, frozen=True, kw_only=True):
    psp_reference: str | None = None
    original_reference: str | None = None
    merchant_account_code: str | None = None
    merchant_reference: str | None = None
    amount: _Amount = _Amount()
    event_code: str | None = None
    success: str | None = None
    additional_data: _Additional = _Additional()


class _Item(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    notification_request_item: _Notification


class _Message(Part, frozen=True, kw_only=True):
    notification_items: tuple[_Item, ...] = ()


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read all items: each has to be signed."""
    if is_costly(signed.body, key=b"NotificationRequestItem", most=_MOST_ITEMS):
        return Reason.SIGNATURE_INVALID
    message = read(signed.body, _Message)
    if message is None or not message.notification_items:
        return Reason.SIGNATURE_MISSING
    pairs: list[tuple[bytes, bytes]] = []
    for item in message.notification_items:
        notification = item.notification_request_item
        signature, content = notification.additional_data.hmac_signature, _content(notification)
        if signature is None:
            return Reason.SIGNATURE_MISSING
        if content is None:
            return Reason.SIGNATURE_INVALID
        pairs.append((signature.encode(), content))
    return lambda secret: _made_by(pairs, secret=secret)


def delivery_id(signed: SignedRequest) -> str | None:
    """Return what Adyen repeats: event code and PSP reference, where there is one item."""
    message = read(signed.body, _Message)
    if message is None or len(message.notification_items) != 1:
        return None
    item = message.notification_items[0].notification_request_item
    return f"{item.event_code}:{item.psp_reference}" if item.event_code and item.psp_reference else None


def _content(item: _Notification) -> bytes | None:
    before = (item.psp_reference, item.original_reference, item.merchant_account_code)
    after = (item.amount.value, item.amount.currency, item.event_code, item.success)
    first, last = [[_text(value) for value in values] for values in (before, after)]
    # They are joined without escapes, so a colon in more than one could move the borders between them. Only
    # the merchant's own reference is known to have colons.
    if any(":" in text for text in (*first, *last)):
        return None
    return ":".join([*first, _text(item.merchant_reference), *last]).encode()


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _made_by(pairs: list[tuple[bytes, bytes]], *, secret: bytes) -> bool:
    if not _KEY.fullmatch(secret):
        return False
    key = bytes.fromhex(secret.decode())
    right = [
        hmac.compare_digest(signature, base64.b64encode(hmac.digest(key, content, "sha256")))
        for signature, content in pairs
    ]
    return all(right)

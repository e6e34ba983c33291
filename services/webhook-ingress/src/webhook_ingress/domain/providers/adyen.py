"""Adyen: https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures/

Standard webhooks have a signature in each item of the body. It covers eight of the item's fields. The other
fields may be forged: a workflow should rely on those eight only.

All other webhooks (Balance Platform, Capital, recurring tokens) have it in the header ``HmacSignature``, over
the whole body, with ``Protocol: HmacSHA256``. Where both are there, both have to be right. One key may make
both, so the contents have to differ: such a body begins with ``{``, and the fields of an item do not.
"""

import base64
import hmac
import re
from typing import Final

import msgspec

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.json_body import Part, is_costly, read
from webhook_ingress.domain.providers.delivery_ids import of_body
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_MOST_ITEMS: Final = 100
"""In one body: Adyen sends one, and up to a few where they are grouped."""
_HEADER: Final = "hmacsignature"
_PROTOCOL: Final = "HmacSHA256"
_OBJECT: Final = b"{"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)
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
    """Read the header's signature and those of the items: at least one kind is there, and all are right."""
    in_header, in_body = _of_header(signed), _of_items(signed)
    if in_header is Reason.SIGNATURE_MISSING:
        return in_body
    if in_body is Reason.SIGNATURE_MISSING or isinstance(in_header, Reason):
        return in_header
    if isinstance(in_body, Reason):
        return in_body
    return lambda secret: in_header(secret) and in_body(secret)


def _of_header(signed: SignedRequest) -> SignatureCheck:
    if not signed.request.values(_HEADER):
        return Reason.SIGNATURE_MISSING
    signature, protocols = signed.header(_HEADER), signed.request.values("protocol")
    is_object = signed.body.lstrip().startswith(_OBJECT)
    if signature is None or not _BASE64.fullmatch(signature) or not is_object or set(protocols) - {_PROTOCOL}:
        return Reason.SIGNATURE_INVALID
    pairs = [(signature.encode(), signed.body)]
    return lambda secret: _made_by(pairs, secret=secret)


def _of_items(signed: SignedRequest) -> SignatureCheck:
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
    """Return what Adyen repeats: event code and PSP reference, where there is one item.

    A body that is signed in the header is repeated as it was.
    """
    message = read(signed.body, _Message)
    if message is not None and not message.notification_items:
        return of_body(signed)
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
    content = ":".join([*first, _text(item.merchant_reference), *last]).encode()
    return None if content.lstrip().startswith(_OBJECT) else content


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

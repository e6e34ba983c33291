"""Which key makes a repeated request the same execution. Asked only after the sender has been verified."""

import hashlib
import re
from typing import Any, Final

from trigger_contracts.deliveries import BodyReading
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_paths import Missing, value_at
from webhook_ingress.domain.json_body import read
from webhook_ingress.domain.presets import DeliveryId
from webhook_ingress.domain.signed_request import SignedRequest, raw

_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)
_HEADER: Final = "idempotency-key"


def key_of(
    signed: SignedRequest, *, delivery_id: DeliveryId | None, reading: BodyReading
) -> str | Reason | None:
    """Return the key: the delivery id where the request has one, else ``Idempotency-Key``.

    ``None`` is a request that names none; a reason, one whose key cannot be used.
    """
    sent = signed.request.values(_HEADER)
    if len(sent) > 1 or not all(_KEY.fullmatch(key) for key in sent):
        return Reason.MALFORMED_REQUEST
    if delivery_id is not None:
        key = _delivery_id_of(signed, source=delivery_id, reading=reading)
        if key is not None:
            return key
    return sent[0] if sent else None


def _delivery_id_of(
    signed: SignedRequest, *, source: DeliveryId, reading: BodyReading
) -> str | Reason | None:
    if source.header is not None:
        values = signed.request.values(source.header)
        if len(values) > 1:
            return Reason.MALFORMED_REQUEST
        return _recordable(values[0]) if values else None
    if source.body is not None:
        return _scalar(value_at(_value_of(signed, reading=reading), source.body))
    computed = source.compute(signed) if source.compute is not None else None
    return _recordable(computed) if computed is not None else None


def _value_of(signed: SignedRequest, *, reading: BodyReading) -> Any:
    """Return the body as the workflow gets it; what is plainly JSON, as most is, is read only as that."""
    value = read(signed.body, object)
    return signed.read_body(reading).value if value is None else value


def _scalar(value: Any) -> str | Reason | None:
    match value:
        case None | Missing():
            return None
        case bool():
            return Reason.MALFORMED_REQUEST
        case str():
            return _recordable(value)
        case int():
            return _recordable(str(value))
        case float() if value.is_integer():
            # 1.0 is 1: a sender's JSON library may write either.
            return _recordable(str(int(value)))
        case float():
            return _recordable(repr(value))
        case _:
            return Reason.MALFORMED_REQUEST


def _recordable(text: str) -> str | Reason:
    """Return the text, or the hash of one that a record could not hold as it is."""
    if not text:
        return Reason.MALFORMED_REQUEST
    if _KEY.fullmatch(text):
        return text
    try:
        return f"sha256:{hashlib.sha256(raw(text)).hexdigest()}"
    except UnicodeEncodeError:
        return Reason.MALFORMED_REQUEST

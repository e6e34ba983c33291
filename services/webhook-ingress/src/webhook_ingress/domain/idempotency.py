"""Which key makes a repeated request the same execution. Asked only after the sender has been verified."""

import hashlib
import re
from typing import Any, Final

from trigger_contracts.config import WebhookConfig
from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.json_body import at
from webhook_ingress.domain.presets import PRESETS, DeliveryId, Redelivery
from webhook_ingress.domain.verification import SignedRequest, raw

_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)
_HEADER: Final = "idempotency-key"


def key_of(config: WebhookConfig, *, signed: SignedRequest) -> str | Reason | None:
    """Return the key: from where the trigger says, else the provider, else ``Idempotency-Key``.

    ``None`` is a request that names none; a reason, one whose key is no key.
    """
    given = signed.request.values(_HEADER)
    if len(given) > 1 or not all(_KEY.fullmatch(key) for key in given):
        return Reason.MALFORMED_REQUEST
    for source in _sources(config):
        found = _at(source, signed=signed)
        if found is not None:
            return found
    return given[0] if given else None


def _sources(config: WebhookConfig) -> list[DeliveryId]:
    if (wanted := config.idempotency_key) is not None:
        return [DeliveryId(header=wanted.header.lower() if wanted.header else None, body=wanted.body)]
    preset = PRESETS.get(config.provider) if config.provider is not None else None
    if (
        preset is None
        or preset.delivery_id is None
        or preset.delivery_id.redelivery is Redelivery.NEW_EXECUTION
    ):
        return []
    return [preset.delivery_id]


def _at(source: DeliveryId, *, signed: SignedRequest) -> str | Reason | None:
    if source.header is not None:
        values = signed.request.values(source.header)
        if len(values) > 1:
            return Reason.MALFORMED_REQUEST
        return _fitting(values[0]) if values else None
    if source.body is not None:
        return _scalar(at(signed.body, source.body))
    made = source.made(signed) if source.made is not None else None
    return _fitting(made) if made is not None else None


def _scalar(value: Any) -> str | Reason | None:
    match value:
        case None:
            return None
        case bool():
            return Reason.MALFORMED_REQUEST
        case str():
            return _fitting(value)
        case int():
            return _fitting(str(value))
        case _:
            return Reason.MALFORMED_REQUEST


def _fitting(text: str) -> str | Reason:
    """Return the text, or the hash of one that a record could not hold as it is."""
    if not text:
        return Reason.MALFORMED_REQUEST
    if _KEY.fullmatch(text):
        return text
    try:
        return f"sha256:{hashlib.sha256(raw(text)).hexdigest()}"
    except UnicodeEncodeError:
        return Reason.MALFORMED_REQUEST

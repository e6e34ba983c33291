"""Putting deliveries that are already encoded into one message."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from trigger_contracts.codec import encode
from trigger_contracts.deliveries import (
    FIRST_REASONS,
    DeliveriesAccepted,
    DeliveriesRejected,
    DeliveriesRejected2,
    Delivery,
    RejectedDelivery,
)

HEADROOM: Final = 4096
"""Bytes of a message that are not deliveries: the envelope and the NATS headers."""

_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """A batch ends before the delivery that would take it over one of these; one always fits."""

    bytes: int
    deliveries: int


def encoded(delivery: Delivery) -> bytes:
    """Return a delivery as it stands in a message: encoded once, so that its size is known."""
    return _encoder.encode(delivery)


def accepted_message(deliveries: Iterable[bytes], *, kind: type[DeliveriesAccepted]) -> bytes:
    """Return the message of encoded accepted deliveries, in the version that they need."""
    return encode(kind(deliveries=_raw(deliveries)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRejection:
    """A refusal as it stands in a message, and whether readers of version 1 know its reason."""

    data: bytes
    is_in_first_version: bool


def encoded_rejection(delivery: RejectedDelivery) -> EncodedRejection:
    """Encode a refusal."""
    return EncodedRejection(data=encoded(delivery), is_in_first_version=delivery.reason in FIRST_REASONS)


def rejected_message(rejections: Sequence[EncodedRejection], *, dropped: int) -> bytes:
    """Return the message of refusals: of version 1 while its readers know every reason."""
    in_first = all(one.is_in_first_version for one in rejections)
    message = DeliveriesRejected if in_first else DeliveriesRejected2
    return encode(message(deliveries=_raw(one.data for one in rejections), dropped=dropped))


def _raw(deliveries: Iterable[bytes]) -> Any:
    return cast("Any", tuple(msgspec.Raw(delivery) for delivery in deliveries))

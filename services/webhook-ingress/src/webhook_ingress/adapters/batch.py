"""Putting deliveries that are already encoded into one message."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from trigger_contracts.codec import encode
from trigger_contracts.deliveries import DeliveriesAccepted, DeliveriesRejected, Delivery

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


def rejected_message(deliveries: Iterable[bytes], *, dropped: int) -> bytes:
    """Return the message of encoded refused deliveries."""
    return encode(DeliveriesRejected(deliveries=_raw(deliveries), dropped=dropped))


def _raw(deliveries: Iterable[bytes]) -> Any:
    return cast("Any", tuple(msgspec.Raw(delivery) for delivery in deliveries))

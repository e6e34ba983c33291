"""Streams ``DELIVERIES`` and ``REJECTIONS``: webhook requests, accepted or refused, in batches.

A body that no message should hold is an object of the JetStream store ``streams.DELIVERY_BODIES``; its
delivery travels in a message of its own, which carries the claim check.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message, Part
from trigger_contracts.config import Time


class RejectionReason(StrEnum):
    """Why a request started nothing: a closed list, for records, metrics and responses."""

    UNKNOWN_TRIGGER = "unknown_trigger"
    TRIGGER_DISABLED = "trigger_disabled"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_INVALID = "credential_invalid"
    TIMESTAMP_INVALID = "timestamp_invalid"
    """The signed time is missing, malformed, or too far from now."""
    SECRET_UNAVAILABLE = "secret_unavailable"  # noqa: S105 - a reason, not a secret
    NOT_SUPPORTED = "not_supported"
    """The trigger has an option that the ingress cannot enforce."""
    IP_NOT_ALLOWED = "ip_not_allowed"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    BODY_INCOMPLETE = "body_incomplete"
    MALFORMED_REQUEST = "malformed_request"
    BODY_UNREADABLE = "body_unreadable"
    """The body is not what it claims to be, and the trigger takes no such body."""
    RATE_LIMITED = "rate_limited"
    HANDSHAKE = "handshake"
    """Not a refusal: a provider tested the address and got its reply; nothing started."""
    PROBE = "probe"
    """Not a refusal: HEAD or GET asked whether the address is there."""
    PATH_UNKNOWN = "path_unknown"
    """The address is below that of a trigger."""
    TRIGGER_DELETED = "trigger_deleted"
    FILTERED = "filtered"
    """Not a refusal: the trigger's ``filters`` or ``expression`` leave the delivery out."""
    CONDITION_FAILED = "condition_failed"
    """The trigger's ``expression`` says nothing of the delivery: a field is missing, or of another type."""
    REPEATED = "repeated"
    """Not a refusal: the same key was accepted before, and the response names the same execution."""


FIRST_REASONS: Final = frozenset(
    {
        RejectionReason.UNKNOWN_TRIGGER,
        RejectionReason.TRIGGER_DISABLED,
        RejectionReason.SIGNATURE_MISSING,
        RejectionReason.SIGNATURE_INVALID,
        RejectionReason.CREDENTIAL_MISSING,
        RejectionReason.CREDENTIAL_INVALID,
        RejectionReason.TIMESTAMP_INVALID,
        RejectionReason.SECRET_UNAVAILABLE,
        RejectionReason.NOT_SUPPORTED,
        RejectionReason.IP_NOT_ALLOWED,
        RejectionReason.METHOD_NOT_ALLOWED,
        RejectionReason.ORIGIN_NOT_ALLOWED,
        RejectionReason.BODY_TOO_LARGE,
        RejectionReason.BODY_INCOMPLETE,
        RejectionReason.MALFORMED_REQUEST,
        RejectionReason.RATE_LIMITED,
        RejectionReason.HANDSHAKE,
    }
)
"""What a reader of ``DeliveriesRejected/1`` knows; it takes no other. Never add to it."""


class Delivery(Part, frozen=True, kw_only=True):
    """One request and its response. Credentials in headers and query are already redacted."""

    id: UUID
    trigger_id: UUID | None
    """``None`` where the address held no trigger id at all."""
    workspace: str | None
    """``None`` where the trigger is unknown."""
    workflow_id: UUID | None
    trigger_name: str | None = None
    trigger_version: int | None = None
    request_id: str
    received_at: Time
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    """The exact bytes; base64 on the wire. Empty where a refused request's body was not read."""
    body_sha256: str
    """Lower-case hex, of the exact bytes that were read."""
    client_address: str | None = None
    user_agent: str | None = None
    response_status: int
    response_body: str
    processing_ms: float
    secret_id: UUID | None = None
    """Which of the trigger's secrets matched."""
    visible_names: tuple[str, ...] = ()
    """Names of headers and of query parameters that the log need not hide, as the trigger lists them."""


class BodyReading(Part, frozen=True, kw_only=True):
    """What the trigger and its provider say of how the body is to be read."""

    json_fields: tuple[str, ...] = ()
    """Fields of a form whose text is JSON."""
    raw_body: bool = False
    """Whether the workflow gets the exact bytes, too."""


class AcceptedDelivery(Delivery, frozen=True, kw_only=True):
    """A request whose response is, or will be, 202."""

    trigger_id: UUID
    workspace: str
    workflow_id: UUID
    execution_id: UUID
    idempotency_key: str | None = None
    reading: BodyReading | None = None
    """``None`` is the usual reading. Any other needs version 2 of the message."""


class RejectedDelivery(Delivery, frozen=True, kw_only=True):
    """A request that started nothing."""

    reason: str
    """A ``RejectionReason``, or one of a later release."""
    execution_id: UUID | None = None
    """Of a repetition: the execution that its key started before."""
    idempotency_key: str | None = None
    detail: str | None = None
    """The reason in words, where the response does not say it. Older readers pass over it."""


class DeliveriesAccepted(Message, tag="DeliveriesAccepted/1", frozen=True, kw_only=True):
    """On ``deliveries.accepted``: at least one delivery."""

    deliveries: tuple[AcceptedDelivery, ...]


class DeliveriesAccepted2(DeliveriesAccepted, tag="DeliveriesAccepted/2", frozen=True, kw_only=True):
    """Where one of the deliveries has a ``reading``: a reader of version 1 would read its body otherwise."""


class ClaimCheck(Part, frozen=True, kw_only=True):
    """Where a body is in the object store, and how to recognise it."""

    key: UUID
    """The object's name: the delivery's id."""
    size: int
    """Bytes."""
    sha256: str
    """Lower-case hex, of the bytes that were stored. A reader compares before it believes them."""


class LargeDeliveryAccepted(Message, tag="LargeDeliveryAccepted/1", frozen=True, kw_only=True):
    """On ``deliveries.accepted``: one delivery without its body, stored after the object it points to.

    Not a field of ``DeliveriesAccepted``: a reader that does not know claim checks would read an empty body.
    So it gets a message that it does not know, and parks it.
    """

    delivery: AcceptedDelivery
    """Its ``body`` is empty."""
    claim: ClaimCheck


class LargeDeliveryAccepted2(LargeDeliveryAccepted, tag="LargeDeliveryAccepted/2", frozen=True, kw_only=True):
    """Where the delivery has a ``reading``."""


class DeliveriesRejected(Message, tag="DeliveriesRejected/1", frozen=True, kw_only=True):
    """On ``deliveries.rejected``: every reason is one of ``FIRST_REASONS``."""

    deliveries: tuple[RejectedDelivery, ...]
    dropped: int = 0
    """Refusals that were counted but not recorded since the last batch, under a flood."""


class DeliveriesRejected2(DeliveriesRejected, tag="DeliveriesRejected/2", frozen=True, kw_only=True):
    """The same with reasons of any text, so that a new one needs no further version."""


ACCEPTED: Final[Codec[DeliveriesAccepted | LargeDeliveryAccepted]] = Codec(
    DeliveriesAccepted, DeliveriesAccepted2, LargeDeliveryAccepted, LargeDeliveryAccepted2
)
DELIVERIES: Final[Codec[DeliveriesAccepted | LargeDeliveryAccepted | DeliveriesRejected]] = Codec(
    DeliveriesAccepted,
    DeliveriesAccepted2,
    LargeDeliveryAccepted,
    LargeDeliveryAccepted2,
    DeliveriesRejected,
    DeliveriesRejected2,
)

"""What the use case needs of the world, and how that says that it cannot."""

from asyncio import Future
from typing import Protocol
from uuid import UUID

import msgspec

from trigger_contracts.config import Time
from trigger_contracts.deliveries import AcceptedDelivery, RejectedDelivery
from webhook_ingress.domain.admission import Accepted, HandshakeReplied, Rejected
from webhook_ingress.domain.rate_limit import Rate
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.trigger import DeletedTrigger, WebhookTrigger


class UnavailableError(Exception):
    """The request cannot be judged or stored now. The text is for the caller: it names no internals."""


class DeliveryTooLargeError(Exception):
    """The record of the request is over what one message on the bus may hold."""


# A Struct and not a dataclass, as all that is made for each request: a fifteenth of the cost.
class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the sender gets. ``content_type`` is the whole header field, and empty where there is no body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = ""


class Triggers(Protocol):
    """The webhook triggers that there are."""

    def find(self, trigger_id: UUID) -> WebhookTrigger | DeletedTrigger | None:
        """Return the trigger; ``UnavailableError`` where that is not known yet."""


class AcceptedLog(Protocol):
    """Where accepted deliveries go."""

    def publish(self, delivery: AcceptedDelivery) -> "Future[None]":
        """Return what is done once the bus has it; ``UnavailableError``, ``DeliveryTooLargeError``."""


class RejectedLog(Protocol):
    """Where refused deliveries go."""

    def record(self, delivery: RejectedDelivery) -> None:
        """Take it, or count it where there is no room; never waits, never fails."""

    def count(self) -> None:
        """Count one that is not to be recorded."""


class SecretUses(Protocol):
    """Where the uses of older secrets go."""

    def note(self, trigger_id: UUID, *, secret_id: UUID, at: Time) -> None:
        """Take it in, or let it go; never waits, never fails."""


class ConditionFailures(Protocol):
    """Where it goes that a trigger's expression could say nothing of a delivery."""

    def note(self, trigger: WebhookTrigger, *, at: Time, detail: str) -> None:
        """Take it in; never waits, never fails. ``detail`` holds no value of the delivery."""


class Responses(Protocol):
    """How verdicts look to the caller."""

    def accepted(
        self,
        request: WebhookRequest,
        *,
        trigger: WebhookTrigger,
        execution_id: UUID,
        verdict: Accepted,
        rate: Rate | None,
    ) -> HttpResponse: ...
    def left_out(
        self,
        request: WebhookRequest,
        *,
        trigger: WebhookTrigger,
        verdict: Accepted,
        rate: Rate | None,
    ) -> HttpResponse: ...
    def refused(
        self,
        request: WebhookRequest,
        *,
        trigger: WebhookTrigger | None,
        verdict: Rejected,
        rate: Rate | None,
    ) -> HttpResponse: ...
    def handshake(
        self, request: WebhookRequest, *, trigger: WebhookTrigger, verdict: HandshakeReplied
    ) -> HttpResponse: ...
    def unavailable(
        self, request: WebhookRequest, *, trigger: WebhookTrigger | None, detail: str
    ) -> HttpResponse: ...
    def preflight(self, request: WebhookRequest, *, trigger: WebhookTrigger | None) -> HttpResponse: ...

"""Receiving a webhook request: find the trigger, decide, put it on record, answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from trigger_contracts import ids
from trigger_contracts.config import Time
from trigger_contracts.deliveries import AcceptedDelivery, RejectedDelivery, RejectionReason
from webhook_ingress.domain.admission import Accepted, Rejected, decide_admission, rejected
from webhook_ingress.domain.answer import Answer
from webhook_ingress.domain.delivery import Attempt, accepted_delivery, rejected_delivery
from webhook_ingress.domain.request import Body, WebhookRequest
from webhook_ingress.domain.scrubbing import Scrubber
from webhook_ingress.domain.trigger import WebhookTrigger

log = structlog.stdlib.get_logger(__name__)

ReadBody = Callable[[], Awaitable[Body]]


class UnavailableError(Exception):
    """The request cannot be judged or stored now. The text is for the caller: it names no internals."""


class DeliveryTooLargeError(Exception):
    """The record of the request is over what one message on the bus may hold."""


class Triggers(Protocol):
    """The webhook triggers that there are."""

    def find(self, trigger_id: UUID) -> WebhookTrigger | None:
        """Return the trigger; ``UnavailableError`` where that cannot be told yet."""


class AcceptedLog(Protocol):
    """Where accepted deliveries go."""

    async def store(self, delivery: AcceptedDelivery) -> None:
        """Return once the bus has it; ``UnavailableError``, ``DeliveryTooLargeError``."""


class RejectedLog(Protocol):
    """Where refused deliveries go."""

    def record(self, delivery: RejectedDelivery) -> None:
        """Take it, or count it where there is no room; never waits, never fails."""


class Answers(Protocol):
    """How verdicts look to the caller."""

    def accepted(self, request: WebhookRequest, *, trigger: WebhookTrigger, execution_id: UUID) -> Answer: ...
    def refused(
        self, request: WebhookRequest, *, trigger: WebhookTrigger | None, verdict: Rejected
    ) -> Answer: ...
    def unavailable(
        self, request: WebhookRequest, *, trigger: WebhookTrigger | None, detail: str
    ) -> Answer: ...
    def preflight(self, request: WebhookRequest, *, trigger: WebhookTrigger | None) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time and randomness. ``clock`` is UTC, ``monotonic`` in seconds; ``tally`` counts outcomes by name."""

    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    random_bytes: Callable[[int], bytes]
    tally: Callable[[str], None]

    def new_id(self) -> UUID:
        """Return a UUIDv7 of this moment."""
        unix_ms = int(self.clock().timestamp() * 1000)
        return ids.uuid7(unix_ms=unix_ms, randomness=self.random_bytes(10))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    request: WebhookRequest
    received_at: Time
    begun: float


class ReceiveDelivery:
    """The use case; ``longest_rejected_body`` is in bytes."""

    def __init__(
        self,
        triggers: Triggers,
        *,
        accepted: AcceptedLog,
        rejected: RejectedLog,
        answers: Answers,
        surroundings: Surroundings,
        longest_rejected_body: int,
    ) -> None:
        self._triggers = triggers
        self._accepted = accepted
        self._rejected = rejected
        self._answers = answers
        self._around = surroundings
        self._longest_rejected_body = longest_rejected_body

    def preflight(self, request: WebhookRequest) -> Answer:
        """Tell a browser what it may send. Starts nothing and leaves no record."""
        try:
            return self._answers.preflight(request, trigger=self._find(request))
        except UnavailableError as error:
            return self._unavailable(request, trigger=None, error=error)

    def holds_secret(self, trigger_id: UUID, *, text: str) -> bool:
        """Tell whether a text that goes into logs and answers holds one of the trigger's secrets."""
        try:
            return Scrubber(self._triggers.find(trigger_id)).found_in(text.encode())
        except UnavailableError:
            # Nothing is known of the trigger, its secrets least of all.
            return False

    async def receive(self, request: WebhookRequest, *, read_body: ReadBody) -> Answer:
        """Return the answer; 202 only once the bus has the delivery."""
        arrival = _Arrival(request=request, received_at=self._around.clock(), begun=self._around.monotonic())
        try:
            if self._find(request) is None:
                # A stranger's body is not worth reading when nothing can come of it.
                return self._refuse(arrival, trigger=None, body=b"", verdict=_UNKNOWN)
            body = await read_body()
            # Looked up again: what happened on CONFIG while the body came in is already in force.
            trigger = self._find(request)
        except UnavailableError as error:
            return self._unavailable(request, trigger=None, error=error)
        verdict = decide_admission(trigger, request=request, body=body, now=self._around.clock())
        if isinstance(verdict, Rejected) or trigger is None:
            refusal = verdict if isinstance(verdict, Rejected) else _UNKNOWN
            return self._refuse(arrival, trigger=trigger, body=body, verdict=refusal)
        return await self._accept(arrival, trigger=trigger, body=body, verdict=verdict)

    def _nearby(self, request: WebhookRequest) -> WebhookTrigger | None:
        try:
            return None if request.below_id is None else self._triggers.find(request.below_id)
        except UnavailableError:
            return None

    def _find(self, request: WebhookRequest) -> WebhookTrigger | None:
        return None if request.trigger_id is None else self._triggers.find(request.trigger_id)

    async def _accept(
        self, arrival: _Arrival, *, trigger: WebhookTrigger, body: Body, verdict: Accepted
    ) -> Answer:
        key = verdict.idempotency_key
        execution_id = self._around.new_id() if key is None else ids.keyed_execution_id(trigger.id, key=key)
        structlog.contextvars.bind_contextvars(execution_id=str(execution_id))
        answer = self._answers.accepted(arrival.request, trigger=trigger, execution_id=execution_id)
        delivery = accepted_delivery(
            self._attempt(arrival, body=body, answer=answer),
            trigger=trigger,
            verdict=verdict,
            execution_id=execution_id,
        )
        try:
            await self._accepted.store(delivery)
        except UnavailableError as error:
            return self._unavailable(arrival.request, trigger=trigger, error=error)
        except DeliveryTooLargeError:
            too_large = rejected(RejectionReason.BODY_TOO_LARGE)
            return self._refuse(arrival, trigger=trigger, body=body, verdict=too_large)
        self._around.tally("accepted")
        return answer

    def _refuse(
        self, arrival: _Arrival, *, trigger: WebhookTrigger | None, body: Body, verdict: Rejected
    ) -> Answer:
        if verdict.reason is RejectionReason.SECRET_UNAVAILABLE and trigger is not None:
            log.error(
                "no secret to verify with",
                trigger_id=str(trigger.id),
                trigger_version=trigger.version,
                unopened=[str(secret_id) for secret_id in trigger.unopened],
            )
        answer = self._answers.refused(arrival.request, trigger=trigger, verdict=verdict)
        delivery = rejected_delivery(
            self._attempt(arrival, body=body, answer=answer),
            trigger=trigger,
            reason=verdict.reason,
            longest_body=self._longest_rejected_body,
            scrubber=Scrubber(trigger or self._nearby(arrival.request)),
        )
        self._rejected.record(delivery)
        self._around.tally(verdict.reason)
        return answer

    def _unavailable(
        self, request: WebhookRequest, *, trigger: WebhookTrigger | None, error: UnavailableError
    ) -> Answer:
        log.warning("delivery not taken", reason=str(error))
        self._around.tally("unavailable")
        return self._answers.unavailable(request, trigger=trigger, detail=str(error))

    def _attempt(self, arrival: _Arrival, *, body: Body, answer: Answer) -> Attempt:
        return Attempt(
            delivery_id=self._around.new_id(),
            request=arrival.request,
            body=body,
            received_at=arrival.received_at,
            processing_ms=round((self._around.monotonic() - arrival.begun) * 1000, 3),
            answer=answer,
        )


_UNKNOWN = rejected(RejectionReason.UNKNOWN_TRIGGER)

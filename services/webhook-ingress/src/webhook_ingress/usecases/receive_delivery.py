"""Receives a webhook request: find the trigger, decide, put it on record, respond."""

from asyncio import Future
from uuid import UUID

import structlog

from trigger_contracts import ids
from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.domain.accepted_keys import AcceptedKeys
from webhook_ingress.domain.admission import (
    BODY_NOT_READ,
    Accepted,
    HandshakeReplied,
    Rejected,
    decide_admission,
    decide_before_body,
    rejected,
    trigger_at,
)
from webhook_ingress.domain.clock_and_ids import ClockAndIds
from webhook_ingress.domain.delivery import Repetition, accepted_delivery
from webhook_ingress.domain.rate_limit import Rate, RateLimits
from webhook_ingress.domain.request import Body, ReceivedRequest, WebhookRequest
from webhook_ingress.domain.scrubbing import Scrubber
from webhook_ingress.domain.trigger import DeletedTrigger, WebhookTrigger
from webhook_ingress.ports import (
    HttpResponse,
    Responses,
    SecretUses,
    Triggers,
    UnavailableError,
)
from webhook_ingress.usecases.delivery_storage import DeliveryStorage, PendingDelivery
from webhook_ingress.usecases.refusals import Refusals
from webhook_ingress.usecases.request_records import RequestRecords

log = structlog.stdlib.get_logger(__name__)


class ReceiveDelivery:
    """The use case."""

    def __init__(
        self,
        triggers: Triggers,
        *,
        storage: DeliveryStorage,
        refusals: Refusals,
        records: RequestRecords,
        responses: Responses,
        secret_uses: SecretUses,
        rates: RateLimits,
        accepted_keys: AcceptedKeys,
        clock: ClockAndIds,
        public_url: str | None = None,
    ) -> None:
        self._triggers = triggers
        self._storage = storage
        self._refusals = refusals
        self._records = records
        self._responses = responses
        self._secret_uses = secret_uses
        self._rates = rates
        self._accepted_keys = accepted_keys
        self._clock = clock
        self._public_url = public_url

    def holds_secret(self, trigger_id: UUID, *, text: str) -> bool:
        """Tell whether a text that goes into logs and responses holds one of the trigger's secrets."""
        named = self._known(trigger_id)
        return isinstance(named, WebhookTrigger) and Scrubber(named).contains_secret(text.encode())

    def _known(self, trigger_id: UUID) -> WebhookTrigger | DeletedTrigger | None:
        try:
            return self._triggers.find(trigger_id)
        except UnavailableError:
            # Nothing is known of the trigger, its secrets least of all.
            return None

    def received(self, request: WebhookRequest) -> ReceivedRequest:
        """Note when a request came."""
        return ReceivedRequest(request=request, received_at=self._clock.now(), begun=self._clock.monotonic())

    def respond_before_body(self, received: ReceivedRequest) -> HttpResponse | None:
        """Return the response to a request whose body does not matter."""
        trigger = self._trigger_of(received)
        if isinstance(trigger, HttpResponse):
            return trigger
        refusal = decide_before_body(trigger, request=received.request, public_url=self._public_url)
        if refusal is None:
            return None
        return self._refusals.refuse(received, trigger=trigger, body=b"", verdict=refusal)

    def receive(self, received: ReceivedRequest, *, body: Body) -> "HttpResponse | Future[HttpResponse]":
        """Return the response: at once to a request that starts nothing, else once the bus has the delivery.

        The trigger is looked up now: what changed while the body came in is already in force.
        """
        trigger = self._trigger_of(received)
        if isinstance(trigger, HttpResponse):
            return trigger
        judged = self._judge(received, trigger=trigger, body=body)
        return judged if isinstance(judged, HttpResponse) else self._storage.take(judged)

    def malformed(self, trigger_id: UUID, *, request_id: str, response: HttpResponse) -> bool:
        """Put on record what names a trigger and is no request; tell whether there is that trigger."""
        owner = self._known(trigger_id)
        if owner is not None:
            self._records.malformed(owner, request_id=request_id, response=response)
        return owner is not None

    def _trigger_of(self, received: ReceivedRequest) -> WebhookTrigger | HttpResponse:
        """Return the trigger that takes a request, or the response where the address is enough for one."""
        request = received.request
        try:
            named = None if request.trigger_id is None else self._triggers.find(request.trigger_id)
        except UnavailableError as error:
            return self.unavailable(received, error=error)
        trigger = trigger_at(named, request=request)
        if request.method == "OPTIONS" and request.is_preflight:
            taken_by = trigger if isinstance(trigger, WebhookTrigger) else None
            return self._responses.preflight(request, trigger=taken_by)
        if isinstance(trigger, WebhookTrigger):
            return trigger
        response = self._responses.refused(request, trigger=None, verdict=trigger, rate=None)
        self._records.record(received, owner=named, body=b"", response=response, reason=trigger.reason)
        return response

    def _judge(
        self, received: ReceivedRequest, *, trigger: WebhookTrigger, body: Body
    ) -> HttpResponse | PendingDelivery:
        """Return the response to a request that starts nothing, or what has to be stored first."""
        verdict = decide_admission(
            trigger, request=received.request, body=body, now=self._clock.now(), public_url=self._public_url
        )
        if isinstance(verdict, Rejected):
            if verdict.reason in BODY_NOT_READ:
                # Whether the body happened to come along with the head must not show in the record.
                body = b""
            return self._refusals.refuse(received, trigger=trigger, body=body, verdict=verdict)
        self._note_use(trigger, secret_id=verdict.secret_id)
        if isinstance(verdict, HandshakeReplied):
            return self._reply(received, trigger=trigger, body=body, verdict=verdict)
        if (repetition := self._repetition(trigger, key=verdict.idempotency_key)) is not None:
            return self._repeat(received, trigger=trigger, body=body, verdict=verdict, repetition=repetition)
        rate = self._rate(trigger)
        if rate is not None and rate.is_exceeded:
            too_fast = rejected(RejectionReason.RATE_LIMITED)
            return self._refusals.refuse(received, trigger=trigger, body=body, verdict=too_fast, rate=rate)
        return self._accept(received, trigger=trigger, body=body, verdict=verdict, rate=rate)

    def _repetition(self, trigger: WebhookTrigger, *, key: str | None) -> Repetition | None:
        if key is None or trigger.config.rate_limit is None:
            return None
        execution_id = ids.delivery_execution_id(trigger.id, key=key)
        if not self._accepted_keys.has(execution_id, now=self._clock.monotonic()):
            return None
        return Repetition(execution_id=execution_id, key=key)

    def _repeat(
        self,
        received: ReceivedRequest,
        *,
        trigger: WebhookTrigger,
        body: Body,
        verdict: Accepted,
        repetition: Repetition,
    ) -> HttpResponse:
        """Respond as before, and start nothing: a flood of repetitions must not pass the limit."""
        response = self._responses.accepted(
            received.request,
            trigger=trigger,
            execution_id=repetition.execution_id,
            verdict=verdict,
            rate=None,
        )
        self._records.record(
            received,
            owner=trigger,
            body=body,
            response=response,
            reason=RejectionReason.REPEATED,
            repetition=repetition,
        )
        return response

    def _accept(
        self,
        received: ReceivedRequest,
        *,
        trigger: WebhookTrigger,
        body: Body,
        verdict: Accepted,
        rate: Rate | None,
    ) -> PendingDelivery:
        key = verdict.idempotency_key
        execution_id = (
            self._clock.new_id(received.received_at)
            if key is None
            else ids.delivery_execution_id(trigger.id, key=key)
        )
        response = self._responses.accepted(
            received.request, trigger=trigger, execution_id=execution_id, verdict=verdict, rate=rate
        )
        delivery = accepted_delivery(
            self._records.recorded(received, body=body, response=response),
            trigger=trigger,
            verdict=verdict,
            execution_id=execution_id,
        )
        return PendingDelivery(
            received=received,
            trigger=trigger,
            body=body,
            verdict=verdict,
            rate=rate,
            response=response,
            delivery=delivery,
        )

    def _reply(
        self, received: ReceivedRequest, *, trigger: WebhookTrigger, body: Body, verdict: HandshakeReplied
    ) -> HttpResponse:
        response = self._responses.handshake(received.request, trigger=trigger, verdict=verdict)
        self._records.record(
            received, owner=trigger, body=body, response=response, reason=RejectionReason.HANDSHAKE
        )
        return response

    def _rate(self, trigger: WebhookTrigger) -> Rate | None:
        limit = trigger.config.rate_limit
        if limit is None:
            return None
        return self._rates.take(trigger.id, limit=limit, now=self._clock.monotonic())

    def _note_use(self, trigger: WebhookTrigger, *, secret_id: UUID | None) -> None:
        secret = trigger.secret(secret_id) if secret_id is not None else None
        if secret is not None and secret.valid_until is not None:
            self._secret_uses.note(trigger.id, secret_id=secret.id, at=self._clock.now())

    def unavailable(
        self, received: ReceivedRequest, *, error: UnavailableError, trigger: WebhookTrigger | None = None
    ) -> HttpResponse:
        """Return the 503."""
        return self._refusals.unavailable(received, error=error, trigger=trigger)

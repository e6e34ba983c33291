"""Which requests that started nothing are put on record, and what is put there."""

from collections.abc import Callable

import structlog

from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.domain.clock_and_ids import ClockAndIds
from webhook_ingress.domain.delivery import RecordedRequest, Repetition, rejected_delivery
from webhook_ingress.domain.rate_limit import Quota
from webhook_ingress.domain.request import Body, ReceivedRequest, WebhookRequest
from webhook_ingress.domain.scrubbing import Scrubber
from webhook_ingress.domain.selection import LeftOut
from webhook_ingress.domain.trigger import DeletedTrigger, WebhookTrigger
from webhook_ingress.ports import HttpResponse, RejectedLog

log = structlog.stdlib.get_logger(__name__)


class RequestRecords:
    """Records what started nothing. No one may look at a request without an owner, so those have a quota."""

    def __init__(
        self,
        log: RejectedLog,
        *,
        clock: ClockAndIds,
        unknown: Quota,
        count_outcome: Callable[[str], None],
        longest_body: int,
    ) -> None:
        """``longest_body`` is in bytes; larger ones are left out."""
        self._log = log
        self._clock = clock
        self._unknown = unknown
        self._count_outcome = count_outcome
        self._longest_body = longest_body

    def record(
        self,
        received: ReceivedRequest,
        *,
        owner: WebhookTrigger | DeletedTrigger | None,
        body: Body,
        response: HttpResponse,
        reason: RejectionReason,
        repetition: Repetition | None = None,
        left_out: LeftOut | None = None,
        key: str | None = None,
    ) -> None:
        """Put a request into the log of its owner; without one, only count it where the quota is used up."""
        self._count_outcome(reason)
        if owner is None and not self._unknown.take(self._clock.monotonic()):
            self._log.count()
            return
        delivery = rejected_delivery(
            self.recorded(received, body=body, response=response),
            owner=owner,
            reason=reason,
            longest_body=self._longest_body,
            scrubber=Scrubber(owner if isinstance(owner, WebhookTrigger) else None),
            repetition=repetition,
            left_out=left_out,
            key=key,
        )
        self._log.record(delivery)

    def recorded(self, received: ReceivedRequest, *, body: Body, response: HttpResponse) -> RecordedRequest:
        """Return a request with its response."""
        return RecordedRequest(
            delivery_id=self._clock.new_id(received.received_at),
            received=received,
            body=body,
            processing_ms=round((self._clock.monotonic() - received.begun) * 1000, 3),
            response_status=response.status,
            response_body=response.body,
        )

    def malformed(
        self, owner: WebhookTrigger | DeletedTrigger, *, request_id: str, response: HttpResponse
    ) -> None:
        """Put on record that what named a trigger was not a request. Nothing else in it is believed."""
        request = WebhookRequest(
            request_id=request_id, trigger_id=owner.id, method="", path=f"/api/webhooks/{owner.id}"
        )
        received = ReceivedRequest(
            request=request, received_at=self._clock.now(), begun=self._clock.monotonic()
        )
        self.record(
            received,
            owner=owner,
            body=b"",
            response=response,
            reason=RejectionReason.MALFORMED_REQUEST,
        )


def log_mendable(
    trigger: WebhookTrigger, *, reason: RejectionReason, request: WebhookRequest, public_url: str | None
) -> None:
    """Write a line where a request was refused because of what an operator can put right."""
    which = {"trigger_id": str(trigger.id), "trigger_version": trigger.version}
    if reason is RejectionReason.SECRET_UNAVAILABLE:
        unopened = [str(secret_id) for secret_id in trigger.unopened]
        log.error("no secret to verify with", **which, unopened=unopened, request_id=request.request_id)
    elif reason is RejectionReason.NOT_SUPPORTED:
        option = trigger.rules.unsupported_option(public_url=public_url)
        log.error("option not supported", **which, option=option, request_id=request.request_id)

"""Refuses a request: responds, and puts it on record."""

from collections.abc import Callable

import structlog

from webhook_ingress.domain.admission import Rejected
from webhook_ingress.domain.rate_limit import Rate
from webhook_ingress.domain.request import Body, ReceivedRequest
from webhook_ingress.domain.trigger import WebhookTrigger
from webhook_ingress.ports import HttpResponse, Responses, UnavailableError
from webhook_ingress.usecases.request_records import RequestRecords, log_mendable

log = structlog.stdlib.get_logger(__name__)


class Refusals:
    """What is refused for a reason is on record; what cannot be taken now is counted and logged."""

    def __init__(
        self,
        records: RequestRecords,
        *,
        responses: Responses,
        count_outcome: Callable[[str], None],
        public_url: str | None,
    ) -> None:
        self._records = records
        self._responses = responses
        self._count_outcome = count_outcome
        self._public_url = public_url

    def refuse(
        self,
        received: ReceivedRequest,
        *,
        trigger: WebhookTrigger,
        body: Body,
        verdict: Rejected,
        rate: Rate | None = None,
    ) -> HttpResponse:
        """Return the refusal."""
        log_mendable(trigger, reason=verdict.reason, request=received.request, public_url=self._public_url)
        response = self._responses.refused(received.request, trigger=trigger, verdict=verdict, rate=rate)
        self._records.record(received, owner=trigger, body=body, response=response, reason=verdict.reason)
        return response

    def unavailable(
        self, received: ReceivedRequest, *, error: UnavailableError, trigger: WebhookTrigger | None = None
    ) -> HttpResponse:
        """Return the 503."""
        request = received.request
        log.warning("delivery not taken", reason=str(error), request_id=request.request_id)
        self._count_outcome("unavailable")
        return self._responses.unavailable(request, trigger=trigger, detail=str(error))

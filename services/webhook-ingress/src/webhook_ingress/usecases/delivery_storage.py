"""What becomes of a delivery that is authentic and in order: it is left out, or stored and promised."""

from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from trigger_contracts.deliveries import AcceptedDelivery, RejectionReason
from webhook_ingress.domain.accepted_keys import AcceptedKeys
from webhook_ingress.domain.admission import Accepted, rejected
from webhook_ingress.domain.clock_and_ids import ClockAndIds
from webhook_ingress.domain.rate_limit import Rate
from webhook_ingress.domain.request import Body, ReceivedRequest
from webhook_ingress.domain.selection import LeftOut, Selection, left_out
from webhook_ingress.domain.trigger import WebhookTrigger
from webhook_ingress.ports import (
    AcceptedLog,
    ConditionFailures,
    DeliveryTooLargeError,
    HttpResponse,
    Responses,
    UnavailableError,
)
from webhook_ingress.usecases.refusals import Refusals
from webhook_ingress.usecases.request_records import RequestRecords

InThread = Callable[[Callable[[], LeftOut | None], str], "Future[LeftOut | None]"]
"""Does a workspace's work in a thread; what takes too long is a ``TimeoutError``."""

_SHORT_BODY: Final = 16 * 1024
"""Bytes of a body that is read and asked of at once: about a millisecond."""


class PendingDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted request that gets its response once its delivery is stored."""

    received: ReceivedRequest
    trigger: WebhookTrigger
    body: Body
    verdict: Accepted
    rate: Rate | None
    response: HttpResponse
    delivery: AcceptedDelivery


class DeliveryStorage:
    """Asks the trigger's filters and expression, then gives the delivery to the bus."""

    def __init__(
        self,
        log: AcceptedLog,
        *,
        records: RequestRecords,
        responses: Responses,
        refusals: Refusals,
        failures: ConditionFailures,
        in_thread: InThread,
        longest_inline: int,
        accepted_keys: AcceptedKeys,
        clock: ClockAndIds,
        count_outcome: Callable[[str], None],
    ) -> None:
        """``longest_inline`` is in bytes: a larger body travels apart from its delivery."""
        self._log = log
        self._records = records
        self._responses = responses
        self._refusals = refusals
        self._failures = failures
        self._in_thread = in_thread
        self._longest_inline = longest_inline
        self._accepted_keys = accepted_keys
        self._clock = clock
        self._count_outcome = count_outcome

    def take(self, pending: PendingDelivery) -> "HttpResponse | Future[HttpResponse]":
        """Return the response, or what will be it once the bus has the delivery."""
        if (selection := pending.trigger.selection) is None:
            return self._store(pending)
        return self._select(pending, selection=selection)

    def _select(
        self, pending: PendingDelivery, *, selection: Selection
    ) -> "HttpResponse | Future[HttpResponse]":
        """Ask the filters and the expression: of a long body in a thread, for others wait meanwhile."""
        ask = partial(left_out, selection, delivery=pending.delivery, longest_inline=self._longest_inline)
        if len(pending.delivery.body) <= _SHORT_BODY:
            return self._selected(pending, left=ask())
        response: Future[HttpResponse] = Future()
        asked = self._in_thread(ask, pending.trigger.workspace)
        asked.add_done_callback(partial(self._selected_later, pending, response))
        return response

    def _selected_later(
        self, pending: PendingDelivery, response: "Future[HttpResponse]", asked: "Future[LeftOut | None]"
    ) -> None:
        if response.cancelled():
            return
        try:
            if asked.cancelled() or isinstance(asked.exception(), TimeoutError):
                late = UnavailableError("The request could not be looked at in time.")
                response.set_result(
                    self._refusals.unavailable(pending.received, trigger=pending.trigger, error=late)
                )
                return
            outcome = self._selected(pending, left=asked.result())
        except Exception as error:  # noqa: BLE001 - the endpoint makes a 500 of it
            response.set_exception(error)
            return
        if isinstance(outcome, HttpResponse):
            response.set_result(outcome)
        else:
            outcome.add_done_callback(partial(_hand_on, response))

    def _selected(
        self, pending: PendingDelivery, *, left: LeftOut | None
    ) -> "HttpResponse | Future[HttpResponse]":
        if left is None:
            return self._store(pending)
        trigger = pending.trigger
        if left.error is not None:
            self._failures.note(trigger, at=self._clock.now(), detail=left.error)
        response = self._responses.left_out(
            pending.received.request, trigger=trigger, verdict=pending.verdict, rate=pending.rate
        )
        self._records.record(
            pending.received,
            owner=trigger,
            body=pending.body,
            response=response,
            reason=left.reason,
            left_out=left,
            key=pending.verdict.idempotency_key,
        )
        return response

    def _store(self, pending: PendingDelivery) -> "Future[HttpResponse]":
        response: Future[HttpResponse] = Future()
        self._log.publish(pending.delivery).add_done_callback(partial(self._settle, pending, response))
        return response

    def _settle(
        self, pending: PendingDelivery, response: "Future[HttpResponse]", stored: "Future[None]"
    ) -> None:
        """Respond now that the bus has the delivery, or does not."""
        try:
            response.set_result(self._response(pending, error=stored.exception()))
        except Exception as error:  # noqa: BLE001 - the endpoint makes a 500 of it
            response.set_exception(error)

    def _response(self, pending: PendingDelivery, *, error: BaseException | None) -> HttpResponse:
        match error:
            case None:
                self._count_outcome("accepted")
                if pending.trigger.config.rate_limit is not None and pending.delivery.idempotency_key:
                    self._accepted_keys.add(pending.delivery.execution_id, now=self._clock.monotonic())
                return pending.response
            case DeliveryTooLargeError():
                too_large = rejected(RejectionReason.BODY_TOO_LARGE)
                return self._refusals.refuse(
                    pending.received, trigger=pending.trigger, body=pending.body, verdict=too_large
                )
            case UnavailableError():
                return self._refusals.unavailable(pending.received, trigger=pending.trigger, error=error)
            case _:
                raise error


def _hand_on(response: "Future[HttpResponse]", outcome: "Future[HttpResponse]") -> None:
    if response.cancelled():
        return
    error = outcome.exception()
    if error is None:
        response.set_result(outcome.result())
    else:
        response.set_exception(error)

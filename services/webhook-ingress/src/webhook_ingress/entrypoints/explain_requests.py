"""Requests over the bus to test a trigger with a sample: nothing is started, recorded or counted."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

import msgspec
import structlog

from trigger_contracts import codec
from trigger_contracts.codec import ContractError
from trigger_contracts.config import TriggerState
from trigger_contracts.samples import EXPLAIN_REQUESTS, DeliveryExplained, ExplainDelivery, SampleCheck
from trigger_contracts.schedule_requests import FailureCode, RequestFailed
from trigger_matching import Check
from webhook_ingress.domain.explanation import Explanation, explain
from webhook_ingress.domain.redaction import REDACTED
from webhook_ingress.domain.request import Headers, WebhookRequest
from webhook_ingress.domain.scrubbing import Scrubber
from webhook_ingress.domain.trigger import WebhookTrigger
from webhook_ingress.ports import Triggers, UnavailableError

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

_MAX_REPLY_BYTES: Final = 900 * 1024


class ExplainRequests:
    """Answers ``ExplainDelivery``."""

    def __init__(
        self,
        triggers: Triggers,
        *,
        open_draft: Callable[[TriggerState], WebhookTrigger],
        in_thread: Callable[[Callable[[], Explanation], str], Awaitable[Explanation]],
        now: Callable[[], datetime],
        public_url: str | None,
        longest_inline: int,
    ) -> None:
        self._triggers = triggers
        self._open_draft = open_draft
        self._in_thread = in_thread
        self._now = now
        self._public_url = public_url
        self._longest_inline = longest_inline

    async def handle(self, data: bytes) -> bytes:
        """Return the reply to a request."""
        try:
            request = EXPLAIN_REQUESTS.decode(data)
            trigger = self._trigger(request)
        except ContractError as error:
            log.warning("request not understood", reason=str(error))
            return _failed("unknown request type", code=FailureCode.UNKNOWN_REQUEST)
        except UnavailableError as error:
            return _failed(str(error), code=FailureCode.UNAVAILABLE)
        if trigger is None:
            return _failed("webhook-ingress does not know the trigger yet", code=FailureCode.NOT_FOUND)
        work = partial(
            explain,
            trigger,
            request=_request(request),
            body=request.sample.body,
            now=self._now(),
            public_url=self._public_url,
            longest_inline=self._longest_inline,
            is_recorded=request.sample.is_recorded,
        )
        return _reply(await self._in_thread(work, trigger.workspace), trigger=trigger)

    def _trigger(self, request: ExplainDelivery) -> WebhookTrigger | None:
        if request.draft is not None:
            return self._open_draft(request.draft)
        trigger = self._triggers.find(request.trigger_id)
        is_theirs = isinstance(trigger, WebhookTrigger) and trigger.workspace == request.workspace
        return trigger if is_theirs and isinstance(trigger, WebhookTrigger) else None


def _request(request: ExplainDelivery) -> WebhookRequest:
    sample = request.sample
    path = sample.path or f"/api/webhooks/{request.trigger_id}"
    return WebhookRequest(
        request_id="sample",
        trigger_id=request.trigger_id,
        method=sample.method,
        path=path,
        target=path,
        query=sample.query,
        headers=Headers(tuple([(name.lower(), value) for name, value in sample.headers])),
        client_address=sample.client_address,
    )


def _reply(explanation: Explanation, *, trigger: WebhookTrigger) -> bytes:
    reply = DeliveryExplained(
        would_run=explanation.would_run,
        checks=tuple(map(_shown, explanation.checks)),
        payload=explanation.payload,
    )
    data = codec.encode(reply)
    if len(data) > _MAX_REPLY_BYTES or Scrubber(trigger).contains_secret(data):
        # A sample may hold the secret; the reply goes to all who may read the trigger.
        reply = msgspec.structs.replace(reply, payload=REDACTED, checks=tuple(map(_bare, reply.checks)))
        data = codec.encode(reply)
    return data


def _shown(check: Check) -> SampleCheck:
    return SampleCheck(
        name=check.name,
        outcome=check.outcome.value,
        path=check.path,
        expected=check.expected,
        actual=check.actual,
        detail=check.error,
    )


def _bare(check: SampleCheck) -> SampleCheck:
    return SampleCheck(name=check.name, outcome=check.outcome, path=check.path, detail=check.detail)


def _failed(reason: str, *, code: FailureCode) -> bytes:
    return codec.encode(RequestFailed(reason=reason, code=code))

"""The API that shows how many requests the webhooks get."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web

from execution_recorder.domain.webhook_rates import ACCEPTED, Span
from execution_recorder.entrypoints.views import View
from execution_recorder.ports import OutcomeCount, Owners, TriggerTraffic, WebhookRates
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response
from trigger_runtime.web.problem import ProblemError, not_found
from trigger_runtime.web.tokens import TokenVerifier

_SCOPE: Final = "triggers:read"
_MOST_SPANS: Final = 1440
"""A day by minute, sixty days by hour: as many items as an answer may have."""
_USUAL_SPANS: Final = {Span.MINUTE: 60, Span.HOUR: 24}
_USUAL_HOURS: Final = 24
_MOST_HOURS: Final = 168
_HOURS_BY_MINUTE: Final = 2
"""Up to here the window ends now; longer ones end with the hour, for every trigger's counts are added up."""


class SpanView(View, frozen=True, kw_only=True):
    """The requests of one minute or hour."""

    starts_at: datetime
    requests: int
    outcomes: dict[str, int]
    mean_processing_time_ms: float


class TriggerRatesView(View, frozen=True, kw_only=True):
    """A trigger's requests from ``from`` to before ``to``; spans without any are left out of ``items``."""

    trigger_id: UUID
    span: Span
    since: datetime = msgspec.field(name="from")
    until: datetime = msgspec.field(name="to")
    requests: int
    accepted: int
    items: Sequence[SpanView]


class TrafficView(View, frozen=True, kw_only=True):
    """A trigger's requests in the window, and in as long a window before it."""

    trigger_id: UUID
    requests: int
    accepted: int
    requests_before: int | None
    """``None`` where counting does not reach back so far."""


class BusiestView(View, frozen=True, kw_only=True):
    """The busiest triggers of the last hours."""

    since: datetime = msgspec.field(name="from")
    until: datetime = msgspec.field(name="to")
    items: Sequence[TrafficView]


def rate_routes(
    rates: WebhookRates, *, owners: Owners, tokens: TokenVerifier, now: Callable[[], datetime]
) -> list[web.AbstractRouteDef]:
    """Return the routes. As in the history, nothing outside the token's workspace exists."""
    shown = _Rates(rates, owners=owners, tokens=tokens, now=now)
    return [
        web.get("/api/webhook-rates", shown.list_busiest),
        web.get("/api/triggers/{id}/webhook-rates", shown.show_of_trigger),
    ]


class _Rates:
    def __init__(
        self, rates: WebhookRates, *, owners: Owners, tokens: TokenVerifier, now: Callable[[], datetime]
    ) -> None:
        self._rates = rates
        self._owners = owners
        self._tokens = tokens
        self._now = now

    async def show_of_trigger(self, request: web.Request) -> web.Response:
        workspace = (await self._tokens.principal(request, scope=_SCOPE)).workspace
        queries.refuse_unknown(request, known={"span", "from", "to"})
        trigger_id = queries.path_id(request, what="trigger")
        span = Span(queries.choice_of(request, "span", among=list(Span)) or Span.HOUR)
        since, until = self._range(request, span=span)
        counts = await self._rates.of_trigger(
            trigger_id, workspace=workspace, span=span, since=since, until=until
        )
        # Rows are read by workspace, so any one proves the trigger ours.
        if not counts and await self._owners.owner(trigger_id) != workspace:
            raise not_found("trigger")
        view = TriggerRatesView(
            trigger_id=trigger_id,
            span=span,
            since=since,
            until=until,
            requests=sum(count.requests for count in counts),
            accepted=sum(count.requests for count in counts if count.outcome == ACCEPTED),
            items=_spans(counts),
        )
        return json_response(view)

    async def list_busiest(self, request: web.Request) -> web.Response:
        workspace = (await self._tokens.principal(request, scope=_SCOPE)).workspace
        queries.refuse_unknown(request, known={"hours", "limit"})
        hours = queries.number_of(request, "hours", default=_USUAL_HOURS, highest=_MOST_HOURS)
        limit = queries.limit_of(request, default=20)
        window = timedelta(hours=hours)
        span = Span.MINUTE if hours <= _HOURS_BY_MINUTE else Span.HOUR
        until = span.end(self._now())
        before = until - 2 * window
        first = await self._rates.first(workspace=workspace, span=span)
        traffic = await self._rates.busiest(
            workspace=workspace, span=span, before=before, since=until - window, until=until, limit=limit
        )
        is_whole = first is not None and first <= before
        items = [_traffic(one, is_whole=is_whole) for one in traffic]
        return json_response(BusiestView(since=until - window, until=until, items=items))

    def _range(self, request: web.Request, *, span: Span) -> tuple[datetime, datetime]:
        """Return the whole spans that the parameters touch."""
        since, until = queries.time_of(request, "from"), queries.time_of(request, "to")
        try:
            until = span.end(until or self._now())
            since = until - _USUAL_SPANS[span] * span.length if since is None else span.start(since)
        except OverflowError:
            raise _bad_range("The time is at the end of the calendar") from None
        if since >= until:
            raise _bad_range("'from' is not before 'to'")
        if until - since > _MOST_SPANS * span.length:
            raise _bad_range(f"The range has more than {_MOST_SPANS} {span.value}s; ask for less, or by hour")
        return since, until


def _bad_range(reason: str) -> ProblemError:
    return ProblemError(400, code="bad_parameter", detail=f"Query parameters 'from' and 'to': {reason}.")


def _spans(counts: Sequence[OutcomeCount]) -> Sequence[SpanView]:
    spans = []
    for starts_at, group in groupby(counts, key=lambda count: count.starts_at):
        of_span = list(group)
        requests = sum(count.requests for count in of_span)
        spans.append(
            SpanView(
                starts_at=starts_at,
                requests=requests,
                outcomes={count.outcome: count.requests for count in of_span},
                mean_processing_time_ms=sum(count.processing_time_ms for count in of_span) / requests,
            )
        )
    return spans


def _traffic(one: TriggerTraffic, *, is_whole: bool) -> TrafficView:
    return TrafficView(
        trigger_id=one.trigger_id,
        requests=one.requests,
        accepted=one.accepted,
        requests_before=one.before if is_whole else None,
    )

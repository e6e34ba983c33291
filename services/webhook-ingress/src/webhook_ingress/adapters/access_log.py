"""What the log and the metrics say of requests and their responses."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from trigger_runtime.lifecycle import BackgroundTask
from trigger_runtime.metrics import Metrics
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.trigger_rates import Outcome, TriggerRates
from webhook_ingress.ports import HttpResponse
from webhook_ingress.settings import AccessLogDetail

log = structlog.stdlib.get_logger(__name__)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUSIEST: Final = 20
_UNTOLD: Final = frozenset({404, 503})
_REFUSED: Final = 400
_SUMMARY_SECONDS: Final = 10.0


class _BusiestTriggers(Collector):
    """The busiest triggers by name: labels come and go, so there are never many."""

    def __init__(self, rates: TriggerRates) -> None:
        self._rates = rates

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "webhook_trigger_requests_per_minute",
            f"Requests in the last whole minute of the {_BUSIEST} busiest triggers, and of all others.",
            labels=["trigger", "fate"],
        )
        for one in self._rates.busiest(_BUSIEST, now=time.monotonic()):
            name = "other" if one.trigger_id is None else str(one.trigger_id)
            family.add_metric([name, one.outcome.value], one.requests)
        yield family


class AccessLog(BackgroundTask):
    """A component. Every request is on record on the bus; the log of a busy door would be a second one.

    So it writes one line for every ten seconds in which there were requests, unless it is asked for each.
    """

    def __init__(self, metrics: Metrics, *, detail: AccessLogDetail, route: str) -> None:
        super().__init__("access log", self._summarise_forever)
        self._metrics = metrics
        self._detail = detail
        self._route = route
        self._histograms: dict[tuple[str, int], Any] = {}
        self._statuses: Counter[int] = Counter()
        self._slowest = 0.0
        self._rates = TriggerRates()
        metrics.registry.register(_BusiestTriggers(self._rates))

    def observe(self, request: WebhookRequest, response: HttpResponse, seconds: float) -> None:
        """Take in a request with its response, and the seconds that it took."""
        status = response.status
        key = (request.method if request.method in _METHODS else "OTHER", status)
        histogram = self._histograms.get(key)
        if histogram is None:
            histogram = self._histograms[key] = self._metrics.requests.labels(
                method=key[0], route=self._route, status=str(status)
            )
        histogram.observe(seconds)
        # A trigger that does not exist is a stranger's invention; preflights and outages do not tell.
        if request.trigger_id is not None and status not in _UNTOLD and not request.is_preflight:
            outcome = Outcome.TAKEN if status < _REFUSED else Outcome.REFUSED
            self._rates.note(request.trigger_id, outcome=outcome, now=time.monotonic())
        if self._detail is AccessLogDetail.EACH:
            log.info(
                "request",
                method=key[0],
                route=self._route,
                status=status,
                ms=round(seconds * 1000, 2),
                request_id=request.request_id,
                execution_id=dict(response.headers).get("X-Execution-Id"),
            )
            return
        self._statuses[status] += 1
        self._slowest = max(self._slowest, seconds)

    async def stop(self) -> None:
        """Say what has not been said yet."""
        await super().stop()
        self._summarise()

    async def _summarise_forever(self) -> None:
        while True:
            await asyncio.sleep(_SUMMARY_SECONDS)
            self._summarise()

    def _summarise(self) -> None:
        if not self._statuses:
            return
        log.info(
            "requests",
            route=self._route,
            count=self._statuses.total(),
            statuses={str(status): count for status, count in sorted(self._statuses.items())},
            slowest_ms=round(self._slowest * 1000, 2),
        )
        self._statuses.clear()
        self._slowest = 0.0

"""The metrics that the plumbing itself keeps. Services add theirs to the same registry."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from trigger_runtime import logs, zone_data


class _LogLines(Collector):
    """What the log counts."""

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "log_lines", "Log lines of level warning and worse, by what they say.", labels=["level", "event"]
        )
        for (level, event), count in sorted(logs.counts().items()):
            family.add_metric([level, event], count)
        yield family


class Metrics:
    """One registry a process, made in the composition root."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_LogLines())
        _show_zone_data(self.registry)
        self.messages = Counter(
            "bus_messages_total",
            "Messages settled by a durable consumer.",
            ["durable", "outcome"],
            registry=self.registry,
        )
        self.unsettled = Gauge(
            "bus_messages_unsettled",
            "Messages of a durable consumer in work or waiting for their next attempt, in all processes.",
            ["durable"],
            registry=self.registry,
        )
        self.pending = Gauge(
            "bus_messages_pending",
            "Messages of a durable consumer that were not delivered yet.",
            ["durable"],
            registry=self.registry,
        )
        self.paced_dropped = Counter(
            "bus_paced_messages_dropped_total",
            "Messages that a paced publisher dropped: the bus did not take them, or too many waited.",
            ["publisher"],
            registry=self.registry,
        )
        self.requests = Histogram(
            "http_request_seconds",
            "Time to answer, by route template.",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )


def _show_zone_data(registry: CollectorRegistry) -> None:
    zones = zone_data.in_force()
    edition = Gauge(
        "time_zone_data",
        "1, with the edition of the time zone database that decides, and whose copy it is.",
        ["edition", "source"],
        registry=registry,
    )
    edition.labels(edition=zones.edition, source=zones.source.value).set(1)
    old = Gauge("time_zone_data_old", "1 where newer editions must be out by now.", registry=registry)
    old.set_function(lambda: zones.is_old(datetime.now(UTC)))

"""The metrics that the plumbing itself keeps. Services add theirs to the same registry."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector


class Metrics:
    """One registry a process, made in the composition root."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.messages = Counter(
            "bus_messages_total",
            "Messages settled by a durable consumer.",
            ["durable", "outcome"],
            registry=self.registry,
        )
        self.requests = Histogram(
            "http_request_seconds",
            "Time to answer, by route template.",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )

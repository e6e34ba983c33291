"""What this service counts beside the plumbing's metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class IngressMetrics:
    """Made once, in the composition root."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Looking a label up costs more than counting; outcomes are a closed list.
        self._counters: dict[str, Counter] = {}
        self._outcomes = Counter(
            "webhook_deliveries_total",
            "Webhook requests by outcome: accepted, unavailable, unreadable, or the reason of the refusal.",
            ["outcome"],
            registry=registry,
        )
        self.batch_deliveries = Histogram(
            "webhook_batch_deliveries",
            "Deliveries in one stored message.",
            ["lane"],
            registry=registry,
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
        )
        self.publish_failures = Counter(
            "webhook_publish_failures_total",
            "Publishes that the bus did not confirm.",
            ["lane"],
            registry=registry,
        )
        self.dropped_rejections = Counter(
            "webhook_rejections_dropped_total",
            "Refusals that were counted but not recorded, because too many waited for the bus.",
            registry=registry,
        )
        self.dropped_secret_uses = Counter(
            "webhook_secret_uses_dropped_total",
            "Uses of older secrets that were not published: the bus was unavailable, or they were too many.",
            registry=registry,
        )
        self.failed_conditions = Counter(
            "webhook_conditions_failed_total",
            "Expressions that could say nothing of a delivery: a field is missing, or of another type.",
            registry=registry,
        )
        self.held_body_bytes = Gauge(
            "webhook_held_body_bytes", "Bytes of bodies that are still being received.", registry=registry
        )
        self.triggers = Gauge("webhook_triggers", "Webhook triggers in the directory.", registry=registry)

    def count_outcome(self, outcome: str) -> None:
        """Count one request. Outcomes are a closed list."""
        counter = self._counters.get(outcome)
        if counter is None:
            counter = self._counters[outcome] = self._outcomes.labels(outcome=outcome)
        counter.inc()

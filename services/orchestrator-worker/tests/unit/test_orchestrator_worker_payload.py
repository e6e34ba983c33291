"""What a webhook's delivery is to a workflow."""

from datetime import UTC, datetime
from uuid import UUID

from orchestrator_worker.domain.payload import delivery_payload
from trigger_contracts.deliveries import AcceptedDelivery

JSON = "application/json"


def test_the_envelope_of_a_delivery() -> None:
    delivery = AcceptedDelivery(
        id=UUID(int=1),
        trigger_id=UUID(int=2),
        workspace="acme",
        workflow_id=UUID(int=3),
        execution_id=UUID(int=4),
        request_id="r",
        received_at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        method="PUT",
        path="/api/webhooks/x",
        query=(("a", "1"), ("b", ""), ("a", "2")),
        headers=(
            ("X-Tag", "one"),
            ("Cookie", "a=1"),
            ("content-type", JSON),
            ("x-tag", "two"),
            ("cookie", "b=2"),
        ),
        body=b'{"ref": "main"}',
        body_sha256="",
        response_status=202,
        response_body="",
        processing_ms=0.5,
    )
    assert delivery_payload(delivery) == {
        "headers": {"x-tag": "one, two", "cookie": "a=1; b=2", "content-type": JSON},
        "body": {"ref": "main"},
        "bodyFormat": "json",
        "bodyProblem": None,
        "query": {"a": ["1", "2"], "b": ""},
        "method": "PUT",
        "timestamp": "2026-01-02T03:04:05.678000Z",
        "triggerId": str(UUID(int=2)),
    }

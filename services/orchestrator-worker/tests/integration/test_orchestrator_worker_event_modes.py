"""Real publishers: both modes of CloudEvents over the real bus, and types as they are in the wild."""

import json
from typing import Any

import pytest

from trigger_contracts import ids, streams
from trigger_contracts.config import EventConfig
from trigger_contracts.executions import ExecutionStarted

pytestmark = pytest.mark.integration

OUTPUT = {
    "nodes": {"out": {"type": "output", "config": {"value": "{{trigger.payload.data}}"}}},
    "entryPoint": "out",
}


@pytest.mark.parametrize(
    ("event_type", "pattern"),
    [
        ("com.example.bitbucket.repo:push", "com.example.bitbucket.repo:push"),
        ("https://example.com/types/order", "https://example.com/types/order"),
        ("bestellung.geändert", "bestellung.*"),
        ("日本.作成@1", "日本.作成@1"),
        ("$SYS.x", "$SYS.*"),
    ],
)
async def test_a_type_that_the_bus_takes_starts_its_triggers_in_both_modes(
    bench: Any, event_type: str, pattern: str
) -> None:
    workflow_id = await bench.workflow(OUTPUT)
    trigger = await bench.trigger(
        EventConfig(event_type=pattern, expression="event.data.total > 5"), workflow_id=workflow_id
    )
    other = await bench.trigger(EventConfig(event_type="order.created"), workflow_id=workflow_id)
    event = {
        "specversion": "1.0",
        "id": "structured",
        "source": "/shop",
        "type": event_type,
        "data": {"total": 6},
    }
    async with bench.serving():
        await bench.bus.publish(
            streams.event(event_type),
            json.dumps(event).encode(),
            headers={"Content-Type": "application/cloudevents+json", "ce-id": "of the header"},
        )
        await bench.bus.publish(
            streams.event(event_type),
            b'{"total": 7}',
            headers={
                "ce-specversion": "1.0",
                "ce-id": "binary",
                "ce-source": "/shop",
                "ce-type": "".join(f"%{byte:02X}" for byte in event_type.encode()),
                "ce-subject": "caf%C3%A9 %25",
            },
        )
        for event_id, total in (("structured", 6), ("binary", 7)):
            execution_id = ids.event_execution_id(trigger.id, source="/shop", event_id=event_id)
            assert (await bench.end(execution_id)).outputs == {"total": total}
            unrelated = ids.event_execution_id(other.id, source="/shop", event_id=event_id)
            assert await bench.facts(unrelated) == []
    binary = ids.event_execution_id(trigger.id, source="/shop", event_id="binary")
    (started,) = [fact for fact in await bench.facts(binary) if isinstance(fact, ExecutionStarted)]
    assert started.payload["subject"] == "café %"
    assert await bench.messages("REFUSED_EVENTS") == []


async def test_what_is_no_event_is_refused_with_the_reason_on_record(bench: Any) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/shop", "ce-type": "order.created"}
    sent: list[tuple[bytes, dict[str, str], str]] = [
        (b'{"total": 5}', {}, "without specversion, id, source, type"),
        (b"[]", {"Content-Type": "application/cloudevents-batch+json"}, "a batch of events"),
        (b"x", {"Content-Type": "application/cloudevents+avro"}, "is not read"),
        (b"{}", {**headers, "ce-type": "order.paid"}, "is not the subject's"),
        (b"\xff", {**headers, "ce-datacontenttype": "text/plain"}, "utf-8"),
        (b"{}", {**headers, "ce-subject": "%FF"}, "utf-8"),
    ]
    async with bench.serving():
        for data, given, _reason in sent:
            await bench.bus.publish("events.order.created", data, headers=given)
        await bench.settled(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    records = {record.headers["Dead-Sequence"]: record for record in await bench.messages("REFUSED_EVENTS")}
    assert len(records) == len(sent)
    for number, (data, _given, reason) in enumerate(sent, start=1):
        record = records[str(number)]
        assert reason in record.headers["Dead-Reason"]
        assert record.data == data

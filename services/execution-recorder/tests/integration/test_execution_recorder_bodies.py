"""Bodies in the log: whatever they hold is recorded, and a later version of the message waits."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from trigger_contracts import deliveries, executions, streams
from trigger_contracts.codec import Codec
from trigger_contracts.deliveries import BodyReading, ClaimCheck
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.object_store import ObjectStore

pytestmark = pytest.mark.integration

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


async def test_a_reading_waits_for_a_recorder_that_knows_it(
    start: Callable[..., Awaitable[Any]],
    database_url: str,
    given: Any,
    eventually: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An older recorder takes messages of version 1 alone: it goes on with these and leaves the others."""
    body = b'payload={"n":7}'
    common = {"headers": (("Content-Type", FORM),), "reading": BodyReading(json_fields=("payload",))}
    plain, read, large = given.accepted(), given.accepted(body=body, **common), given.accepted(**common)
    older: Any = Codec(
        deliveries.DeliveriesAccepted, deliveries.LargeDeliveryAccepted, deliveries.DeliveriesRejected
    )
    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "DELIVERIES", older)
        recorder = await (await start(database_url)).ready()
        bus = next(part for part in recorder.service._components if isinstance(part, Bus))
        store = ObjectStore(bus, bucket=streams.DELIVERY_BODIES)
        sha256 = await store.put(str(large.id), data=body, seconds=10)
        claim = ClaimCheck(key=large.id, size=len(body), sha256=sha256)
        for message in (
            deliveries.DeliveriesAccepted2(deliveries=(read,)),
            deliveries.LargeDeliveryAccepted2(delivery=large, claim=claim),
        ):
            await recorder.publish(streams.DELIVERIES_ACCEPTED, message)
        await recorder.publish(*given.batch(plain))
        await recorder.shown(f"/api/webhook-logs/{plain.id}")

        async def both_wait() -> bool:
            info = await bus.js.consumer_info(streams.DELIVERIES.name, streams.RECORD_DELIVERIES)
            return bool(info.num_ack_pending == 2 and info.num_redelivered == 2)

        await eventually(both_wait)
    for waiting in (read, large):
        assert (await recorder.get(f"/api/webhook-logs/{waiting.id}")).status == 404
    await recorder.service.stop()
    newer = await (await start(database_url)).ready()

    async def both_are_recorded() -> bool:
        answers = [await newer.get(f"/api/webhook-logs/{one.id}") for one in (read, large)]
        return all(answer.status == 200 for answer in answers)

    await eventually(both_are_recorded, seconds=60)
    assert await newer.dead_letters() == []


BODIES: dict[str, tuple[bytes, str, Any]] = {
    "NUL in JSON": (b'{"n":"a\\u0000b","\\u0000":1}', JSON, {"n": "a\0b", "\0": 1}),
    "NUL in a form": (b"n=a%00b&%00=1", FORM, {"n": "a\0b", "\0": "1"}),
    "NUL in text": (b"a\0b", "text/plain", "a\0b"),
    "lone surrogate": (b'{"n":"\\ud83d"}', JSON, {"n": "\ufffd"}),
}


@pytest.mark.parametrize("case", BODIES)
async def test_characters_that_postgresql_refuses_are_on_record(recorder: Any, given: Any, case: str) -> None:
    body, content_type, value = BODIES[case]
    delivery = given.accepted(body=body, headers=(("Content-Type", content_type),))
    await recorder.publish(*given.batch(delivery))
    execution = given.execution(
        id=delivery.execution_id, trigger_id=delivery.trigger_id, workflow_id=delivery.workflow_id
    )
    completed = executions.ExecutionCompleted(
        execution=execution,
        temporal_workflow_id="w",
        temporal_run_id="r",
        at=given.now,
        outputs={"body": value},
    )
    await recorder.publish(streams.execution("completed"), completed)
    row = await recorder.shown(f"/api/webhook-logs/{delivery.id}")
    assert row["requestBody"] == value
    shown = await recorder.shown(
        f"/api/executions/{delivery.execution_id}", when=lambda item: item["status"] == "completed"
    )
    assert shown["outputs"] == {"body": value}

"""Bodies of deliveries become payloads; what an older worker would read otherwise waits for a newer one."""

import base64
import gzip
from typing import Any

import msgspec
import pytest

from orchestrator_worker.entrypoints import consumers
from trigger_contracts import streams
from trigger_contracts.codec import Codec, encode
from trigger_contracts.deliveries import (
    BodyReading,
    ClaimCheck,
    DeliveriesAccepted,
    DeliveriesAccepted2,
    LargeDeliveryAccepted,
    LargeDeliveryAccepted2,
)
from trigger_contracts.executions import ExecutionCompleted
from trigger_runtime.bus.object_store import ObjectStore

pytestmark = pytest.mark.integration

FORM = "application/x-www-form-urlencoded"
READING = BodyReading(json_fields=("payload",), raw_body=True)
ECHO = {
    "nodes": {
        "in": {"type": "input"},
        "out": {"type": "output", "config": {"value": "{{trigger.payload.body}}"}},
    },
    "edges": [{"source": "in", "target": "out"}],
    "entryPoint": "in",
}


async def test_a_reading_waits_for_a_worker_that_knows_it(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older worker takes messages of version 1 alone: it goes on with these and leaves the others."""
    workflow_id = await bench.workflow()
    plain = bench.delivery(workflow_id)
    body = b'payload={"n":7}'
    read = msgspec.structs.replace(bench.delivery(workflow_id, body=body, content_type=FORM), reading=READING)
    large = msgspec.structs.replace(read, id=bench.new_id(), execution_id=bench.new_id(), body=b"")
    store = ObjectStore(bench.bus, bucket=streams.DELIVERY_BODIES)
    older: Any = Codec(DeliveriesAccepted, LargeDeliveryAccepted)
    with monkeypatch.context() as patch:
        patch.setattr(consumers, "ACCEPTED", older)
        async with bench.serving():
            sha256 = await store.put(str(large.id), data=body, seconds=10)
            claim = ClaimCheck(key=large.id, size=len(body), sha256=sha256)
            for message in (
                DeliveriesAccepted2(deliveries=(read,)),
                LargeDeliveryAccepted2(delivery=large, claim=claim),
            ):
                await bench.bus.publish(streams.DELIVERIES_ACCEPTED, encode(message))
            await bench.deliver([plain])
            await bench.end(plain.execution_id)

            async def both_wait() -> bool:
                info = await bench.bus.js.consumer_info("DELIVERIES", streams.DISPATCH_DELIVERIES)
                return bool(info.num_ack_pending == 2 and info.num_redelivered == 2)

            await bench.eventually(both_wait)
        for waiting in (read, large):
            assert await bench.facts(waiting.execution_id) == []
    async with bench.serving():
        for waiting in (read, large):
            end = await bench.end(waiting.execution_id, seconds=60)
            assert isinstance(end, ExecutionCompleted)
            payload = (await bench.facts(waiting.execution_id))[0].payload
            assert payload["body"] == {"payload": {"n": 7}}
            assert base64.b64decode(payload["rawBody"]) == body
    assert await bench.messages("DEAD_LETTERS") == []


NUL = "\0"
BODIES: dict[str, tuple[bytes, str, Any, str | None]] = {
    "NUL in JSON": (b'{"n": "a\\u0000b", "\\u0000": 1}', "application/json", {"n": "a\0b", NUL: 1}, None),
    "NUL in a form": (b"n=a%00b&%00=1", FORM, {"n": "a\0b", NUL: "1"}, None),
    "NUL in text": (b"a\0b", "text/plain", "a\0b", None),
    "lone surrogate": (b'{"n": "\\ud83d"}', "application/json", {"n": "\ufffd"}, "replaced_characters"),
}


@pytest.mark.parametrize("case", BODIES)
async def test_characters_that_databases_refuse_lose_no_run(bench: Any, case: str) -> None:
    body, content_type, value, problem = BODIES[case]
    delivery = bench.delivery(await bench.workflow(ECHO), body=body, content_type=content_type)
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
    assert isinstance(end, ExecutionCompleted), end
    payload = (await bench.facts(delivery.execution_id))[0].payload
    assert (payload["body"], payload["bodyProblem"], end.outputs) == (value, problem, value)


async def test_the_exact_bytes_are_those_of_the_wire(bench: Any) -> None:
    sent = gzip.compress(b'{"n": 7}', mtime=0)
    delivery = bench.delivery(await bench.workflow(ECHO), body=sent)
    delivery = msgspec.structs.replace(
        delivery,
        headers=(*delivery.headers, ("Content-Encoding", "gzip")),
        reading=BodyReading(raw_body=True),
    )
    async with bench.serving():
        message = DeliveriesAccepted2(deliveries=(delivery,))
        await bench.bus.publish(streams.DELIVERIES_ACCEPTED, encode(message))
        end = await bench.end(delivery.execution_id)
    payload = (await bench.facts(delivery.execution_id))[0].payload
    assert (base64.b64decode(payload["rawBody"]), payload["body"]) == (sent, {"n": 7})
    assert isinstance(end, ExecutionCompleted)

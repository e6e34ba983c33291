"""Temporal: what crosses it comes back equal; it may be away; a worker runs once it is there."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from embedded_stack.servers import TemporalServer
from trigger_runtime.temporal import (
    DATA_CONVERTER,
    TemporalConnection,
    TemporalSettings,
    TemporalWorker,
)


class Inner(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    some_id: UUID
    at: datetime


class One(msgspec.Struct, frozen=True, kw_only=True, tag="one", tag_field="kind"):
    value: int


class Two(msgspec.Struct, frozen=True, kw_only=True, tag="two", tag_field="kind"):
    value: str
    position: Any = msgspec.UNSET


class Outer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    inner: Inner
    either: One | Two
    many: tuple[Inner, ...] = ()
    anything: Any = None
    data: bytes = b""
    note: str | msgspec.UnsetType = msgspec.UNSET


INNER = Inner(some_id=UUID(int=7), at=datetime(2026, 1, 31, 9, 0, 0, 123456, UTC))
OUTER = Outer(
    inner=INNER,
    either=Two(value="ä\x00"),
    many=(INNER, INNER),
    anything={"a": [1, 2.5, None, True, "x"]},
    data=b"\xff\x00",
)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (OUTER, Outer),
        (One(value=1), One | Two),
        ((INNER, INNER), tuple[Inner, ...]),
        ([INNER], list[Inner]),
        ({"a": INNER}, dict[str, Inner]),
        (UUID(int=1), UUID),
        (INNER.at, datetime),
        (timedelta(seconds=90), timedelta),
        (None, None),
        (None, Inner | None),
        (INNER, Inner | None),
        (b"\xff\x00", bytes),
        ("text", str),
        (5, int),
        (2.5, float),
        (True, bool),
        ({"a": [1, None, {"b": "c"}]}, None),
        ([], None),
        ("text", Any),
    ],
    ids=lambda value: str(getattr(value, "__name__", type(value).__name__)),
)
async def test_what_crosses_comes_back_equal(value: Any, hint: Any) -> None:
    payloads = await DATA_CONVERTER.encode([value])
    (found,) = await DATA_CONVERTER.decode(payloads, None if hint is None else [hint])
    assert found == value
    assert type(found) is type(value)


async def test_the_payload_is_plain_json_for_those_who_look_at_it() -> None:
    (payload,) = await DATA_CONVERTER.encode([OUTER])
    assert payload.metadata["encoding"] == b"json/plain"
    document = msgspec.json.decode(payload.data)
    assert document["inner"]["someId"] == str(UUID(int=7))
    assert "note" not in document
    assert "position" not in document["either"]


async def test_raw_json_is_carried_as_it_is() -> None:
    (payload,) = await DATA_CONVERTER.encode([msgspec.Raw(b'{"a": 1e400}')])
    assert payload.data == b'{"a": 1e400}'
    (payload,) = await DATA_CONVERTER.encode([msgspec.Raw(b'{"a": 1}')])
    (found,) = await DATA_CONVERTER.decode([payload], [msgspec.Raw])
    assert bytes(found) == b'{"a": 1}'
    assert (await DATA_CONVERTER.decode([payload])) == [{"a": 1}]


async def test_unknown_fields_are_ignored_and_damage_is_not() -> None:
    (payload,) = await DATA_CONVERTER.encode([{"kind": "one", "value": 1, "later": True}])
    assert await DATA_CONVERTER.decode([payload], [One]) == [One(value=1)]
    (payload,) = await DATA_CONVERTER.encode([{"kind": "one", "value": "x"}])
    with pytest.raises(msgspec.ValidationError):
        await DATA_CONVERTER.decode([payload], [One])
    with pytest.raises(RuntimeError, match="no known converter"):
        await DATA_CONVERTER.encode([object()])


@workflow.defn(name="echo", sandboxed=False)
class Echo:
    @workflow.run
    async def run(self, outer: Outer) -> Outer:
        found: Outer = await workflow.execute_activity(
            "mirror", outer, result_type=Outer, start_to_close_timeout=timedelta(seconds=10)
        )
        return found


@activity.defn(name="mirror")
async def mirror(outer: Outer) -> Outer:
    assert isinstance(outer.inner.some_id, UUID)
    return outer


@pytest.mark.integration
async def test_it_waits_for_the_server_works_and_survives_its_absence(
    temporal_server: Any, eventually: Any
) -> None:
    program: TemporalServer = temporal_server.program
    connection = TemporalConnection(TemporalSettings(temporal_address=program.address), identity="test")
    with pytest.raises(RuntimeError):
        _ = connection.client

    def make(client: Client) -> Worker:
        return Worker(client, task_queue="queue", workflows=[Echo], activities=[mirror])

    worker = TemporalWorker(connection, make=make)
    assert (connection.check(), worker.check()) == ("not connected yet", "not polling yet")
    await connection.start()
    await worker.start()
    await eventually(lambda: connection.check() == "unreachable")
    assert worker.check() == "not polling yet"

    await temporal_server.start()
    await asyncio.wait_for(connection.reachable(), 10)
    await eventually(lambda: connection.check() is None and worker.check() is None)
    found = await connection.client.execute_workflow(
        "echo", OUTER, id="one", task_queue="queue", result_type=Outer
    )
    assert found == OUTER

    temporal_server.kill()
    await eventually(lambda: connection.check() == "unreachable")
    await asyncio.wait_for(worker.stop(), 15)
    await connection.stop()
    assert worker.check() == "not polling yet"


async def test_what_never_started_stops() -> None:
    connection = TemporalConnection(TemporalSettings(), identity="test")
    await TemporalWorker(connection, make=lambda _client: pytest.fail("never made")).stop()
    await connection.stop()


async def test_stopping_without_a_server() -> None:
    connection = TemporalConnection(TemporalSettings(temporal_address="127.0.0.1:1"), identity="test")
    worker = TemporalWorker(connection, make=lambda _client: pytest.fail("never made"))
    await connection.start()
    await worker.start()
    await asyncio.sleep(0.05)
    await asyncio.wait_for(worker.stop(), 5)
    await asyncio.wait_for(connection.stop(), 5)

"""Objects: what is confirmed can be read, by everybody's client; what is not all there is never believed."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from nats import connect

from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.object_store import ObjectDamagedError, ObjectMissingError, ObjectStore

pytestmark = pytest.mark.integration

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The stream of the bucket, as contracts would describe it."""

    name: str = "OBJ_LARGE"
    subjects: Sequence[str] = ("$O.LARGE.C.>", "$O.LARGE.M.>")
    when_full: str = "new"
    max_age_seconds: int = 3600
    max_bytes: int = 8 * MIB
    max_per_subject: int = -1
    duplicate_window_seconds: int = 120


@pytest.fixture
async def bus(nats: Any) -> AsyncIterator[Bus]:
    bus = Bus(url=nats.url, client_name="test", streams=[Shape()])
    await bus.start()
    await bus.ready()
    yield bus
    await bus.stop()


def content(size: int) -> bytes:
    return hashlib.shake_256(b"content").digest(size)


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 3 * MIB + 17])
async def test_what_was_put_is_got(bus: Bus, size: int) -> None:
    store, data = ObjectStore(bus, bucket="LARGE"), content(size)
    sha256 = await store.put("one", data=data, seconds=10)
    await store.put("other", data=b"another object, stored in between", seconds=10)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert await store.get("one", size=size, sha256=sha256) == data


async def test_jetstreams_own_client_reads_it(bus: Bus, nats: Any) -> None:
    data = content(MIB)
    await ObjectStore(bus, bucket="LARGE").put("one", data=data, seconds=10)
    client = await connect(nats.url)
    found = await (await client.jetstream().object_store("LARGE")).get("one")
    assert found.data == data
    assert found.info.name == "one"
    await client.close()


async def test_what_is_not_there_is_missing(bus: Bus) -> None:
    store = ObjectStore(bus, bucket="LARGE")
    with pytest.raises(ObjectMissingError, match="0 of 5 bytes"):
        await store.get("one", size=5, sha256="")


async def test_an_object_that_lost_a_part_is_missing(bus: Bus) -> None:
    store, data = ObjectStore(bus, bucket="LARGE"), content(MIB)
    sha256 = await store.put("one", data=data, seconds=10)
    await bus.js.delete_msg("OBJ_LARGE", 2)
    with pytest.raises(ObjectMissingError):
        await store.get("one", size=MIB, sha256=sha256)


async def test_other_bytes_are_not_believed(bus: Bus) -> None:
    store, data = ObjectStore(bus, bucket="LARGE"), content(MIB)
    sha256 = await store.put("one", data=data, seconds=10)
    with pytest.raises(ObjectDamagedError):
        await store.get("one", size=MIB, sha256="0" * 64)
    # Cut off in the middle of a chunk it would be over the size.
    with pytest.raises(ObjectDamagedError):
        await store.get("one", size=MIB - 1, sha256=sha256)


async def test_a_full_store_refuses_and_keeps_what_it_has(bus: Bus) -> None:
    store, data = ObjectStore(bus, bucket="LARGE"), content(5 * MIB)
    sha256 = await store.put("one", data=data, seconds=10)
    with pytest.raises(BusUnavailableError, match="maximum bytes"):
        await store.put("two", data=data, seconds=10)
    assert await store.get("one", size=len(data), sha256=sha256) == data
    # Nothing is left of the one that was refused.
    state = (await bus.js.stream_info("OBJ_LARGE")).state
    assert state.messages == 5 * 4 + 1


async def test_without_a_bus_it_is_unavailable(nats: Any) -> None:
    bus = Bus(url=nats.url, client_name="test", streams=[])
    store = ObjectStore(bus, bucket="LARGE")
    with pytest.raises(BusUnavailableError):
        await store.put("one", data=b"x", seconds=1)
    with pytest.raises(BusUnavailableError):
        await store.get("one", size=1, sha256="")
    await bus.start()
    await bus.ready()
    # There is no such bucket.
    with pytest.raises(BusUnavailableError):
        await store.put("one", data=b"x", seconds=1)
    with pytest.raises(BusUnavailableError):
        await store.get("one", size=1, sha256="")
    await bus.stop()

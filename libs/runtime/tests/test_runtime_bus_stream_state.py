"""What a stream says of itself."""

from typing import Any

import pytest
from nats.aio.client import Client

from trigger_runtime.bus.connection import Bus, BusUnavailableError

pytestmark = pytest.mark.integration


async def test_a_stream_is_told_by_what_it_holds(nats: Any) -> None:
    client = Client()
    await client.connect(nats.url)
    js = client.jetstream()
    await js.add_stream(name="THINGS", subjects=["things.*"])
    bus = Bus(url=nats.url, client_name="test")
    await bus.start()
    await bus.ready()
    empty = await bus.stream_state("THINGS")
    assert (empty.last_sequence, empty.messages, empty.subjects) == (0, 0, 0)
    for subject in ("things.a", "things.b", "things.a"):
        await js.publish(subject, b"")
    full = await bus.stream_state("THINGS")
    assert (full.last_sequence, full.messages, full.subjects) == (3, 3, 2)
    await js.purge_stream("THINGS", subject="things.b")
    purged = await bus.stream_state("THINGS")
    assert (purged.last_sequence, purged.subjects, purged.created) == (3, 1, empty.created)
    await js.delete_stream("THINGS")
    with pytest.raises(BusUnavailableError):
        await bus.stream_state("THINGS")
    await js.add_stream(name="THINGS", subjects=["things.*"])
    assert (await bus.stream_state("THINGS")).created != empty.created
    await bus.stop()
    await client.close()

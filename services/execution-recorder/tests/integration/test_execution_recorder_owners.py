"""The workspace of a trigger while it cannot be known."""

from uuid import uuid4

import pytest

from execution_recorder.adapters.trigger_owners import TriggerOwners
from execution_recorder.entrypoints.error_map import problem_of
from execution_recorder.ports import OwnersUnknownError
from trigger_runtime.bus.connection import Bus

pytestmark = pytest.mark.integration


async def test_without_the_bus_nobodys_trigger_is_called_unknown(unused_tcp_port: int) -> None:
    bus = Bus(url=f"nats://127.0.0.1:{unused_tcp_port}", client_name="test")
    owners = TriggerOwners(missing=bus.check)
    await bus.start()
    try:
        with pytest.raises(OwnersUnknownError) as caught:
            await owners.owner(uuid4())
        problem = problem_of(caught.value)
        assert problem is not None
        assert problem.status == 503
    finally:
        await bus.stop()

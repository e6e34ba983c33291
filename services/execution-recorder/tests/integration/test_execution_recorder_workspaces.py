"""Which workspace a trigger belongs to, while that cannot be known."""

from uuid import uuid4

import pytest

from execution_recorder.adapters.trigger_workspaces import TriggerWorkspaces, WorkspacesUnavailableError
from execution_recorder.entrypoints.error_map import problem_of
from trigger_contracts import streams
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower

pytestmark = pytest.mark.integration


async def test_without_the_bus_no_trigger_counts_as_unknown(unused_tcp_port: int) -> None:
    bus = Bus(url=f"nats://127.0.0.1:{unused_tcp_port}", client_name="test")
    workspaces = TriggerWorkspaces(check=lambda: follower.check() or bus.check())
    follower = Follower(
        bus,
        name="triggers",
        stream=streams.CONFIG.name,
        subjects=[streams.CONFIG_TRIGGERS],
        position=workspaces.position,
        apply=workspaces.apply,
    )
    await bus.start()
    await follower.start()
    try:
        with pytest.raises(WorkspacesUnavailableError) as caught:
            await workspaces.workspace_of(uuid4())
        problem = problem_of(caught.value)
        assert problem is not None
        assert problem.status == 503
    finally:
        await follower.stop()
        await bus.stop()

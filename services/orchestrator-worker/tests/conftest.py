"""The real servers, and a bench that speaks to the service as its neighbours do."""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from embedded_stack.ports import free_port
from orchestrator_worker.app import build
from orchestrator_worker.settings import Settings
from trigger_contracts import executions, ids, streams
from trigger_contracts.codec import encode
from trigger_contracts.config import (
    AnyTriggerConfig,
    Change,
    TriggerChanged,
    TriggerState,
    TriggerType,
    WorkflowChanged,
    WorkflowState,
)
from trigger_contracts.definition import WorkflowDefinition
from trigger_contracts.deliveries import AcceptedDelivery, DeliveriesAccepted
from trigger_contracts.firings import ManualFiring
from trigger_contracts.workflow_io import execution_workflow_id
from trigger_runtime.bus.connection import Bus
from trigger_runtime.settings import Secret
from trigger_runtime.temporal import DATA_CONVERTER, TemporalSettings

WORKSPACE = "acme"
PICK = {
    "nodes": {
        "in": {"type": "input"},
        "pick": {"type": "transform", "config": {"output": {"n": "{{trigger.payload.body.n}}"}}},
        "out": {"type": "output", "config": {"value": "{{nodes.pick.output}}"}},
    },
    "edges": [{"source": "in", "target": "pick"}, {"source": "pick", "target": "out"}],
    "entryPoint": "in",
}


def new_id() -> UUID:
    return ids.uuid7(unix_ms=time.time_ns() // 1_000_000, randomness=secrets.token_bytes(10))


class Bench:
    """What the neighbours of the service write and read."""

    def __init__(self, bus: Bus, *, nats_url: str, temporal_address: str, eventually: Any) -> None:
        self.bus = bus
        self.nats_url = nats_url
        self.temporal_address = temporal_address
        self.eventually = eventually
        self.last_readiness: Any = None
        self.new_id = new_id

    def settings(self, **given: Any) -> Settings:
        return Settings(
            **{
                "http_port": free_port(),
                "nats_url": Secret(self.nats_url),
                "temporal": TemporalSettings(temporal_address=self.temporal_address),
                "shutdown_seconds": 10.0,
                **given,
            }
        )

    @asynccontextmanager
    async def serving(
        self, *, settings: Settings | None = None, ready: str = "ready"
    ) -> AsyncIterator[Settings]:
        """Run the service in this process; ``ready="starting"`` does not wait for its readiness."""
        chosen = settings or self.settings()
        service = build(chosen)
        await service.start()
        try:
            if ready == "ready":
                try:
                    await self.eventually(lambda: self.is_ready(chosen))
                except AssertionError as error:
                    raise AssertionError(f"{error}: {self.last_readiness}") from None
            yield chosen
        finally:
            await service.stop()

    async def is_ready(self, settings: Settings) -> bool | None:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{settings.http_port}/readyz") as answer,
        ):
            self.last_readiness = await answer.json()
            return True if answer.status == 200 else None

    async def metric(self, settings: Settings, *, name: str) -> float | None:
        url = f"http://127.0.0.1:{settings.http_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            lines = (await answer.text()).splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)

    async def temporal(self) -> Client:
        return await Client.connect(self.temporal_address, data_converter=DATA_CONVERTER)

    async def handle(self, execution_id: UUID) -> WorkflowHandle[Any, Any]:
        return (await self.temporal()).get_workflow_handle(execution_workflow_id(execution_id))

    async def workflow(
        self,
        definition: dict[str, Any] | None = None,
        *,
        workflow_id: UUID | None = None,
        version: int = 3,
        workspace: str = WORKSPACE,
        deleted: str = "no",
    ) -> UUID:
        now = datetime.now(UTC)
        state = WorkflowState(
            id=workflow_id or new_id(),
            workspace=workspace,
            name="A workflow",
            definition=msgspec.convert(definition or PICK, WorkflowDefinition),
            version=version,
            created_at=now,
            updated_at=now,
            deleted_at=now if deleted == "yes" else None,
        )
        message = WorkflowChanged(change=_change("WorkflowChanged", version=version, at=now), workflow=state)
        await self.bus.publish(streams.config_workflow(state.id), encode(message))
        return state.id

    async def trigger(
        self, config: AnyTriggerConfig, *, workflow_id: UUID, workspace: str = WORKSPACE
    ) -> TriggerState:
        now = datetime.now(UTC)
        state = TriggerState(
            id=new_id(),
            workspace=workspace,
            workflow_id=workflow_id,
            name="A trigger",
            enabled=True,
            config=config,
            version=1,
            created_at=now,
            updated_at=now,
        )
        message = TriggerChanged(change=_change("TriggerCreated", version=1, at=now), trigger=state)
        await self.bus.publish(streams.config_trigger(state.id), encode(message))
        return state

    def delivery(
        self,
        workflow_id: UUID,
        *,
        body: bytes = b'{"n": 7}',
        content_type: str = "application/json",
        workspace: str = WORKSPACE,
        received_at: datetime | None = None,
    ) -> AcceptedDelivery:
        return AcceptedDelivery(
            id=new_id(),
            trigger_id=new_id(),
            workspace=workspace,
            workflow_id=workflow_id,
            trigger_name="A webhook",
            trigger_version=1,
            request_id="r-1",
            received_at=received_at or datetime.now(UTC),
            method="POST",
            path="/api/webhooks/x",
            headers=(("Content-Type", content_type),),
            body=body,
            body_sha256=sha256(body).hexdigest(),
            response_status=202,
            response_body="OK",
            processing_ms=1.0,
            execution_id=new_id(),
        )

    async def deliver(self, deliveries: Sequence[AcceptedDelivery]) -> None:
        message = DeliveriesAccepted(deliveries=tuple(deliveries))
        await self.bus.publish(streams.DELIVERIES_ACCEPTED, encode(message), timeout=10)

    async def fire(
        self, workflow_id: UUID, *, inputs: dict[str, Any], workflow_version: int | None = None
    ) -> ManualFiring:
        firing = ManualFiring(
            execution_id=new_id(),
            workspace=WORKSPACE,
            trigger_id=new_id(),
            trigger_type=TriggerType.MANUAL,
            trigger_name="By hand",
            trigger_version=1,
            workflow_id=workflow_id,
            workflow_version=workflow_version,
            inputs=inputs,
            requested_at=datetime.now(UTC),
            actor="somebody",
            request_id="request-1",
        )
        await self.bus.publish(streams.FIRINGS_MANUAL, encode(firing), timeout=10)
        return firing

    async def messages(self, stream: str) -> list[Any]:
        """Return every message of a stream, as the server has it."""
        last = (await self.bus.js.stream_info(stream)).state.last_seq
        return [await self.bus.js.get_msg(stream, sequence) for sequence in range(1, last + 1)]

    async def all_facts(self) -> list[executions.AnyExecutionFact]:
        return [executions.FACTS.decode(item.data) for item in await self.messages("EXECUTIONS")]

    async def facts_of_workflow(self, workflow_id: UUID) -> list[executions.AnyExecutionFact]:
        """Return the facts of one test: the worker also records what other tests terminated in Temporal."""
        return [fact for fact in await self.all_facts() if fact.execution.workflow_id == workflow_id]

    async def facts(self, execution_id: UUID) -> list[executions.AnyExecutionFact]:
        return [fact for fact in await self.all_facts() if fact.execution.id == execution_id]

    async def end(self, execution_id: UUID, *, seconds: float = 30.0) -> executions.AnyExecutionFact:
        """Return the fact that ends an execution, once it is there."""

        async def look() -> executions.AnyExecutionFact | None:
            ends = [
                fact
                for fact in await self.facts(execution_id)
                if not isinstance(fact, executions.ExecutionStarted)
            ]
            return ends[0] if ends else None

        found: executions.AnyExecutionFact = await self.eventually(look, seconds=seconds)
        return found

    async def settled(self, *, stream: str, durable: str) -> None:
        """Wait until a durable consumer has nothing left to do."""

        async def look() -> bool | None:
            info = await self.bus.js.consumer_info(stream, durable)
            return True if not info.num_pending and not info.num_ack_pending else None

        await self.eventually(look)


def _change(event: str, *, version: int, at: datetime) -> Change:
    return Change(event=event, version=version, at=at, actor="somebody", request_id="r-0")


@pytest_asyncio.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = Bus(url=nats_url, client_name="test", streams=streams.ALL)
    await bus.start()
    await bus.ready()
    yield bus
    await bus.stop()


@pytest_asyncio.fixture
async def bench(bus: Bus, nats_url: str, temporal_address: str, eventually: Any) -> Bench:
    return Bench(bus, nats_url=nats_url, temporal_address=temporal_address, eventually=eventually)

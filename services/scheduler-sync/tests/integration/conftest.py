"""The neighbours of scheduler-sync, and as many of it as a test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from temporalio.client import Client, ScheduleDescription
from temporalio.service import RPCError, RPCStatusCode

from scheduler_sync.app import build
from scheduler_sync.settings import Settings
from trigger_contracts import codec, schedules, streams
from trigger_contracts.codec import Message
from trigger_contracts.config import Change, ScheduleConfig, TriggerChanged, TriggerState
from trigger_contracts.schedule_requests import EVERY_REPLY, AnyScheduleReply
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.request_reply import send_request
from trigger_runtime.lifecycle import Service
from trigger_runtime.settings import Secret
from trigger_runtime.temporal import DATA_CONVERTER, TemporalSettings

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Replica:
    """One scheduler-sync, in this process."""

    def __init__(self, service: Service, *, port: int) -> None:
        self.service = service
        self.port = port

    async def metric(self, name: str) -> float | None:
        """Return a metric; ``None`` where it does not answer or has none."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/metrics") as answer,
            ):
                lines = (await answer.text()).splitlines()
        except aiohttp.ClientError:
            return None
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)


class Stage:
    """The bus, Temporal, and as many replicas as a test wants."""

    def __init__(
        self, *, nats_url: str, temporal_address: str, temporal: Client, bus: Bus, new_port: Callable[[], int]
    ) -> None:
        self.nats_url = nats_url
        self.temporal_address = temporal_address
        self.temporal = temporal
        self.bus = bus
        self.new_port = new_port

    def settings(self, **changes: Any) -> Settings:
        """Return settings for these servers, that compare often."""
        given: dict[str, Any] = {
            "http_port": self.new_port(),
            "nats_url": Secret(self.nats_url),
            "temporal": TemporalSettings(temporal_address=self.temporal_address),
            "resync_seconds": 1,
            "resync_lease_seconds": 1,
        }
        return Settings(**{**given, **changes})

    @asynccontextmanager
    async def replica(self, **changes: Any) -> AsyncIterator[Replica]:
        """Run a replica."""
        settings = self.settings(**changes)
        service = build(settings)
        await service.start()
        try:
            yield Replica(service, port=settings.http_port)
        finally:
            await service.stop()

    def trigger(self, config: ScheduleConfig | None = None, **changes: Any) -> TriggerState:
        """Return a trigger of its own."""
        base: dict[str, Any] = {
            "id": uuid4(),
            "workspace": "acme",
            "workflow_id": uuid4(),
            "name": "Monthly",
            "enabled": True,
            "config": config or ScheduleConfig(cron_expression="0 9 5 * *"),
            "version": 1,
            "created_at": AT,
            "updated_at": AT,
        }
        return TriggerState(**{**base, **changes})

    async def publish(self, state: TriggerState) -> None:
        """Publish a state of a trigger."""
        change = Change(event="X", version=state.version, at=AT, actor="ada", request_id="r")
        message = codec.encode(TriggerChanged(change=change, trigger=state))
        await self.bus.publish(streams.config_trigger(state.id), message)

    async def fact(self, state: TriggerState) -> Any:
        """Return the last fact of a trigger, if it is of this version."""
        data = await self.bus.last(streams.SCHEDULES.name, subject=streams.schedule(state.id))
        fact = None if data is None else schedules.FACTS.decode(data)
        return fact if fact is not None and fact.trigger_version == state.version else None

    async def described(self, trigger_id: UUID) -> ScheduleDescription | None:
        """Return what Temporal has."""
        try:
            return await self.temporal.get_schedule_handle(f"trigger-{trigger_id}").describe()
        except RPCError as error:
            assert error.status is RPCStatusCode.NOT_FOUND
            return None

    async def ask(self, request: Message, *, subject: str) -> AnyScheduleReply:
        """Return the reply to a request, as soon as a replica gives one."""
        async with asyncio.timeout(20):
            while True:
                try:
                    data = await send_request(
                        self.bus, subject=subject, data=codec.encode(request), timeout=5
                    )
                except BusUnavailableError:
                    await asyncio.sleep(0.05)
                else:
                    return EVERY_REPLY.decode(data)


@pytest.fixture
async def stage(
    nats_url: str, temporal_address: str, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[Stage]:
    """Yield the servers, without a replica."""
    bus = Bus(url=nats_url, client_name="stage", streams=(streams.CONFIG, streams.SCHEDULES))
    await bus.start()
    try:
        await bus.ready()
        yield Stage(
            nats_url=nats_url,
            temporal_address=temporal_address,
            temporal=await Client.connect(temporal_address, data_converter=DATA_CONVERTER),
            bus=bus,
            new_port=unused_tcp_port_factory,
        )
    finally:
        await bus.stop()

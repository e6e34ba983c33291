"""A running service on a real NATS that is in the test's hands."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid4

import aiohttp
import msgspec
import nats
import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from embedded_stack.ports import free_port
from embedded_stack.servers.nats import NatsServer
from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.config import (
    AnyTriggerConfig,
    Change,
    SealedSecret,
    TriggerChanged,
    TriggerState,
    WebhookConfig,
)
from trigger_contracts.deliveries import (
    DELIVERIES,
    AcceptedDelivery,
    DeliveriesAccepted,
    DeliveriesRejected,
    LargeDeliveryAccepted,
    RejectedDelivery,
)
from trigger_runtime.lifecycle import Service
from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import Secret
from webhook_ingress.app import build
from webhook_ingress.settings import Settings

KEYS = f"k1:{base64.b64encode(bytes(range(32))).decode()}"

_RECORDS = (streams.DELIVERIES, streams.REJECTIONS)

AnyMessage = DeliveriesAccepted | LargeDeliveryAccepted | DeliveriesRejected

T = TypeVar("T")


class Eventually(Protocol):
    """The fixture of the root, which cannot be imported from there."""

    async def __call__(self, condition: Callable[[], Awaitable[T | None]], *, seconds: float = 20.0) -> T: ...


class Ingress:
    """The service in this process, a caller's HTTP session, and whoever else talks on the bus."""

    def __init__(
        self,
        nats_server: NatsServer,
        *,
        settings: Settings,
        session: aiohttp.ClientSession,
        eventually: Eventually,
    ) -> None:
        self.nats_server = nats_server
        self.settings = settings
        self.session = session
        self.eventually = eventually
        self.service: Service = build(settings)
        self.url = f"http://127.0.0.1:{settings.http_port}"
        self._client: Client | None = None
        self._versions: dict[UUID, int] = {}

    async def bus(self) -> Client:
        if self._client is None:
            self._client = await nats.connect(self.nats_server.url)
        return self._client

    def forget_client(self) -> None:
        """Connect anew the next time: the server is another one."""
        self._client = None

    async def close(self) -> None:
        await self.service.stop()
        if self._client is not None:
            await self._client.close()

    async def readiness(self) -> dict[str, str]:
        async with self.session.get(f"{self.url}/readyz") as answer:
            missing: dict[str, str] = (await answer.json())["missing"]
            return missing

    async def ready(self) -> None:
        async def is_ready() -> bool:
            return not await self.readiness()

        await self.eventually(is_ready)

    async def put(
        self,
        config: AnyTriggerConfig | None = None,
        *,
        trigger_id: UUID | None = None,
        secret: str | None = None,
        secrets: tuple[SealedSecret, ...] = (),
        enabled: bool = True,
        deleted: bool = False,
        version: int | None = None,
    ) -> UUID:
        """Publish a trigger's next state on CONFIG."""
        trigger_id = trigger_id or uuid4()
        version = version or self._versions.get(trigger_id, 0) + 1
        self._versions[trigger_id] = version
        sealed = (self.sealed(secret, trigger_id=trigger_id),) if secret else secrets
        at = datetime.now(UTC)
        message = TriggerChanged(
            change=Change(event="TriggerChanged", version=version, at=at, actor="test", request_id="r"),
            trigger=TriggerState(
                id=trigger_id,
                workspace="acme",
                workflow_id=uuid4(),
                name="GitHub push",
                enabled=enabled,
                config=config or WebhookConfig(),
                secrets=sealed,
                version=version,
                created_at=at,
                updated_at=at,
                deleted_at=at if deleted else None,
            ),
        )
        await self.put_bytes(trigger_id, data=encode(message))
        return trigger_id

    async def serving(self, config: AnyTriggerConfig | None = None, *, secret: str | None = None) -> UUID:
        """Publish a trigger and wait until the door knows it; a preflight leaves no record."""
        trigger_id = await self.put(config, secret=secret)
        ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}

        async def is_known() -> bool:
            reply = await self.send(trigger_id, method="OPTIONS", headers=ask)
            return "Access-Control-Allow-Origin" in reply.headers

        await self.eventually(is_known)
        return trigger_id

    async def put_bytes(self, trigger_id: UUID, *, data: bytes) -> None:
        await (await self.bus()).jetstream().publish(streams.config_trigger(trigger_id), data)

    def sealed(
        self, secret: str, *, trigger_id: UUID, valid_until: datetime | None = None, keys: str = KEYS
    ) -> SealedSecret:
        box = KeyRing.parse(keys).seal(secret.encode(), belongs_to=trigger_id.bytes, nonce=os.urandom(12))
        return SealedSecret(
            id=uuid4(), key_id=box.key_id, nonce=box.nonce, ciphertext=box.ciphertext, valid_until=valid_until
        )

    def address(self, trigger_id: UUID | str) -> str:
        return f"{self.url}/api/webhooks/{trigger_id}"

    async def send(self, trigger_id: UUID | str, *, method: str = "POST", **request: Any) -> "Reply":
        async with self.session.request(method, self.address(trigger_id), **request) as answer:
            return Reply(status=answer.status, headers=answer.headers, body=await answer.read())

    async def settled(self, trigger_id: UUID, *, status: int, **request: Any) -> "Reply":
        """Send until a state that was just published is in force."""

        async def in_force() -> "Reply | None":
            reply = await self.send(trigger_id, **request)
            return reply if reply.status == status else None

        return await self.eventually(in_force)

    async def raw(self, data: bytes) -> bytes:
        """Send bytes as they are and return all that comes back until the server closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.http_port)
        try:
            writer.write(data)
            await writer.drain()
            answer = b""
            async with asyncio.timeout(10):
                while not _is_whole(answer):
                    if not (more := await reader.read(65536)):
                        break
                    answer += more
            return answer
        finally:
            writer.close()

    async def messages(self) -> list[AnyMessage]:
        """Everything on DELIVERIES so far, in order, then everything on REJECTIONS."""
        return [message for stream in _RECORDS for message in await self._on(stream)]

    async def _on(self, stream: streams.Stream) -> list[AnyMessage]:
        js = (await self.bus()).jetstream()
        state = (await js.stream_info(stream.name)).state
        found = []
        for number in range(max(state.first_seq, 1), state.last_seq + 1):
            # A full REJECTIONS drops its oldest while it is being read.
            with suppress(NotFoundError):
                found.append((await js.get_msg(stream.name, number)).data or b"")
        return [DELIVERIES.decode(data) for data in found]

    async def shrink(self, stream: streams.Stream, *, max_bytes: int) -> None:
        """Make a stream small, as its operator might."""
        js = (await self.bus()).jetstream()
        config = (await js.stream_info(stream.name)).config
        config.max_bytes = max_bytes
        await js.update_stream(config)

    async def accepted(self) -> list[AcceptedDelivery]:
        found = [m for m in await self.messages() if isinstance(m, DeliveriesAccepted)]
        return [delivery for message in found for delivery in message.deliveries]

    async def rejected(self, *, request_id: str) -> RejectedDelivery:
        """Return the record of a refusal, which comes after its answer."""

        async def look() -> RejectedDelivery | None:
            found = [m for m in await self.messages() if isinstance(m, DeliveriesRejected)]
            records = [d for m in found for d in m.deliveries if d.request_id == request_id]
            assert len(records) <= 1
            return records[0] if records else None

        return await self.eventually(look)


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return True


class Reply:
    """An answer that was read."""

    def __init__(self, *, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def request_id(self) -> str:
        return str(self.headers["X-Request-Id"])


NewIngress = Callable[..., Any]


@pytest.fixture
async def new_ingress(eventually: Eventually) -> AsyncIterator[NewIngress]:
    """``await new_ingress(nats_server, max_body_bytes=…)`` starts a service; it is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(nats_server: NatsServer, **settings: Any) -> Ingress:
            session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            ingress = Ingress(
                nats_server,
                settings=Settings(
                    http_port=free_port(),
                    nats_url=Secret(nats_server.url),
                    secret_keys=Secret(KEYS),
                    **settings,
                ),
                session=session,
                eventually=eventually,
            )
            await ingress.service.start()
            stack.push_async_callback(ingress.close)
            return ingress

        yield start


@pytest.fixture
async def ingress(nats_server: NatsServer, new_ingress: NewIngress) -> Ingress:
    """A service that is ready."""
    started: Ingress = await new_ingress(nats_server)
    await started.ready()
    return started

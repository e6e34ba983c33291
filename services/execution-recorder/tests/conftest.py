"""The service in this process on the real servers, and the messages that it is given."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import jwt
import pytest
import pytest_asyncio
from nats.aio.client import Client

from execution_recorder.adapters.schema import MIGRATIONS, MIGRATIONS_TABLE
from execution_recorder.app import build
from execution_recorder.settings import Settings
from trigger_contracts import deliveries, streams
from trigger_contracts.codec import Message, encode
from trigger_contracts.config import Change, TriggerChanged, TriggerState, TriggerType, WebhookConfig
from trigger_contracts.executions import Cause, CauseKind, Execution
from trigger_runtime.lifecycle import Service
from trigger_runtime.postgres import Database, DatabaseSettings
from trigger_runtime.postgres_schema import migrate
from trigger_runtime.settings import Secret
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.tokens import TokenSettings

JWT_SECRET = "a-secret-for-tests-of-at-least-32-bytes"
WORKSPACE = "acme"
NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)


def _migrate(url: str) -> str:
    """Bring a database up to date, as the verb ``migrate`` does."""
    return migrate(Secret(url), directory=MIGRATIONS, table=MIGRATIONS_TABLE)


@pytest.fixture
def migrate_history() -> Callable[[str], str]:
    return _migrate


@pytest_asyncio.fixture
async def database_url(new_database: Callable[..., Awaitable[str]]) -> str:
    """A migrated database of the test's own."""
    return await new_database("execution-recorder", _migrate)


@pytest_asyncio.fixture
async def empty_database_url(new_database: Callable[..., Awaitable[str]]) -> str:
    """A database without the schema."""
    return await new_database("execution-recorder-empty", lambda _url: None)


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(Secret(database_url), application="test", max_connections=8)
    await database.start()
    yield database
    await database.stop()


def token(workspace: str = WORKSPACE, *, secret: str = JWT_SECRET, **claims: Any) -> str:
    now = datetime.now(UTC)
    return jwt.encode(
        {
            "iss": "flowmaestro",
            "aud": "flowmaestro-triggers",
            "sub": "tester",
            "org": workspace,
            "exp": now + timedelta(minutes=5),
            **claims,
        },
        secret,
        algorithm="HS256",
    )


class Recorder:
    """A service under test in this process, a client of its API, and a client of its bus."""

    def __init__(
        self, service: Service, *, session: aiohttp.ClientSession, bus: Client, base: str, eventually: Any
    ) -> None:
        self.service = service
        self.session = session
        self.bus = bus
        self.base = base
        self._eventually = eventually

    async def get(self, path: str, *, workspace: str = WORKSPACE, **options: Any) -> "Answer":
        headers = {"Authorization": f"Bearer {token(workspace)}", **options.pop("headers", {})}
        return await self.ask("GET", path, headers=headers, **options)

    async def ask(self, method: str, path: str, **options: Any) -> "Answer":
        async with self.session.request(method, self.base + path, **options) as response:
            return Answer(response.status, await response.read(), dict(response.headers))

    async def publish(self, subject: str, message: Message | bytes) -> None:
        data = message if isinstance(message, bytes) else encode(message)
        await self.bus.jetstream().publish(subject, data)

    async def ready(self) -> "Recorder":
        """Wait until the service says that it is ready."""

        async def look() -> bool:
            return (await self.ask("GET", "/readyz")).status == 200

        await self._eventually(look)
        return self

    async def dead_letters(self) -> list[Any]:
        """Return the dead letters so far."""
        stream = self.bus.jetstream()
        info = await stream.stream_info(streams.DEAD_LETTERS.name)
        return [
            await stream.get_msg(streams.DEAD_LETTERS.name, seq) for seq in range(1, info.state.messages + 1)
        ]

    async def shown(self, path: str, *, when: Callable[[Any], bool] = bool) -> Any:
        """Wait until the path answers 200 with what is asked for."""

        async def look() -> Any:
            answer = await self.get(path)
            return answer.json() if answer.status == 200 and when(answer.json()) else None

        return await self._eventually(look)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        import json

        return json.loads(self.body)


def settings_for(*, database_url: str, nats_url: str, **changes: Any) -> Settings:
    return Settings(
        **{
            "http_port": 0,
            "database": DatabaseSettings(database_url=Secret(database_url)),
            "nats_url": Secret(nats_url),
            "tokens": TokenSettings(jwt_secret=Secret(JWT_SECRET)),
            "shutdown_seconds": 10.0,
            **changes,
        }
    )


@pytest_asyncio.fixture
async def start(nats_url: str, eventually: Any) -> AsyncIterator[Callable[..., Awaitable[Recorder]]]:
    """A function that starts the service on a database; it need not be ready when it returns."""
    async with AsyncExitStack() as stack:

        async def begin(database_url: str, *, nats_url: str = nats_url, **changes: Any) -> Recorder:
            service = build(settings_for(database_url=database_url, nats_url=nats_url, **changes))
            await service.start()
            stack.push_async_callback(service.stop)
            listener = next(part for part in service._components if isinstance(part, HttpListener))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            bus = Client()
            await bus.connect(nats_url)
            stack.push_async_callback(bus.close)
            base = f"http://127.0.0.1:{listener.port}"
            return Recorder(service, session=session, bus=bus, base=base, eventually=eventually)

        yield begin


@pytest_asyncio.fixture
async def recorder(start: Callable[..., Awaitable[Recorder]], database_url: str) -> Recorder:
    return await (await start(database_url)).ready()


class Given:
    """Makes messages; every field can be given."""

    now = NOW

    def execution(self, **changes: Any) -> Execution:
        return Execution(
            **{
                "id": uuid4(),
                "workspace": WORKSPACE,
                "trigger_id": uuid4(),
                "trigger_type": TriggerType.WEBHOOK,
                "trigger_name": "GitHub push",
                "workflow_id": uuid4(),
                "cause": Cause(kind=CauseKind.DELIVERY, id=str(uuid4())),
                "accepted_at": NOW,
                **changes,
            }
        )

    def accepted(self, **changes: Any) -> deliveries.AcceptedDelivery:
        return deliveries.AcceptedDelivery(
            **{
                **_request(),
                "trigger_id": uuid4(),
                "workspace": WORKSPACE,
                "workflow_id": uuid4(),
                "trigger_name": "GitHub push",
                "execution_id": uuid4(),
                "response_status": 202,
                "response_body": '{"success":true}',
                **changes,
            }
        )

    def rejected(self, **changes: Any) -> deliveries.RejectedDelivery:
        return deliveries.RejectedDelivery(
            **{
                **_request(),
                "trigger_id": uuid4(),
                "workspace": WORKSPACE,
                "workflow_id": uuid4(),
                "response_status": 401,
                "response_body": '{"status":401,"detail":"The signature does not match."}',
                "reason": deliveries.RejectionReason.SIGNATURE_INVALID,
                **changes,
            }
        )

    def trigger(self, trigger_id: UUID, *, workspace: str = WORKSPACE) -> Message:
        """Return what says whose a trigger is."""
        return TriggerChanged(
            change=Change(event="TriggerCreated", version=1, at=NOW, actor="ada", request_id="r"),
            trigger=TriggerState(
                id=trigger_id,
                workspace=workspace,
                workflow_id=uuid4(),
                name="Push",
                enabled=True,
                config=WebhookConfig(),
                version=1,
                created_at=NOW,
                updated_at=NOW,
            ),
        )

    def batch(self, *items: deliveries.AcceptedDelivery | deliveries.RejectedDelivery) -> tuple[str, Message]:
        """Return the subject and the message of a batch."""
        accepted = tuple(item for item in items if isinstance(item, deliveries.AcceptedDelivery))
        rejected = tuple(item for item in items if isinstance(item, deliveries.RejectedDelivery))
        assert not (accepted and rejected), "a batch holds one kind"
        if accepted:
            return streams.DELIVERIES_ACCEPTED, deliveries.DeliveriesAccepted(deliveries=accepted)
        return streams.DELIVERIES_REJECTED, deliveries.DeliveriesRejected(deliveries=rejected)


def _request() -> dict[str, Any]:
    return {
        "id": uuid4(),
        "request_id": "request-1",
        "received_at": NOW,
        "method": "POST",
        "path": "/api/webhooks/x",
        "query": (("a", "1"), ("a", "2"), ("b", "3")),
        "headers": (("Content-Type", "application/json"), ("X-One", "1"), ("x-one", "2")),
        "body": b'{"ref": "refs/heads/main"}',
        "body_sha256": "0" * 64,
        "client_address": "192.0.2.1",
        "user_agent": "tests",
        "processing_ms": 1.9,
    }


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def new_token() -> Callable[..., str]:
    return token

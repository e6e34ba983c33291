"""The service in this process, on real servers."""

import base64
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import pytest

from trigger_api.app import MIGRATIONS, build
from trigger_api.settings import DatabaseSettings, Settings
from trigger_runtime import postgres
from trigger_runtime.settings import Secret
from trigger_runtime.web.tokens import TokenSettings

JWT_SECRET = "a-secret-for-tests-that-is-long-enough"
KEYS = "test:" + base64.b64encode(bytes(range(32))).decode()


def token(**claims: Any) -> str:
    now = datetime.now(UTC)
    base = {
        "sub": "ada",
        "org": "acme",
        "iss": "flowmaestro",
        "aud": "flowmaestro-triggers",
        "exp": now + timedelta(minutes=5),
    }
    return jwt.encode({**base, **claims}, JWT_SECRET, algorithm="HS256")


@dataclass(frozen=True)
class Api:
    """An HTTP client that speaks JSON with a token."""

    session: aiohttp.ClientSession
    base_url: str
    database_url: str
    nats_url: str

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        as_: str | None = None,
        data: bytes | None = None,
    ) -> Any:
        all_headers = {"Authorization": f"Bearer {as_ or token()}", **(headers or {})}
        if data is not None:
            all_headers.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method,
            self.base_url + path,
            json=body,
            data=io.BytesIO(data) if data else data,
            headers=all_headers,
        ) as answer:
            document = await answer.json(content_type=None) if await answer.read() else None
            if status is not None:
                assert answer.status == status, document
            return Answer(answer.status, document, answer.headers)


@dataclass(frozen=True)
class Answer:
    status: int
    json: Any
    headers: Any


@pytest.fixture
async def database_url(new_database: Any) -> str:
    def migrate(url: str) -> str:
        return postgres.migrate(Secret(url), directory=MIGRATIONS, table="trigger_api.schema_migrations")

    url: str = await new_database("trigger-api", migrate)
    return url


@pytest.fixture
def settings(database_url: str, nats_url: str, unused_tcp_port: int) -> Settings:
    return Settings(
        http_port=unused_tcp_port,
        database=DatabaseSettings(database_url=Secret(database_url)),
        nats_url=Secret(nats_url),
        tokens=TokenSettings(jwt_secret=Secret(JWT_SECRET)),
        secret_keys=Secret(KEYS),
        public_url="https://hooks.example.com",
    )


@pytest.fixture
async def api(settings: Settings, eventually: Any) -> AsyncIterator[Api]:
    service = build(settings)
    await service.start()
    try:
        async with aiohttp.ClientSession() as session:
            base_url = f"http://127.0.0.1:{settings.http_port}"

            async def ready() -> bool:
                async with session.get(f"{base_url}/readyz") as answer:
                    return answer.status == 200

            await eventually(ready)
            yield Api(
                session=session,
                base_url=base_url,
                database_url=settings.database.database_url.reveal(),
                nats_url=settings.nats_url.reveal(),
            )
    finally:
        await service.stop()


@pytest.fixture
def make_token() -> Callable[..., str]:
    return token


@pytest.fixture
def key_ring() -> str:
    return KEYS


@pytest.fixture
def definition() -> dict[str, Any]:
    return {
        "nodes": {
            "in": {"type": "input", "name": "Input", "config": {}, "position": {"x": 1, "y": 2}},
            "out": {"type": "output", "name": "Output", "config": {"value": "{{trigger.payload}}"}},
        },
        "edges": [{"id": "e1", "source": "in", "target": "out"}],
        "entryPoint": "in",
        "settings": {"timeout": 300, "maxConcurrentNodes": 10},
    }


@pytest.fixture
async def workflow_id(api: Api, definition: dict[str, Any]) -> str:
    answer = await api.call("POST", "/api/workflows", {"name": "W", "definition": definition}, status=201)
    found: str = answer.json["id"]
    return found

"""The service in this process, on real servers."""

import asyncio
import base64
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import nats
import pytest
from nats.js import api as js_api

from trigger_api.adapters.schema import MIGRATIONS, MIGRATIONS_TABLE
from trigger_api.app import build
from trigger_api.settings import Settings
from trigger_contracts import codec, config, ids, schedule_requests, streams
from trigger_runtime import postgres_schema
from trigger_runtime.postgres import DatabaseSettings
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
        return postgres_schema.migrate(Secret(url), directory=MIGRATIONS, table=MIGRATIONS_TABLE)

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
        schedule_fires_per_day_of=("busy=1440", "calm=12"),
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


class Replica:
    """One process of the service, which is one of those that may relay."""

    def __init__(self, settings: Settings, *, port: int, keys: str, jwt_secret: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HTTP_PORT": str(port),
            "DATABASE_URL": settings.database.database_url.reveal(),
            "NATS_URL": settings.nats_url.reveal(),
            "JWT_SECRET": jwt_secret,
            "SECRET_KEYS": keys,
            "LOG_LEVEL": "warning",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None and self._process.returncode is None:
            return
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "trigger_api", "serve"),
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.base}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


@pytest.fixture
async def new_replica(unused_tcp_port_factory: Any) -> AsyncIterator[Callable[[Settings], Replica]]:
    """Makes processes of the service, which a test may kill."""
    made: list[Replica] = []

    def new(settings: Settings) -> Replica:
        secret = settings.tokens.jwt_secret
        assert secret is not None
        port = unused_tcp_port_factory()
        made.append(Replica(settings, port=port, keys=KEYS, jwt_secret=secret.reveal()))
        return made[-1]

    yield new
    for replica in made:
        await replica.kill()


@pytest.fixture
async def whole_config(nats_url: str) -> AsyncIterator[Callable[[], Any]]:
    """Keeps everything that is published on CONFIG, and returns it: ids and versions, in their order."""
    client = await nats.connect(nats_url)
    js = client.jetstream()
    await js.add_stream(
        js_api.StreamConfig(name="CONFIG", subjects=list(streams.CONFIG.subjects), duplicate_window=120)
    )

    async def everything() -> list[tuple[Any, int]]:
        info = await js.stream_info("CONFIG")
        subscription = await js.subscribe("config.>", stream="CONFIG", ordered_consumer=True)
        found = []
        for _ in range(info.state.messages):
            message = await subscription.next_msg(timeout=10)
            changed: Any = (
                config.TRIGGERS.decode(message.data).trigger
                if message.subject.startswith("config.trigger.")
                else config.WORKFLOWS.decode(message.data).workflow
            )
            found.append((changed.id, changed.version))
        await subscription.unsubscribe()
        return found

    yield everything
    await client.close()


class Scheduler:
    """What answers for scheduler-sync: a fire at each full hour of a range, and a note of what it was asked.

    The real one is in the tests of the whole system; this one can be told to fail.
    """

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self.asked: list[Any] = []
        self.answer: Any = None
        """Instead of the usual one; bytes as they are, ``False`` is silence."""
        self.loses_answers = 0

    async def listen(self) -> "Scheduler":
        for subject in (streams.RUN_SCHEDULE, streams.PREVIEW_BACKFILL, streams.BACKFILL_SCHEDULE):
            await self._bus.subscribe(subject, cb=self._on)
        await self._bus.flush()
        return self

    async def _on(self, message: Any) -> None:
        request = schedule_requests.EVERY_REQUEST.decode(message.data)
        self.asked.append(request)
        changes = not isinstance(request, schedule_requests.PreviewBackfill)
        if self.answer is False or (changes and self.loses_answers):
            self.loses_answers -= changes
            return
        answer = self.answer or codec.encode(_scheduled(request))
        await message.respond(answer)

    def changes(self) -> list[Any]:
        """Return what it was asked to do."""
        return [one for one in self.asked if not isinstance(one, schedule_requests.PreviewBackfill)]


def _scheduled(request: Any) -> Any:
    if isinstance(request, schedule_requests.RunSchedule):
        return schedule_requests.ScheduleRunStarted(
            trigger_id=request.trigger_id, execution_id=request.execution_id, workflow_id="w"
        )
    if request.end_at < request.start_at:
        return schedule_requests.RequestFailed(
            reason="the end is before the start",
            code=schedule_requests.FailureCode.REFUSED,
            field="endAt",
        )
    hours = min(int((request.end_at - request.start_at).total_seconds() // 3600), 50)
    times = tuple(request.start_at + timedelta(hours=hour) for hour in range(hours))
    fires = {
        "trigger_id": request.trigger_id,
        "fire_times": times,
        "execution_ids": tuple(ids.fire_execution_id(request.trigger_id, nominal_time=at) for at in times),
    }
    if isinstance(request, schedule_requests.PreviewBackfill):
        return schedule_requests.BackfillPreviewed(**fires)
    return schedule_requests.BackfillStarted(**fires)


@pytest.fixture
async def scheduler(nats_url: str) -> AsyncIterator[Scheduler]:
    client = await nats.connect(nats_url)
    yield await Scheduler(client).listen()
    await client.close()

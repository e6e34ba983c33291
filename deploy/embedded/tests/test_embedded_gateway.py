"""The gateway's Caddyfile: who gets which path, and what is said when nobody does."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from embedded_stack.api_document import merge, service_documents
from embedded_stack.ports import free_port
from embedded_stack.servers import Gateway, running

pytestmark = pytest.mark.integration
GO_ON = web.AppKey("go_on", asyncio.Event)
UPSTREAMS = ("trigger_api", "webhook_ingress", "execution_recorder", "temporal_ui")


async def upstream(name: str, *, port: int) -> web.AppRunner:
    """Answers with its name and what reached it; `/api/executions/stream` sends two events with a pause."""

    async def echo(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/executions/stream":
            return await stream(request)
        body = await request.read()
        if request.path == "/api/refuse":
            return web.json_response({"code": "own"}, status=503, headers={"Retry-After": "77"})
        return web.json_response(
            {
                "upstream": name,
                "method": request.method,
                "target": request.raw_path,
                "forwarded_for": request.headers.getall("X-Forwarded-For", []),
                "host": request.headers["Host"],
                "encodings": request.headers.getall("Accept-Encoding", []),
                "bytes": len(body),
            }
        )

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        await request.app[GO_ON].wait()
        await response.write(b"data: two\n\n")
        return response

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app[GO_ON] = asyncio.Event()
    app.router.add_route("*", "/{tail:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


@pytest_asyncio.fixture
async def runners(gateway: Gateway) -> AsyncIterator[dict[str, web.AppRunner]]:
    async with AsyncExitStack() as cleanup:
        started = {}
        for name in UPSTREAMS:
            started[name] = await upstream(name, port=int(getattr(gateway, name).rpartition(":")[2]))
            cleanup.push_async_callback(started[name].cleanup)
        yield started


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    addresses = {name: f"127.0.0.1:{free_port()}" for name in UPSTREAMS}
    async with running(Gateway(directory=tmp_path / "gateway", **addresses)) as started:  # type: ignore[arg-type]
        yield started


@pytest_asyncio.fixture
async def client(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(gateway.url) as session:
        yield session


ROUTES = {
    "/api/triggers": "trigger_api",
    "/api/triggers/1": "trigger_api",
    "/api/triggers/1/execute": "trigger_api",
    "/api/triggers/1/schedule": "trigger_api",
    "/api/workflows?limit=5&cursor=a%2Fb": "trigger_api",
    "/api/schedules/preview": "trigger_api",
    "/api/trigger-types": "trigger_api",
    "/api/webhooks/1": "webhook_ingress",
    "/api/webhooks/1?hub.challenge=x%20y": "webhook_ingress",
    "/api/webhooks/a%2Fb": "webhook_ingress",
    "/api/executions": "execution_recorder",
    "/api/executions?status=failed": "execution_recorder",
    "/api/executions/1": "execution_recorder",
    "/api/triggers/1/executions": "execution_recorder",
    "/api/webhook-logs": "execution_recorder",
    "/api/webhook-logs/1/replay": "execution_recorder",
    "/api/triggers/1/webhook-logs?limit=1": "execution_recorder",
    "/api/webhook-rates?hours=2": "execution_recorder",
    "/api/triggers/1/webhook-rates": "execution_recorder",
    "/temporal-ui": "temporal_ui",
    "/temporal-ui/api/v1/namespaces": "temporal_ui",
}


@pytest.mark.usefixtures("runners")
async def test_every_path_reaches_its_service_unchanged(client: aiohttp.ClientSession) -> None:
    for target, name in ROUTES.items():
        async with client.post(target) as response:
            answer = await response.json()
        assert (answer["upstream"], answer["method"]) == (name, "POST"), target


@pytest.mark.usefixtures("runners")
async def test_every_documented_path_reaches_the_service_that_documents_it(
    client: aiohttp.ClientSession,
) -> None:
    for service, document in service_documents().items():
        for path in document["paths"]:
            async with client.post(path.replace("{", "").replace("}", "")) as response:
                reply = await response.json()
            assert reply["upstream"] == service.replace("-", "_"), path


async def test_one_document_shows_the_operations_of_all_services(client: aiohttp.ClientSession) -> None:
    async with client.get("/openapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert await response.json() == merge(service_documents())


@pytest.mark.usefixtures("runners")
async def test_the_raw_target_is_not_rewritten(gateway: Gateway) -> None:
    for target in ("/api/webhooks/a%2Fb?x=%2e&y=1+2", "/api/webhooks//a", "/api/webhooks/%C3%A9"):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        assert f'"target": "{target}"' in answer


@pytest.mark.usefixtures("runners")
async def test_what_a_client_claims_about_its_address_is_not_passed_on(client: aiohttp.ClientSession) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "Host": "hooks.example.com"}
    async with client.get("/api/webhooks/1", headers=headers) as response:
        answer = await response.json()
    assert answer["forwarded_for"] in (["127.0.0.1"], ["::1"])
    assert answer["host"] == "hooks.example.com"


@pytest.mark.usefixtures("runners")
async def test_a_webhook_asks_for_no_encoding_that_its_sender_did_not(gateway: Gateway) -> None:
    for line, encodings in (("", "[]"), ("Accept-Encoding: br\r\n", '["br"]')):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        head = f"GET /api/webhooks/a HTTP/1.1\r\nHost: x\r\n{line}Connection: close\r\n\r\n"
        writer.write(head.encode())
        answer = (await reader.read()).decode()
        writer.close()
        assert f'"encodings": {encodings}' in answer


@pytest.mark.usefixtures("runners")
async def test_large_bodies_pass(client: aiohttp.ClientSession) -> None:
    async with client.post("/api/webhooks/1", data=io.BytesIO(b"x" * (25 * 1024 * 1024))) as response:
        assert (await response.json())["bytes"] == 25 * 1024 * 1024


async def test_events_pass_at_once(client: aiohttp.ClientSession, runners: dict[str, web.AppRunner]) -> None:
    async with client.get("/api/executions/stream") as response:
        assert await response.content.readline() == b"data: one\n"
        app = runners["execution_recorder"].app
        app[GO_ON].set()
        assert b"data: two" in await response.content.read()


@pytest.mark.usefixtures("runners")
async def test_a_services_own_answer_is_passed_on(client: aiohttp.ClientSession) -> None:
    async with client.get("/api/refuse") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "77")
        assert await response.json() == {"code": "own"}


async def test_a_service_that_is_down_is_a_503_with_retry_after(client: aiohttp.ClientSession) -> None:
    for target in ("/api/triggers", "/api/webhooks/1", "/api/executions"):
        async with client.post(target, data=b"{}") as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "1"
            assert response.content_type == "application/problem+json"
            problem = await response.json(content_type=None)
        assert (problem["status"], problem["code"]) == (503, "unavailable")


async def test_any_other_path_is_a_404(client: aiohttp.ClientSession) -> None:
    for target in ("/", "/api", "/favicon.ico", "/healthz/x", "/temporal-uix", "/metrics"):
        async with client.get(target) as response:
            assert response.status == 404, target
            assert response.content_type == "application/problem+json"
            assert "Server" not in response.headers
            problem = await response.json(content_type=None)
        assert (problem["status"], problem["code"]) == (404, "not_found")


async def test_the_gateway_is_healthy_by_itself(client: aiohttp.ClientSession) -> None:
    async with client.get("/healthz") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_a_webhook_is_never_sent_twice_by_the_gateway(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    """The service may have promised it just before it died: only the sender may repeat it."""
    seen: list[bytes] = []

    async def dies_at_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            while await reader.readline() not in {b"\r\n", b""}:
                pass
            seen.append(line)
            if len(seen) == 2:
                break
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nOK")
            await writer.drain()
        writer.close()

    port = int(gateway.webhook_ingress.rpartition(":")[2])
    async with await asyncio.start_server(dies_at_the_second, "127.0.0.1", port):
        statuses = []
        for _ in range(2):
            async with client.get("/api/webhooks/1") as response:
                statuses.append(response.status)
    assert statuses == [202, 503]
    assert len(seen) == 2

"""The application over real connections: every failure is a problem document, and none is a surprise."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import aiohttp
import msgspec
import pytest
import structlog
from aiohttp import web
from msgspec import Meta

from trigger_runtime import zone_data
from trigger_runtime.lifecycle import Readiness
from trigger_runtime.metrics import Metrics
from trigger_runtime.settings import Secret
from trigger_runtime.web import bodies
from trigger_runtime.web.application import json_response, new_application, request_id
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.operations import Response, Success, operation, routes_of
from trigger_runtime.web.parameters import encode_cursor
from trigger_runtime.web.problem import ProblemError, not_found, unavailable
from trigger_runtime.web.tokens import Principal, TokenSettings, TokenVerifier

LIMIT = 2000
THING = "6f1c54a4-0d5e-4f0b-9a3e-2f6d3c1e7a01"


class MappedError(Exception):
    pass


class MapFailsError(Exception):
    pass


class Node(msgspec.Struct, frozen=True, kw_only=True, tag="node", tag_field="type"):
    size: int
    note: str = ""


class Other(msgspec.Struct, frozen=True, kw_only=True, tag="other", tag_field="type"):
    size: int


class Thing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    thing_name: Annotated[str, Meta(min_length=1)]
    nodes: dict[Annotated[str, Meta(min_length=1)], Node | Other] = {}
    parts: tuple[Node, ...] = ()
    anything: Any = None


class Cursor(msgspec.Struct, frozen=True):
    at: datetime
    id: UUID


class Kind(StrEnum):
    A = "a"
    B = "b"


class ListThings(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    at: datetime | None = None
    id: UUID | None = None
    kind: Kind | None = None
    cursor: Cursor | None = None


OK = Success(description="So it is.")


def map_error(error: Exception) -> ProblemError | None:
    if isinstance(error, MapFailsError):
        raise TypeError("the map itself is broken")
    return unavailable("Later.", retry_after_seconds=7) if isinstance(error, MappedError) else None


class Door:
    """The routes, and what they wait for."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.bound: dict[str, Any] = {}
        self.verifier = TokenVerifier(TokenSettings(jwt_secret=Secret("x" * 40)), metrics=Metrics())

    @operation(
        "POST", "/things", scope=None, tag="Things", success=Success(status=201, description="It is made.")
    )
    async def make_thing(self, request: web.Request, body: Thing) -> dict[str, str]:
        """Make a thing."""
        self.bound = structlog.contextvars.get_contextvars()
        return {"name": body.thing_name, "requestId": request_id(request)}

    async def hurried(self, request: web.Request) -> web.Response:
        self.entered.set()
        return json_response(await bodies.read_json(request, seconds=0.3))

    async def raw(self, request: web.Request) -> web.Response:
        return json_response({"bytes": len(await request.read())})

    @operation("GET", "/things", scope=None, tag="Things", success=OK)
    async def list_things(self, query: ListThings) -> ListThings:
        """List things."""
        return query

    @operation("GET", "/things/{id}", scope=None, tag="Things", success=OK)
    async def show_thing(self, thing_id: UUID) -> Response[dict[str, UUID]]:
        """Show a thing."""
        return Response(content={"id": thing_id}, headers={"ETag": '"1"'})

    async def fail(self, request: web.Request) -> web.Response:
        match request.match_info["how"]:
            case "mapped":
                raise MappedError
            case "map":
                raise MapFailsError
            case "gone":
                raise not_found("thing")
            case "framework":
                raise web.HTTPConflict(text="hunter2")
            case _:
                raise KeyError("a secret: hunter2")

    async def slow(self, _request: web.Request) -> web.Response:
        self.entered.set()
        await self.release.wait()
        return web.Response(text="finished")

    @operation("GET", "/guarded", scope="x", tag="Things", success=OK)
    async def guarded(self, caller: Principal) -> dict[str, str]:
        """Say who calls."""
        return {"who": caller.subject}


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
async def listener(door: Door, readiness: Readiness, metrics: Metrics) -> AsyncIterator[HttpListener]:
    application = new_application(
        routes=[
            *routes_of(door, authenticate=door.verifier.principal),
            web.post("/hurried", door.hurried),
            web.put("/raw", door.raw),
            web.get("/fail/{how}", door.fail),
            web.get("/slow", door.slow),
        ],
        readiness=readiness,
        metrics=metrics,
        error_map=map_error,
        max_body_bytes=LIMIT,
    )
    listener = HttpListener(application, host="127.0.0.1", port=0, drain_seconds=5)
    await listener.start()
    yield listener
    await listener.stop()


@pytest.fixture
async def http(listener: HttpListener) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as session:
        yield session


async def problem(answer: aiohttp.ClientResponse, *, status: int, code: str) -> dict[str, Any]:
    text = await answer.text()
    assert answer.status == status, text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(text)
    assert document["status"] == status
    assert document["code"] == code
    assert document["requestId"] == answer.headers["X-Request-Id"]
    assert document["type"].endswith(code.replace("_", "-"))
    assert document["title"]
    assert document["detail"]
    assert "hunter2" not in text
    return document


async def test_the_probes(http: aiohttp.ClientSession, readiness: Readiness, metrics: Metrics) -> None:
    async with http.get("/livez") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    state: list[str | None] = ["not connected yet"]
    readiness.require("bus", lambda: state[0])
    async with http.get("/readyz") as answer:
        assert answer.status == 503
        document = await answer.json()
        assert (document["ready"], document["missing"]) == (False, {"bus": "not connected yet"})
    state[0] = None
    async with http.get("/readyz") as answer:
        edition = zone_data.in_force().edition
        assert answer.status == 200
        assert await answer.json() == {"ready": True, "missing": {}, "timeZoneData": edition}
    readiness.stopping = True
    async with http.get("/readyz") as answer:
        assert answer.status == 503
    async with http.get("/strangers/path/1234") as answer:
        assert answer.status == 404
    async with http.request("PROPFIND", "/livez") as answer:
        assert answer.status == 405
    async with http.get("/metrics") as answer:
        text = await answer.text()
    assert f'time_zone_data{{edition="{edition}",source=' in text
    assert "time_zone_data_old 0.0" in text or "time_zone_data_old 1.0" in text
    assert 'http_request_seconds_count{method="GET",route="/livez",status="200"} 1.0' in text
    assert 'method="GET",route="unknown",status="404"' in text
    assert 'method="OTHER"' in text
    assert "1234" not in text
    assert "PROPFIND" not in text


async def test_failures_of_the_framework_are_problems(http: aiohttp.ClientSession) -> None:
    async with http.get("/nothing") as answer:
        await problem(answer, status=404, code="not_found")
    async with http.delete("/things") as answer:
        await problem(answer, status=405, code="method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD, POST"
    async with http.get("/fail/framework") as answer:
        await problem(answer, status=409, code="http_error")


@pytest.mark.parametrize("sent", ["length", "chunks"])
async def test_a_body_over_the_limit(http: aiohttp.ClientSession, sent: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 100 + 1):
            yield b"x" * 100

    data: Any = b"x" * (LIMIT + 1) if sent == "length" else chunks()
    async with http.put("/raw", data=data) as answer:
        await problem(answer, status=413, code="body_too_large")
    async with http.put("/raw", data=b"x" * LIMIT) as answer:
        assert await answer.json() == {"bytes": LIMIT}


async def test_errors_of_the_service(http: aiohttp.ClientSession) -> None:
    async with http.get("/fail/mapped") as answer:
        document = await problem(answer, status=503, code="unavailable")
        assert answer.headers["Retry-After"] == "7"
        assert document["detail"] == "Later."
    async with http.get("/fail/gone") as answer:
        await problem(answer, status=404, code="not_found")
    for how in ("surprise", "map"):
        async with http.get(f"/fail/{how}") as answer:
            await problem(answer, status=500, code="internal")


async def test_request_ids(http: aiohttp.ClientSession, door: Door) -> None:
    async with http.post("/things", json={"thingName": "a"}, headers={"X-Request-Id": "abc-1.2:3"}) as answer:
        assert answer.headers["X-Request-Id"] == "abc-1.2:3"
        assert (await answer.json())["requestId"] == "abc-1.2:3"
    assert door.bound["request_id"] == "abc-1.2:3"
    seen = set()
    for bad in ("", "with space", "x" * 129, "ü", "{}", "a\tb"):
        async with http.post("/things", json={"thingName": "a"}, headers={"X-Request-Id": bad}) as answer:
            seen.add(answer.headers["X-Request-Id"])
    assert len(seen) == 6
    assert all(UUID(one) for one in seen)


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Type": ""}, 415, "unsupported_media_type"),
        (b"{}", {**JSON, "Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (b"\x1f\x8b garbage", {**JSON, "Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (b"", JSON, 400, "malformed_json"),
        (b"{", JSON, 400, "malformed_json"),
        (b"nope", JSON, 400, "malformed_json"),
        (b'{"thingName": NaN}', JSON, 400, "malformed_json"),
        (b'{"thingName": "\\ud800"}', JSON, 400, "malformed_json"),
        (b'{"thingName": "\xff"}', JSON, 400, "malformed_json"),
        (b'{"a": 1} x', JSON, 400, "malformed_json"),
        (b"[" * 101 + b"]" * 101, JSON, 400, "malformed_json"),
        (b"[" * 1900, JSON, 400, "malformed_json"),
        (b'{"a":' * 380 + b"1", JSON, 400, "malformed_json"),
        (b"[]", JSON, 422, "validation_failed"),
        (b"null", JSON, 422, "validation_failed"),
        (b"{}", {"Content-Type": "application/merge-patch+json"}, 422, "validation_failed"),
        (b"{}", {"Content-Type": "application/json; charset=utf-8"}, 422, "validation_failed"),
    ],
)
async def test_bad_bodies(
    http: aiohttp.ClientSession, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async with http.post("/things", data=data, headers=headers) as answer:
        await problem(answer, status=status, code=code)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/thingName"]),
        ({"thingName": 5}, ["/thingName"]),
        ({"thingName": ""}, ["/thingName"]),
        ({"thingName": "a", "thing_name": "b"}, ["/thing_name"]),
        ({"thingName": "a", "x/y": 1, "t~": 2}, ["/x~1y", "/t~0"]),
        ({"thingName": "a", "nodes": []}, ["/nodes"]),
        ({"thingName": "a", "nodes": {"k": {"type": "node", "size": "x"}}}, ["/nodes/k/size"]),
        ({"thingName": "a", "nodes": {"k": {"type": "node"}}}, ["/nodes/k/size"]),
        ({"thingName": "a", "nodes": {"k": {"size": 1}}}, ["/nodes/k/type"]),
        ({"thingName": "a", "nodes": {"k": {"type": "z` - at `$.x", "size": 1}}}, ["/nodes/k/type"]),
        ({"thingName": "a", "nodes": {"k": {"type": 5, "size": "x"}}}, ["/nodes/k/type", "/nodes/k/size"]),
        ({"thingName": "a", "nodes": {"k": 7}}, ["/nodes/k"]),
        ({"thingName": "a", "nodes": {"": {"type": "node", "size": 1}}}, ["/nodes/"]),
        (
            {"nodes": {"a/b": {"type": "node", "size": "x", "sice": 1}}, "parts": [7, {"size": 1}], "z": 1},
            ["/thingName", "/nodes/a~1b/size", "/nodes/a~1b/sice", "/parts/0", "/z"],
        ),
        ({"thingName": "a", "nodes": {"k": {"type": "node", "size": 1, "sice": 2}}}, ["/nodes/k/sice"]),
        ({"thingName": "a", "nodes": {"k": {"type": "other", "size": 1, "note": ""}}}, ["/nodes/k/note"]),
        ({"thingName": "a", "parts": [{"size": 1}, {"size": "x"}]}, ["/parts/1/size"]),
        ({"thingName": "a", "parts": [{"size": 1}, {}]}, ["/parts/1/size"]),
        ({"thingName": "a", "parts": [{"size": 1}, {"size": 2, "y": 1}]}, ["/parts/1/y"]),
    ],
)
async def test_what_does_not_fit_is_pointed_at(
    http: aiohttp.ClientSession, body: dict[str, Any], pointers: list[str]
) -> None:
    async with http.post("/things", json=body) as answer:
        document = await problem(answer, status=422, code="validation_failed")
    assert [error["pointer"] for error in document["errors"]] == pointers
    for error in document["errors"]:
        assert error["detail"].endswith(".")
        assert " - at `" not in error["detail"].replace("z` - at `$.x", "")


async def test_what_fits_is_taken(http: aiohttp.ClientSession) -> None:
    body = {
        "thingName": "ä\u0000",
        "nodes": {"a.b[1]": {"type": "node", "size": 1}},
        "anything": {"un": [{"known": {"deep": 1}}]},
    }
    async with http.post("/things", json=body) as answer:
        assert answer.status == 201
    deep = b'{"thingName": "a", "anything": ' + b"[" * 99 + b"]" * 99 + b"}"
    async with http.post("/things", data=deep, headers=JSON) as answer:
        assert answer.status == 201


async def test_queries(http: aiohttp.ClientSession) -> None:
    key = Cursor(at=datetime(2026, 1, 31, 9, tzinfo=UTC), id=UUID(THING))
    good = f"?limit=200&at=2026-01-31T10:00:00+01:00&id={THING}&kind=b&cursor={encode_cursor(key)}"
    async with http.get(f"/things{good}") as answer:
        assert answer.status == 200
        assert await answer.json() == {
            "limit": 200,
            "at": "2026-01-31T09:00:00Z",
            "id": THING,
            "kind": "b",
            "cursor": {"at": "2026-01-31T09:00:00Z", "id": THING},
        }
    async with http.get("/things") as answer:
        found = await answer.json()
        assert found == {"limit": 50, "at": None, "id": None, "kind": None, "cursor": None}


CURSOR = encode_cursor(Cursor(at=datetime(2026, 1, 31, 9, tzinfo=UTC), id=UUID(THING)))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=%D9%A3",
        "limit=1_0",
        "limit=+1",
        "limit=99999999999999999999",
        "limit=",
        "limit=1&limit=2",
        f"cursor={CURSOR}&cursor={CURSOR}",
        "cursor=",
        "cursor=x",
        "cursor=%00",
        "cursor=%FF%FE",
        "cursor=e30",
        "cursor=" + CURSOR[:-3],
        "cursor=" + "A" * 2000,
        "cursor=" + "W1tb" * 200,
        "at=yesterday",
        "at=2026-01-31",
        "at=2026-01-31T09:00:00",
        "at=0001-01-01T00:00:00%2B14:00",
        "at=9999-12-31T23:59:59-14:00",
        "at=1767225600",
        "id=1",
        f"id=%7B{THING}%7D",
        f"id={THING.replace('-', '')}",
        f"id={THING}%0A",
        "kind=c",
        "kind=",
        "Limit=1",
        "unknown=1",
        "%FF=1",
        "%ED%A0%80=1",
        "%00=1",
        "=1",
    ],
)
async def test_bad_queries(listener: HttpListener, query: str) -> None:
    status, headers, body = await raw(listener, f"GET /things?{query} HTTP/1.1".encode())
    assert status == 400, body
    assert b"application/problem+json" in headers
    assert json.loads(body)["code"] == "bad_parameter"


@pytest.mark.parametrize(
    "path", ["1", "x" * 500, THING + "0", THING[:-1] + "g", "%00", "..%2F..", "%FF", THING + "%0A", "%F0%9F"]
)
async def test_what_is_no_id_names_nothing(listener: HttpListener, path: str) -> None:
    status, _, body = await raw(listener, f"GET /things/{path} HTTP/1.1".encode())
    assert status == 404, body
    assert json.loads(body)["code"] == "not_found"


async def test_bytes_that_are_no_text_in_headers(listener: HttpListener) -> None:
    status, _, body = await raw(
        listener, b"GET /guarded HTTP/1.1\r\nAuthorization: Bearer \xff\xfe.\xff.\xff\r\nX-Request-Id: \xff"
    )
    assert (status, json.loads(body)["code"]) == (401, "unauthenticated")
    status, _, body = await raw(
        listener, b"POST /things HTTP/1.1\r\nContent-Type: application/\xff\r\nContent-Length: 2", b"{}"
    )
    assert (status, json.loads(body)["code"]) == (415, "unsupported_media_type")


async def test_a_body_that_ends_early_is_no_failure_of_ours(
    listener: HttpListener, metrics: Metrics, eventually: Any
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(
        b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert b" 500 " not in answer
    labels = {"method": "POST", "route": "/things", "status": "400"}
    await eventually(lambda: metrics.registry.get_sample_value("http_request_seconds_count", labels) == 1)
    # And one whose chunks make no sense.
    status, _, body = await raw(
        listener,
        b"POST /things HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked",
        b"zz\r\n{}\r\n0\r\n\r\n",
    )
    assert status == 400, body


async def test_stopping_finishes_what_is_under_way(
    listener: HttpListener, door: Door, http: aiohttp.ClientSession
) -> None:
    async def get_slow() -> str:
        async with http.get("/slow") as answer:
            return await answer.text()

    port = listener.port
    getting = asyncio.create_task(get_slow())
    await asyncio.wait_for(door.entered.wait(), 5)
    stopping = asyncio.create_task(listener.stop())
    await asyncio.sleep(0.05)
    with pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.ClientSession() as other:
            await other.get(f"http://127.0.0.1:{port}/livez")
    assert not stopping.done()
    door.release.set()
    assert await asyncio.wait_for(getting, 5) == "finished"
    await asyncio.wait_for(stopping, 5)


async def test_an_idle_connection_does_not_hold_up_the_stop(
    listener: HttpListener, http: aiohttp.ClientSession
) -> None:
    async with http.get("/livez") as answer:
        await answer.read()
    await asyncio.wait_for(listener.stop(), 2)


async def test_an_address_that_is_taken(listener: HttpListener) -> None:
    second = HttpListener(web.Application(), host="127.0.0.1", port=listener.port)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()
    with pytest.raises(OSError, match="no port"):
        await HttpListener(web.Application(), host="127.0.0.1", port=70000).start()
    with pytest.raises(RuntimeError):
        _ = HttpListener(web.Application(), host="127.0.0.1", port=0).port


async def raw(listener: HttpListener, head: bytes, body: bytes = b"") -> tuple[int, bytes, bytes]:
    """Send bytes as they are; return status, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    try:
        writer.write(head + b"\r\nHost: x\r\nConnection: close\r\n\r\n" + body)
        answer = await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()
    headers, _, content = answer.partition(b"\r\n\r\n")
    return int(headers.split()[1]), headers, content


_HEAD = b"POST /hurried HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("head", "rest", "status", "code"),
    [
        (b"Content-Length: 50\r\n\r\n{", None, 408, "body_too_slow"),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", None, 408, "body_too_slow"),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"zz\r\n}\r\n0\r\n\r\n", 408, "body_too_slow"),
        (b"Content-Length: 5000\r\n\r\n{", None, 413, "body_too_large"),
        (
            b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
            b"bb8\r\n" + b" " * 3000 + b"\r\n",
            413,
            "body_too_large",
        ),
    ],
    ids=["slow", "slow chunks", "no chunk", "too long", "too many chunks"],
)
async def test_bodies_that_do_not_come(
    listener: HttpListener, door: Door, head: bytes, rest: bytes | None, status: int, code: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(_HEAD + head)
    await asyncio.wait_for(door.entered.wait(), 5)
    if rest is not None:
        writer.write(rest)
    headers = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert int(headers.split()[1]) == status
    assert b"application/problem+json" in headers
    length = int(headers.lower().partition(b"content-length: ")[2].split()[0])
    assert json.loads(await reader.readexactly(length))["code"] == code
    writer.close()


async def test_a_slow_body_that_arrives_in_time_is_read(listener: HttpListener, door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(_HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n[")
    await asyncio.wait_for(door.entered.wait(), 5)
    writer.write(b"]")
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"[]")
    writer.close()

"""A handler's signature is its parser, its authorisation and its document."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import aiohttp
import msgspec
import pytest
from aiohttp import web
from msgspec import Meta

from trigger_runtime.lifecycle import Readiness
from trigger_runtime.metrics import Metrics
from trigger_runtime.web.application import new_application
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.openapi import ApiInfo, document
from trigger_runtime.web.operations import (
    MERGE_PATCH,
    Response,
    Success,
    operation,
    operations_of,
    routes_of,
)
from trigger_runtime.web.parameters import Header, NoQuery
from trigger_runtime.web.problem import ProblemError

ID = "6f1c54a4-0d5e-4f0b-9a3e-2f6d3c1e7a01"
DONE = Success(description="Done.")
GONE = Success(status=204, description="It is gone.")


class Paint(msgspec.Struct, frozen=True, kw_only=True):
    colour: Annotated[str, Meta(min_length=1)] = "red"


class Door(msgspec.Struct, frozen=True, kw_only=True):
    colour: str


class ListDoors(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    since: Annotated[int, Meta(ge=1, le=99)] | datetime | None = None
    open: Annotated[bool | None, Meta(description="Only those that are open.")] = None
    house: UUID


def read_colour(request: web.Request) -> str:
    if "Colour" not in request.headers:
        raise ProblemError(428, code="colour_missing", detail="Send a Colour.")
    return request.headers["Colour"]


Colour = Annotated[
    str,
    Header(
        name="Colour",
        read=read_colour,
        schema={"type": "string"},
        description="The colour.",
        errors=(428,),
    ),
]
RED = Paint()
TIME = "an RFC 3339 time with a zone, like 2026-01-31T09:00:00Z"


class Doors:
    @operation("GET", "/doors", scope="look", tag="Doors", success=DONE)
    async def list_doors(self, query: ListDoors) -> list[Door]:
        """List the doors.

        Those of one house,
        in any order.
        """
        return [Door(colour=repr(query.since))]

    @operation("PUT", "/houses/{id}/doors/{door}", scope="paint", tag="Doors", success=DONE, errors=(409,))
    async def paint_door(
        self, caller: str, house_id: UUID, door_id: UUID, colour: Colour, body: Paint, sent_body: Any
    ) -> Response[Door]:
        """Paint a door."""
        text = f"{caller} {house_id} {door_id} {colour} {body.colour} {sent_body}"
        return Response(content=Door(colour=text), status=202, headers={"Location": "/here"})

    @operation("POST", "/doors/paint", scope=None, tag="Doors", success=DONE)
    async def paint_all(self, body: Paint = RED) -> Door:
        """Paint all doors"""
        return Door(colour=body.colour)

    @operation(
        "PATCH",
        "/doors/{id}",
        scope=None,
        tag="Doors",
        success=DONE,
        media_types=("application/json", MERGE_PATCH),
    )
    async def patch_door(self, door_id: UUID, sent_body: Annotated[Any, Paint, Door]) -> Door:
        """Patch a door."""
        return Door(colour=str(sent_body))

    @operation(
        "DELETE",
        "/doors/{id}",
        scope=None,
        tag="Doors",
        success=Success(status=204, description="It is gone."),
    )
    async def remove_door(self, door_id: UUID, query: NoQuery) -> None:
        """Remove a door."""

    @operation(
        "POST",
        "/doors/{id}/knock",
        scope=None,
        tag="Doors",
        success=(Success(description="It opens.", kind=Door), Success(status=202, description="Wait.")),
        media_types=("*/*",),
    )
    async def knock(self, request: web.Request) -> web.Response:
        """Knock."""
        return web.Response(text=str(len(await request.read())), status=202)


async def authenticate(request: web.Request, *, scope: str) -> str:
    if "Who" not in request.headers:
        raise ProblemError(401, code="unauthenticated", detail="Who is it?")
    return f"{request.headers['Who']}:{scope}"


def check_field(kind: type, name: str, value: Any) -> list[tuple[str, str]]:
    return [("", "Not this one.")] if value == "pink" else []


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    application = new_application(
        routes=routes_of(Doors(), authenticate=authenticate, check_field=check_field),
        readiness=Readiness(),
        metrics=Metrics(),
        error_map=lambda _: None,
        max_body_bytes=1000,
    )
    listener = HttpListener(application, host="127.0.0.1", port=0)
    await listener.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as session:
            yield session
    finally:
        await listener.stop()


async def call(
    http: aiohttp.ClientSession, method: str, path: str, *, body: Any = None, **headers: str
) -> tuple[int, Any]:
    async with http.request(method, path, json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_a_query_is_decoded_as_its_type(http: aiohttp.ClientSession) -> None:
    for since, expected in [("7", "7"), ("2026-01-31T09:00:00Z", "datetime.datetime(2026, 1, 31, 9")]:
        status, body = await call(http, "GET", f"/doors?house={ID}&from={since}&open=true", Who="ada")
        assert status == 200
        assert body[0]["colour"].startswith(expected)


async def test_every_problem_of_a_query_is_named(http: aiohttp.ClientSession) -> None:
    status, body = await call(http, "GET", "/doors?from=100&open=yes&opne=1&open=no&x=1", Who="ada")
    assert (status, body["code"]) == (400, "bad_parameter")
    assert body["detail"].split(" Query parameter ") == [
        f"Query parameter 'from': Expected a number from 1 to 99 or {TIME}.",
        "'open': It is there more than once.",
        "'opne': There is no such parameter.",
        "'x': There is no such parameter.",
        "'house': This is required.",
    ]
    assert (await call(http, "DELETE", f"/doors/{ID}?x=1"))[0] == 400
    assert (await call(http, "DELETE", f"/doors/{ID}"))[0] == 204


async def test_an_address_without_parameters_is_read_as_one_without_a_query(
    http: aiohttp.ClientSession,
) -> None:
    for mark in ("", "?", "?&"):
        assert (await call(http, "DELETE", f"/doors/{ID}{mark}"))[0] == 204
        status, body = await call(http, "GET", f"/doors{mark}", Who="ada")
        assert (status, body["detail"]) == (400, "Query parameter 'house': This is required.")
    for sent in ("?=", "?x", "?x=", "?%78=1", "??"):
        status, body = await call(http, "DELETE", f"/doors/{ID}{sent}")
        assert (status, body["code"]) == (400, "bad_parameter")
        assert "There is no such parameter." in body["detail"]


async def test_every_argument_comes_from_its_place(http: aiohttp.ClientSession) -> None:
    path = f"/houses/{ID}/doors/{ID}"
    async with http.put(path, json={"colour": "blue"}, headers={"Who": "ada", "Colour": "c"}) as response:
        assert response.status == 202
        assert response.headers["Location"] == "/here"
        assert (await response.json())["colour"] == f"ada:paint {ID} {ID} c blue {{'colour': 'blue'}}"


async def test_who_calls_is_asked_first(http: aiohttp.ClientSession) -> None:
    assert (await call(http, "PUT", f"/houses/x/doors/{ID}", body={"x": 1}))[0] == 401
    status, body = await call(http, "PUT", f"/houses/x/doors/{ID}", body={"x": 1}, Who="ada", Colour="c")
    assert (status, body["detail"]) == (404, "There is no such house.")
    status, body = await call(http, "PUT", f"/houses/{ID}/doors/{ID}", body={"x": 1}, Who="ada")
    assert (status, body["code"]) == (428, "colour_missing")
    status, body = await call(http, "PUT", f"/houses/{ID}/doors/{ID}", body={"x": 1}, Who="ada", Colour="c")
    assert (status, body["errors"]) == (422, [{"pointer": "/x", "detail": "There is no such field."}])


async def test_the_meaning_is_checked_where_the_form_is_wrong(http: aiohttp.ClientSession) -> None:
    status, body = await call(http, "POST", "/doors/paint", body={"colour": "pink", "x": 1})
    assert status == 422
    assert [error["pointer"] for error in body["errors"]] == ["/colour", "/x"]


async def test_a_body_with_a_default_may_be_left_out(http: aiohttp.ClientSession) -> None:
    assert await call(http, "POST", "/doors/paint") == (200, {"colour": "red"})
    assert await call(http, "POST", "/doors/paint", body={"colour": "blue"}) == (200, {"colour": "blue"})


async def test_a_body_can_be_had_as_it_was_sent(http: aiohttp.ClientSession) -> None:
    assert (await call(http, "PATCH", f"/doors/{ID}", body={"x": None}))[1] == {"colour": "{'x': None}"}
    assert (await call(http, "PATCH", f"/doors/{ID}"))[0] == 415


async def test_a_handler_can_read_and_write_by_itself(http: aiohttp.ClientSession) -> None:
    async with http.post("/doors/anything/knock", data=b"12345") as response:
        assert (response.status, await response.text()) == (202, "5")


def test_the_document_says_the_same() -> None:
    info = ApiInfo(title="Doors", version="1", description="", tags={"Doors": "All of them."})
    paths = document(info, operations=operations_of(Doors))["paths"]
    listed, painted = paths["/doors"]["get"], paths["/houses/{id}/doors/{door}"]["put"]
    assert listed["operationId"] == "listDoors"
    assert (listed["summary"], listed["description"]) == (
        "List the doors",
        "Those of one house, in any order.",
    )
    assert listed["security"] == [{"token": ["look"]}]
    assert sorted(listed["responses"]) == ["200", "400", "401", "403", "500", "503"]
    content = listed["responses"]["200"]["content"]["application/json"]["schema"]
    assert content == {"type": "array", "items": {"$ref": "#/components/schemas/Door"}}
    since, opened, house = listed["parameters"]
    assert (since["name"], since["required"], since["in"]) == ("from", False, "query")
    assert since["schema"] == {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 99},
            {"type": "string", "format": "date-time"},
        ]
    }
    assert opened["schema"] == {"type": "string", "enum": ["true", "false"]}
    assert opened["description"] == "Only those that are open."
    assert (house["required"], house["schema"]["format"]) == (True, "uuid")

    assert [one["name"] for one in painted["parameters"]] == ["id", "door", "Colour"]
    assert sorted(painted["responses"]) == sorted(
        map(str, (200, 400, 401, 403, 404, 409, 413, 415, 422, 428, 500, 503))
    )
    assert painted["requestBody"]["required"]
    assert not paths["/doors/paint"]["post"]["requestBody"]["required"]
    patched = paths["/doors/{id}"]["patch"]["requestBody"]["content"]
    assert set(patched) == {"application/json", MERGE_PATCH}
    assert [one["$ref"][-5:] for one in patched[MERGE_PATCH]["schema"]["anyOf"]] == ["Paint", "/Door"]
    knocked = paths["/doors/{id}/knock"]["post"]
    assert [one["name"] for one in knocked["parameters"]] == ["id"]
    assert knocked["requestBody"] == {"required": False, "content": {"*/*": {"schema": {}}}}
    assert sorted(knocked["responses"]) == ["200", "202", "404", "500", "503"]


def test_a_signature_that_does_not_fit_is_refused_at_once() -> None:
    declare = operation("GET", "/doors", scope=None, tag="Doors", success=DONE)
    with pytest.raises(TypeError, match="no place for 'thing'"):

        class Unknown:
            @declare
            async def show(self, thing: UUID) -> None: ...

    with pytest.raises(TypeError, match="no place for 'thing'"):

        class Text:
            @operation("GET", "/doors/{id}", scope=None, tag="Doors", success=DONE)
            async def show(self, thing: str) -> None: ...

    with pytest.raises(TypeError, match="without a scope"):

        class Anonymous:
            @declare
            async def show(self, caller: str) -> None: ...

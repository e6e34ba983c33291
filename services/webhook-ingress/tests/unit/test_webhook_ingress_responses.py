"""What a trigger may make of its answers, and the key that makes two requests one execution."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from trigger_contracts.config import AuthType, HttpMethod, ResponseFormat
from trigger_contracts.webhook_config import IdempotencyKeySource, WebhookResponse

Make = Callable[..., Any]

LONG = f"sha256:{hashlib.sha256(b'x' * 256).hexdigest()}"


@pytest.fixture
def respond(make_trigger: Make, make_request: Make, make_door: Make) -> Make:
    def response(**config: Any) -> Any:
        door = make_door(make_trigger(**config))
        response = door.send(make_request(trigger_id=door.trigger.id))
        if door.accepted:
            assert door.accepted[0].response_status == response.status
            assert door.accepted[0].response_body == response.body.decode()
        return response

    return response


def test_a_trigger_can_have_its_own_response(respond: Make) -> None:
    usual = respond()
    assert (usual.status, usual.content_type) == (202, "application/json")
    assert "Content-Security-Policy" not in dict(usual.headers)

    own = respond(response=WebhookResponse(status=200, headers={"X-A": "b"}, body={"received": True}))
    assert (own.status, own.body, own.content_type) == (200, b'{"received":true}', "application/json")
    fields = dict(own.headers)
    assert fields["X-A"] == "b"
    assert "X-Execution-Id" in fields
    assert fields["Content-Security-Policy"] == "sandbox; default-src 'none'"
    text = respond(response=WebhookResponse(body="[accepted]"), response_format=ResponseFormat.TEXT)
    assert (text.status, text.body, text.content_type) == (202, b"[accepted]", "text/plain; charset=utf-8")
    kept = respond(response=WebhookResponse(status=201), response_format=ResponseFormat.TEXT)
    assert (kept.status, kept.body) == (201, b"OK")
    assert respond(response=WebhookResponse(body=None)).body == b"null"
    empty = respond(response=WebhookResponse(status=204, body={"a": 1}, headers={"Content-Type": "a/b"}))
    assert (empty.status, empty.body, empty.content_type) == (204, b"", "")


def test_a_trigger_can_have_its_own_headers(respond: Make) -> None:
    response = respond(
        custom_headers={"X-A": "1", "x-b": "2", "content-type": "application/xml"},
        response=WebhookResponse(headers={"x-a": "3"}),
    )
    assert response.content_type == "application/xml"
    fields = [(name, value) for name, value in response.headers if name.lower() in {"x-a", "x-b"}]
    assert fields == [("x-a", "3"), ("x-b", "2")]
    assert "content-type" not in {name.lower() for name, _ in response.headers}


@pytest.mark.parametrize(
    "name",
    [
        "Content-Length",
        "transfer-encoding",
        "CONNECTION",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Proxy-Authenticate",
        "Content-Encoding",
        "Date",
        "Server",
        "Set-Cookie",
        "Location",
        "Refresh",
        "Strict-Transport-Security",
        "Content-Security-Policy-Report-Only",
        "Access-Control-Allow-Origin",
        "Clear-Site-Data",
        "X-Execution-Id",
        "X-Request-Id",
        "Retry-After",
        "WWW-Authenticate",
        "RateLimit",
    ],
)
def test_a_trigger_cannot_set_what_frames_a_message(respond: Make, name: str) -> None:
    assert respond(custom_headers={name: "1"}).status == 503
    assert respond(response=WebhookResponse(headers={name: "1"})).status == 503


def test_a_line_break_is_refused_whatever_the_contract_let_through(respond: Make) -> None:
    for pair in ({"X-A": "b\r\nX-B: c"}, {"X-A\r\nX-B": "c"}, {"X-A": "b\n"}, {"X-A": "caf\u00e9"}):
        assert respond(custom_headers=pair).status == 503


@pytest.mark.parametrize(
    ("source", "headers", "body", "expected"),
    [
        (None, (), b"{}", None),
        (None, (("Idempotency-Key", "k"),), b"{}", "k"),
        (IdempotencyKeySource(header="X-Delivery"), (("x-delivery", "d 1"),), b"{}", "d 1"),
        (IdempotencyKeySource(header="X-Delivery"), (("Idempotency-Key", "k"),), b"{}", "k"),
        (IdempotencyKeySource(header="X-D"), (("X-D", "d"), ("Idempotency-Key", "k")), b"{}", "d"),
        (IdempotencyKeySource(header="X-D"), (("X-D", "d"), ("X-D", "d")), b"{}", 400),
        (IdempotencyKeySource(header="X-D"), (("X-D", ""),), b"{}", 400),
        (
            IdempotencyKeySource(header="X-D"),
            (("X-D", "x" * 256),),
            b"{}",
            LONG,
        ),
        (IdempotencyKeySource(body="data.id"), (), b'{"data": {"id": "e1"}}', "e1"),
        (IdempotencyKeySource(body="data.id"), (), b'{"data": {"id": 7}}', "7"),
        (IdempotencyKeySource(body="events[1].id"), (), b'{"events": [{}, {"id": "b"}]}', "b"),
        (IdempotencyKeySource(body="events[1].id"), (), b'{"events": [{}]}', None),
        (IdempotencyKeySource(body="events[1].id"), (), b'{"events": {"1": {"id": "b"}}}', "b"),
        (IdempotencyKeySource(body="events.1.id"), (), b'{"events": [{}, {"id": "b"}]}', "b"),
        (IdempotencyKeySource(body='data["Order Id"]'), (), b'{"data": {"Order Id": "o"}}', "o"),
        (IdempotencyKeySource(body="[0].id"), (), b'[{"id": "first"}]', "first"),
        (IdempotencyKeySource(body="$.id"), (), b'{"$": {"id": "stored before"}}', "stored before"),
        (IdempotencyKeySource(body="events.1.id"), (), b'{"events": {"1": {"id": "b"}}}', "b"),
        (IdempotencyKeySource(body="data.id"), (), b'{"data": {"id": null}}', None),
        (IdempotencyKeySource(body="data.id"), (("Idempotency-Key", "k"),), b"{}", "k"),
        (IdempotencyKeySource(body="data.id"), (), b"not json", None),
        (IdempotencyKeySource(body="data.id"), (), b"[" * 100_000, None),
        (IdempotencyKeySource(body="data.id"), (), b'{"data": {"id": true}}', 400),
        (IdempotencyKeySource(body="data.id"), (), b'{"data": {"id": {}}}', 400),
        (IdempotencyKeySource(body="data.id"), (), b'{"data": {"id": ""}}', 400),
        (IdempotencyKeySource(body="data.id"), (("Idempotency-Key", ""),), b'{"data": {"id": "a"}}', 400),
    ],
)
def test_the_idempotency_key_comes_from_the_header_or_the_body(
    make_trigger: Make,
    make_request: Make,
    make_door: Make,
    source: Any,
    headers: Any,
    body: bytes,
    expected: Any,
) -> None:
    door = make_door(make_trigger(idempotency_key=source))
    response = door.send(make_request(*headers, trigger_id=door.trigger.id), body=body)
    if isinstance(expected, int):
        assert (response.status, door.accepted) == (expected, [])
    else:
        assert (response.status, door.accepted[0].idempotency_key) == (202, expected)


def test_the_same_key_is_the_same_execution(make_trigger: Make, make_request: Make, make_door: Make) -> None:
    door = make_door(make_trigger(idempotency_key=IdempotencyKeySource(body="id")))
    for body in (b'{"id": 1}', b'{"id": "1"}', b'{"id": 2}'):
        door.send(make_request(trigger_id=door.trigger.id), body=body)
    first, again, other = [delivery.execution_id for delivery in door.accepted]
    assert first == again != other


def test_a_head_starts_a_run_only_where_that_is_the_method(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    for method in HttpMethod:
        door = make_door(make_trigger(method=method))
        response = door.send(make_request(trigger_id=door.trigger.id, method="HEAD"), body=b"")
        assert response.status == (202 if method is HttpMethod.HEAD else 405)


def test_the_use_of_an_older_secret_is_published(
    make_trigger: Make, make_request: Make, make_door: Make, make_secret: Make, now: Any
) -> None:
    current = make_secret(b"new-secret-of-mine")
    older = make_secret(b"old-secret-of-mine", valid_until=now + timedelta(hours=1))
    door = make_door(make_trigger(auth_type=AuthType.API_KEY, secrets=(current, older)))
    for key, uses in [("new-secret-of-mine", []), ("wrong", []), ("old-secret-of-mine", [older.id])]:
        door.send(make_request(("X-API-Key", key), trigger_id=door.trigger.id))
        assert door.uses == uses

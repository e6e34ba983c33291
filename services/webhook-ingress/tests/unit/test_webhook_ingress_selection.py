"""Deliveries that a trigger's filters or expression leave out: answered 200, on record, no run."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from trigger_contracts.config import HttpMethod, ResponseFormat
from trigger_contracts.deliveries import AcceptedDelivery, ClaimCheck
from trigger_contracts.webhook_config import IdempotencyKeySource, RateLimit, WebhookResponse
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_matching import delivery_payload, large_delivery_payload
from webhook_ingress.domain.selection import payload_of

Make = Callable[..., Any]
JSON = ("content-type", "application/json")
FORM = ("content-type", "application/x-www-form-urlencoded")
FILTERED = {"success": True, "filtered": True}


def selecting(make_door: Make, make_trigger: Make, **options: Any) -> Any:
    return make_door(make_trigger(**options))


def answer(
    door: Any, make_request: Make, *headers: tuple[str, str], body: bytes = b"{}", **request: Any
) -> Any:
    return door.send(make_request(*headers, trigger_id=door.trigger.id, **request), body=body)


@pytest.mark.parametrize(
    ("options", "headers", "body", "request_options"),
    [
        ({"filters": {"body.ref": "main"}}, [JSON], b'{"ref": "main"}', {}),
        ({"filters": {"body.n": 1}}, [JSON], b'{"n": 1.0}', {}),
        ({"filters": {'body["First Name"]': "Ann"}}, [FORM], b"First+Name=Ann", {}),
        ({"filters": {"body.ids[1]": "b"}}, [FORM], b"ids=a&ids=b", {}),
        ({"filters": {"headers.x-github-event": "push"}}, [JSON, ("x-github-event", "push")], b"{}", {}),
        ({"filters": {"query.env": "prod"}}, [JSON], b"{}", {"query": (("env", "prod"),)}),
        ({"filters": {"bodyProblem": None}}, [JSON], b"{}", {}),
        ({"filters": {"body": None}, "method": HttpMethod.GET}, [], b"", {"method": "GET"}),
        ({"expression": "payload.body.total > 100"}, [JSON], b'{"total": 100.5}', {}),
        ({"expression": 'payload.body.startsWith("hello")'}, [("content-type", "text/plain")], b"hello!", {}),
        ({"expression": "payload.method == 'POST' && has(payload.body.a)"}, [JSON], b'{"a": null}', {}),
        ({"filters": {"body.a": 1}, "expression": "payload.body.b == 2"}, [JSON], b'{"a": 1, "b": 2}', {}),
    ],
)
def test_what_the_filters_and_the_expression_ask_for_starts_a_run(
    make_door: Make,
    make_trigger: Make,
    make_request: Make,
    options: dict[str, Any],
    headers: list[tuple[str, str]],
    body: bytes,
    request_options: dict[str, Any],
) -> None:
    door = selecting(make_door, make_trigger, **options)
    assert answer(door, make_request, *headers, body=body, **request_options).status == 202
    assert len(door.accepted) == 1
    assert door.rejected == []


@pytest.mark.parametrize(
    ("options", "headers", "body"),
    [
        ({"filters": {"body.ref": "main"}}, [JSON], b'{"ref": "dev"}'),
        ({"filters": {"body.ref": "main"}}, [JSON], b"{}"),
        ({"filters": {"body.ref": "main"}}, [JSON], b'{"ref": NaN'),
        ({"filters": {"body.n": 1}}, [JSON], b'{"n": true}'),
        ({"filters": {"body.n": 1}}, [JSON], b'{"n": "1"}'),
        ({"filters": {"bodyProblem": None}}, [JSON], b'{"broken'),
        ({"expression": "payload.body.total > 100"}, [JSON], b'{"total": 100}'),
        ({"filters": {"body.a": 1}, "expression": "payload.body.b == 2"}, [JSON], b'{"a": 1, "b": 3}'),
    ],
)
def test_what_is_left_out_is_answered_200_and_on_record_and_starts_nothing(
    make_door: Make,
    make_trigger: Make,
    make_request: Make,
    options: dict[str, Any],
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    door = selecting(make_door, make_trigger, **options)
    response = answer(door, make_request, *headers, body=body)
    assert (response.status, json.loads(response.body)) == (200, FILTERED)
    assert door.accepted == []
    (record,) = door.rejected
    assert (record.reason, record.response_status, record.execution_id) == ("filtered", 200, None)
    assert record.body == body
    assert record.detail
    assert door.outcomes == ["filtered"]
    assert door.failed == []


@pytest.mark.parametrize(
    ("filters", "headers", "body", "words"),
    [
        ({"body.ref": "main"}, [JSON], b'{"ref": "main"', ": the body has the problem invalid_json."),
        (
            {"body.ref": "main"},
            [JSON, ("Content-Encoding", "br")],
            b'{"ref": "main"}',
            ": the body has the problem encoding_unknown.",
        ),
        ({"body.ref": "main"}, [JSON], b"{}", "for which the trigger has a filter."),
        ({"headers.x-a": "1"}, [JSON], b'{"ref": "main"', "for which the trigger has a filter."),
    ],
)
def test_a_filter_that_finds_nothing_in_an_unreadable_body_says_so(
    make_door: Make,
    make_trigger: Make,
    make_request: Make,
    filters: dict[str, Any],
    headers: list[tuple[str, str]],
    body: bytes,
    words: str,
) -> None:
    door = selecting(make_door, make_trigger, filters=filters)
    assert answer(door, make_request, *headers, body=body).status == 200
    (record,) = door.rejected
    assert record.reason == "filtered"
    assert record.detail.startswith(f"There is no {next(iter(filters))}, ")
    assert record.detail.endswith(words)


@pytest.mark.parametrize(
    ("expression", "body", "why"),
    [
        ("payload.body.total > 100", b"{}", "there is no payload.body.total"),
        ("payload.body.total > 100", b'{"total": "many"}', ""),
        ("payload.body.lines[2].sku == 'a'", b'{"lines": []}', "there is no payload.body.lines[2]."),
    ],
)
def test_a_condition_that_fails_is_no_silent_no(
    make_door: Make, make_trigger: Make, make_request: Make, expression: str, body: bytes, why: str
) -> None:
    door = selecting(make_door, make_trigger, expression=expression)
    response = answer(door, make_request, JSON, body=body)
    assert (response.status, json.loads(response.body)) == (200, FILTERED)
    (record,) = door.rejected
    assert record.reason == "condition_failed"
    assert why in record.detail
    ((version, reason),) = door.failed
    assert version == door.trigger.version
    assert record.detail == f"The expression cannot be evaluated: {reason}."


def test_filters_come_after_all_that_keeps_requests_out(
    make_door: Make, make_trigger: Make, make_request: Make
) -> None:
    limit = RateLimit(requests=1, per_seconds=3600)
    door = selecting(make_door, make_trigger, filters={"body.a": 1}, rate_limit=limit)
    first = answer(door, make_request, JSON)
    assert first.status == 200
    assert dict(first.headers)["RateLimit"].startswith('"webhook";r=0')
    # What is left out has used the limit up: reading it costs as much.
    assert answer(door, make_request, JSON).status == 429
    assert answer(door, make_request, JSON, method="PUT").status == 405
    assert [record.reason for record in door.rejected] == ["filtered", "rate_limited", "method_not_allowed"]


def test_a_delivery_that_is_left_out_keeps_its_key_free(
    make_door: Make, make_trigger: Make, make_request: Make
) -> None:
    door = selecting(
        make_door,
        make_trigger,
        filters={"body.ready": True},
        idempotency_key=IdempotencyKeySource(body="id"),
        rate_limit=RateLimit(requests=100, per_seconds=1),
    )
    assert answer(door, make_request, JSON, body=b'{"id": "a", "ready": false}').status == 200
    assert door.rejected[-1].idempotency_key == "a"
    assert answer(door, make_request, JSON, body=b'{"id": "a", "ready": true}').status == 202
    # An accepted key is answered as before.
    assert answer(door, make_request, JSON, body=b'{"id": "a", "ready": true}').status == 202
    assert len(door.accepted) == 1


@pytest.mark.parametrize(
    ("options", "status", "body"),
    [
        ({}, 200, json.dumps(FILTERED, separators=(",", ":")).encode()),
        ({"response_format": ResponseFormat.TEXT}, 200, b"OK"),
        ({"response": WebhookResponse(body="<Response/>")}, 200, b"<Response/>"),
        ({"response": WebhookResponse(status=204)}, 204, b""),
        # A 202 always runs.
        ({"response": WebhookResponse(status=202, body={"taken": True})}, 200, b'{"taken":true}'),
    ],
)
def test_the_sender_gets_what_it_takes_for_success_and_never_a_202(
    make_door: Make, make_trigger: Make, make_request: Make, options: dict[str, Any], status: int, body: bytes
) -> None:
    door = selecting(make_door, make_trigger, filters={"body.a": 1}, **options)
    response = answer(door, make_request, JSON)
    assert (response.status, response.body) == (status, body)
    assert "X-Execution-Id" not in dict(response.headers)


def test_a_provider_gets_its_own_acknowledgement(
    make_door: Make, make_trigger: Make, make_request: Make, make_secret: Make, sign: Make
) -> None:
    secret, body = make_secret(), b'{"action": "opened"}'
    signature = f"sha256={sign(secret.value, body)}"
    trigger = make_trigger(
        provider=WebhookProvider.GITHUB, secrets=(secret,), filters={"body.action": "closed"}
    )
    door = make_door(trigger)
    response = answer(
        door, make_request, JSON, ("x-hub-signature-256", signature), ("x-github-event", "issues"), body=body
    )
    assert (response.status, json.loads(response.body)) == (200, FILTERED)
    assert door.rejected[0].reason == "filtered"


@pytest.mark.parametrize("size", [100, 20_000, 600_000, 1_000_000])
def test_a_long_body_is_asked_in_a_thread_and_decides_alike(
    make_door: Make, make_trigger: Make, make_request: Make, size: int
) -> None:
    door = selecting(make_door, make_trigger, filters={"body.ref": "main"})
    for ref, status in (("main", 202), ("dev", 200)):
        body = json.dumps({"ref": ref, "padding": "x" * size}).encode()
        assert answer(door, make_request, JSON, body=body).status == status
    assert (len(door.accepted), len(door.rejected)) == (1, 1)
    assert door.in_threads == (2 if size > 16_000 else 0)


def test_what_cannot_be_asked_in_time_is_not_taken(
    make_door: Make, make_trigger: Make, make_request: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = selecting(make_door, make_trigger, filters={"body.ref": "main"})

    def late(*_: Any, **__: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr("webhook_ingress.usecases.delivery_storage.left_out", late)
    response = answer(door, make_request, JSON, body=json.dumps({"ref": "x" * 20_000}).encode())
    assert response.status == 503
    assert "Retry-After" in dict(response.headers)
    assert (door.accepted, door.rejected) == ([], [])


@pytest.mark.parametrize(
    ("size", "headers"), [(10, [JSON]), (600_000, [JSON]), (1_600_000, [JSON]), (700_000, [])]
)
def test_filters_read_the_payload_that_the_run_gets(
    make_door: Make, make_trigger: Make, make_request: Make, size: int, headers: list[tuple[str, str]]
) -> None:
    """As the dispatcher makes it, of a body in the message or apart from it."""
    door = selecting(make_door, make_trigger)
    body = json.dumps({"a": "x" * size}).encode()
    if not headers:
        body, headers = gzip.compress(base64.b64encode(body), mtime=0), [("content-encoding", "gzip"), JSON]
    answer(door, make_request, *headers, ("authorization", "Bearer secret"), body=body)
    delivery: AcceptedDelivery = door.accepted[0]
    asked = payload_of(delivery, longest_inline=512 * 1024)
    if len(body) <= 512 * 1024:
        assert asked == delivery_payload(delivery)
    else:
        claim = ClaimCheck(key=delivery.id, size=len(body), sha256=delivery.body_sha256)
        bare = msgspec.structs.replace(delivery, body=b"")
        whole = body if len(body) <= 1_572_864 else None
        assert asked == large_delivery_payload(bare, claim=claim, body=whole)
    assert asked["headers"]["authorization"] == "[redacted]"

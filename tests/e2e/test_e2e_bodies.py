"""What senders send, from the door to the payload and the log."""

import gzip
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

FORM = "application/x-www-form-urlencoded"
PART = b'--b\r\nContent-Disposition: form-data; name="event"\r\n\r\nmedia.play\r\n--b--\r\n'
KINDS: dict[str, tuple[dict[str, str], bytes, str, Any, str | None]] = {
    "JSON labelled as text": ({"Content-Type": "text/plain"}, b'{"a":1}', "json", {"a": 1}, None),
    "JSON labelled as a form": ({"Content-Type": FORM}, b'{"s":"1+1=2"}', "json", {"s": "1+1=2"}, None),
    "JSON escaped as a form": ({"Content-Type": FORM}, b"%7B%22a%22%3A1%7D", "json", {"a": 1}, None),
    "byte order mark": ({}, b'\xef\xbb\xbf{"a":1}', "json", {"a": 1}, None),
    "UTF-16": ({}, '{"a":1}'.encode("utf-16"), "json", {"a": 1}, None),
    "charset of a form": (
        {"Content-Type": FORM},
        b"n=Jos%E9&charset=windows-1252",
        "form",
        {"n": "José", "charset": "windows-1252"},
        None,
    ),
    "one broken value": (
        {"Content-Type": FORM},
        b"n=Jos%E9&m=1",
        "form",
        {"n": "Jos\ufffd", "m": "1"},
        "replaced_characters",
    ),
    "JSON in a field": (
        {"Content-Type": FORM},
        b"payload=%7B%22ref%22%3A%22main%22%7D",
        "form",
        {"payload": {"ref": "main"}},
        None,
    ),
    "multipart": (
        {"Content-Type": "multipart/form-data; boundary=b"},
        PART,
        "multipart",
        {"event": "media.play"},
        None,
    ),
    "NaN": ({}, b'{"price":NaN}', "text", '{"price":NaN}', "invalid_json"),
    "gzip": ({"Content-Encoding": "gzip"}, gzip.compress(b'{"a":1}'), "json", {"a": 1}, None),
    "no encoding": ({"Content-Encoding": "utf-8"}, b'{"a":1}', "json", {"a": 1}, None),
}


async def test_bodies_of_all_kinds_reach_the_payload_as_what_they_are(client: Any) -> None:
    workflow_id = await client.workflow({"body": "{{trigger.payload.body}}"})
    config = {"authType": "hmac", "jsonFields": ["payload"]}
    trigger = await client.trigger("webhook", config, workflow_id=workflow_id)
    started = {}
    for kind, (headers, body, *_) in KINDS.items():
        status, answer, _ = await client.deliver(trigger, body, **headers)
        assert status == 202, kind
        started[kind] = answer["executionId"]
    for kind, (_, _, body_format, value, problem) in KINDS.items():
        execution = await client.ended(started[kind])
        payload = execution["payload"]
        read = (payload["bodyFormat"], payload["body"], payload["bodyProblem"])
        assert read == (body_format, value, problem), kind
        assert execution["outputs"] == {"body": value}, kind


async def test_what_is_unreadable_is_rejected_and_on_record_where_the_trigger_says_so(client: Any) -> None:
    workflow_id = await client.workflow({"body": "{{trigger.payload.body}}"})
    config = {"authType": "hmac", "onUnreadableBody": "reject"}
    trigger = await client.trigger("webhook", config, workflow_id=workflow_id)
    for body in (b'{"price":NaN}', b'{"a":1,}', b'{"a":"\xff"}'):
        status, _, _ = await client.deliver(trigger, body)
        assert status == 400
    status, answer, _ = await client.deliver(trigger, b'{"price":1}')
    assert status == 202
    await client.ended(answer["executionId"])
    logs = f"/api/triggers/{trigger['id']}/webhook-logs?status=400"
    rows = (await client.call("GET", logs, status=200))["items"]
    assert {row["rejectionReason"] for row in rows} == {"body_unreadable"}
    assert [one["id"] for one in await client.executions(trigger["id"])] == [answer["executionId"]]

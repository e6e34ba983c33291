"""Bytes that no honest client sends: an answer below 500 each, a clear one where the request is whole."""

import asyncio
from typing import Any

import msgspec
import pytest

from embedded_stack.servers.nats import NatsServer
from trigger_contracts.config import AuthType, WebhookConfig

pytestmark = pytest.mark.integration

GOOD = b"sha256=" + b"a" * 64
KEY = b"a-key-of-this-test"


def request(trigger_id: Any, *lines: bytes, body: bytes = b"{}", query: bytes = b"") -> bytes:
    head = [
        b"POST /api/webhooks/%s%s HTTP/1.1" % (str(trigger_id).encode(), query),
        b"Host: x",
        b"X-Request-Id: odd-1",
        *lines,
    ]
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in lines):
        head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem(answer: bytes) -> Any:
    return msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    "lines",
    [
        [b"X-Signature: sha256=\xc3\xa9" + b"a" * 62],
        [b"X-Signature: sha256=" + b"\xff" * 64],
        [b"X-Signature: " + GOOD, b"X-Signature: " + GOOD],
        [b"X-Signature: " + GOOD, b"X-Hub-Signature-256: sha256="],
        [b"X-Signature:"],
        [b"X-Signature: " + GOOD + b", " + GOOD],
        [b"X-Signature: sha256=" + "\u0661".encode() * 64],
    ],
)
async def test_odd_signatures_are_refused_and_recorded(ingress: Any, lines: list[bytes]) -> None:
    trigger_id = await ingress.serving(WebhookConfig(auth_type=AuthType.HMAC), secret=KEY.decode())
    answer = await ingress.raw(request(trigger_id, *lines))
    assert (status(answer), problem(answer)["rejectionReason"]) == (401, "signature_invalid")
    assert (await ingress.rejected(request_id="odd-1")).body == b"{}"


@pytest.mark.parametrize(
    "auth_type", [AuthType.API_KEY, AuthType.BEARER], ids=lambda auth_type: str(auth_type.value)
)
async def test_credentials_that_are_no_text_are_refused(ingress: Any, auth_type: AuthType) -> None:
    trigger_id = await ingress.serving(WebhookConfig(auth_type=auth_type), secret=KEY.decode())
    name = b"X-API-Key: " if auth_type is AuthType.API_KEY else b"Authorization: Bearer "
    for value in (b"\xff\xfe", b"\xed\xa0\x80", b""):
        assert status(await ingress.raw(request(trigger_id, name + value))) == 401
        assert status(await ingress.raw(request(trigger_id, name + KEY, name + value))) == 401
    assert status(await ingress.raw(request(trigger_id, name + KEY))) == 202


async def test_text_that_no_record_can_hold_is_made_safe(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    odd = [b"X-Odd: caf\xe9", b"User-Agent: \xed\xa0\xbd", b"X-Forwarded-For: \xff, 1.2.3.4"]
    answer = await ingress.raw(request(trigger_id, *odd, query=b"?a=%00&b=%ED%A0%80&c=%FF&%E2%82%AC=1"))
    assert status(answer) == 202
    delivery = (await ingress.accepted())[-1]
    fields = dict(delivery.headers)
    assert fields["x-odd"] == "caf\ufffd"
    assert "\ufffd" in (delivery.user_agent or "")
    assert delivery.client_address == "127.0.0.1"
    assert dict(delivery.query)["\u20ac"] == "1"
    assert "\0" not in repr(delivery.query)


@pytest.mark.parametrize(
    ("lines", "body", "expected"),
    [
        ([b"Content-Length: 1048577"], b"", 413),
        ([b"Content-Length: 999999999999999999999999"], b"", None),
        ([b"Content-Length: -1"], b"", 400),
        ([b"Content-Length: 2", b"Content-Length: 3"], b"{}x", 400),
        ([b"Content-Length: \xd9\xa1"], b"", 400),
        ([b"Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n", 400),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 2"], b"2\r\n{}\r\n0\r\n\r\n", 400),
        ([b"Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\n\r\n", 202),
        ([b"X-Nul: a\0b"], b"{}", 400),
        ([b"X-Huge: " + b"x" * 100_000], b"{}", 400),
        ([b"X-%d: y" % number for number in range(500)], b"{}", 400),
        ([b"X Bad: y"], b"{}", 400),
        ([b"Content-Encoding: gzip"], b"\x1f\x8bnope", 202),
        ([b"Content-Type: multipart/form-data"], b"nope", 202),
        ([b"Expect: 200-maybe"], b"{}", 202),
    ],
)
async def test_malformed_messages_are_never_a_500(
    ingress: Any, lines: list[bytes], body: bytes, expected: int | None
) -> None:
    trigger_id = await ingress.serving()
    answer = await ingress.raw(request(trigger_id, *lines, body=body))
    assert 200 <= status(answer) < 500
    assert expected is None or status(answer) == expected


async def test_odd_request_lines_are_never_a_500(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    address = b"/api/webhooks/" + str(trigger_id).encode()
    for line, expected in [
        (b"BREW " + address + b" HTTP/1.1", 400),
        (b"PURGE " + address + b" HTTP/1.1", 405),
        (b"POST http://user:pass@evil.example" + address + b" HTTP/1.1", 202),
        (b"POST " + address + b"%00 HTTP/1.1", 404),
        (b"POST " + address + b"%0d%0aX:y HTTP/1.1", 404),
        (b"POST /api/webhooks/../webhooks/" + str(trigger_id).encode() + b" HTTP/1.1", None),
        (b"POST " + address + b"?" + b"a=1&" * 1900 + b" HTTP/1.1", 202),
        (b"POST " + address + b"?" + b"x" * 20_000 + b" HTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ]:
        answer = await ingress.raw(line + b"\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert 200 <= status(answer) < 500
        assert expected is None or status(answer) == expected, line[:80]
    stored = await ingress.accepted()
    assert max(len(delivery.query) for delivery in stored) == 256
    assert "pass" not in repr([delivery.path for delivery in stored])


@pytest.mark.parametrize(
    "data",
    [
        b"POST /api/webhooks/1 HTTP/1.1\r\nHost: x\r\nAuthorization: hunter2\0\r\n\r\n",
        b"POST /api/webhooks/1 HTTP/1.1\r\nHost: x\r\nX hunter2: y\r\n\r\n",
        b"POST /api/webhooks/1?token=hunter2 HTTP/hunter2\r\nHost: x\r\n\r\n",
        b"hunter2\r\n\r\n",
        b"POST /api/webhooks/1?" + b"hunter2" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/webhooks/1 HTTP/1.1\r\nHost: x\r\nContent-Length: hunter2\r\n\r\n",
        b"\x16\x03\x01\x02hunter2",
    ],
)
async def test_what_is_no_request_is_answered_as_a_problem_and_not_quoted(ingress: Any, data: bytes) -> None:
    answer = await ingress.raw(data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == 400
    assert b"Content-Type: application/problem+json" in head
    assert b"hunter2" not in answer
    document = msgspec.json.decode(body)
    assert (document["status"], document["code"]) == (400, "malformed_request")
    assert b"X-Request-Id: " + document["requestId"].encode() in head


async def test_an_over_long_chunked_body_is_413(nats_server: NatsServer, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, max_body_bytes=1000)
    await ingress.ready()
    trigger_id = await ingress.put()
    await ingress.settled(trigger_id, status=202, data=b"x" * 1000)
    chunks = b"64\r\n" + b"x" * 100 + b"\r\n"
    data = request(trigger_id, b"Transfer-Encoding: chunked", body=chunks * 11 + b"0\r\n\r\n")
    answer = await ingress.raw(data)
    assert (status(answer), problem(answer)["rejectionReason"]) == (413, "body_too_large")
    assert (await ingress.rejected(request_id="odd-1")).reason == "body_too_large"
    assert (await ingress.send(trigger_id, data=b"x" * 1001)).status == 413


async def test_a_slow_body_is_408_and_a_broken_one_is_on_record(
    nats_server: NatsServer, new_ingress: Any
) -> None:
    ingress = await new_ingress(nats_server, body_seconds=0.3)
    await ingress.ready()
    trigger_id = await ingress.serving()
    answer = await ingress.raw(request(trigger_id, b"Content-Length: 10", body=b"{}"))
    assert (status(answer), problem(answer)["rejectionReason"]) == (408, "body_incomplete")
    assert (await ingress.rejected(request_id="odd-1")).response_status == 408

    _, writer = await asyncio.open_connection("127.0.0.1", ingress.settings.http_port)
    broken = request(trigger_id, b"Content-Length: 10", body=b"{}")
    writer.write(broken.replace(b"odd-1", b"odd-2"))
    await writer.drain()
    writer.close()
    record = await ingress.rejected(request_id="odd-2")
    assert (record.response_status, record.reason) == (400, "body_incomplete")


async def test_the_client_address_is_what_trusted_proxies_say(
    nats_server: NatsServer, new_ingress: Any
) -> None:
    ingress = await new_ingress(nats_server, trusted_proxy_hops=1)
    await ingress.ready()
    trigger_id = await ingress.serving()
    lines = [b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For: 5.5.5.5, 203.0.113.7"]
    assert status(await ingress.raw(request(trigger_id, *lines))) == 202
    assert (await ingress.accepted())[-1].client_address == "203.0.113.7"


async def test_what_is_no_request_is_counted(ingress: Any) -> None:
    for junk in (
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Huge: " + b"x" * 100_000 + b"\r\n\r\n",
    ):
        assert status(await ingress.raw(junk)) == 400
    reply = await ingress.session.get(f"http://127.0.0.1:{ingress.settings.http_port}/metrics")
    text = await reply.text()
    assert 'webhook_deliveries_total{outcome="unreadable"} 2.0' in text


@pytest.mark.parametrize("head", [b"", b"POST /api/webhooks/x HTTP/1.1\r\nHost: x\r\n"])
async def test_a_silent_caller_is_let_go(nats_server: NatsServer, new_ingress: Any, head: bytes) -> None:
    ingress = await new_ingress(nats_server, head_seconds=0.5)
    await ingress.ready()
    reader, writer = await asyncio.open_connection("127.0.0.1", ingress.settings.http_port)
    writer.write(head)
    assert await asyncio.wait_for(reader.read(), 15) == b""
    writer.close()

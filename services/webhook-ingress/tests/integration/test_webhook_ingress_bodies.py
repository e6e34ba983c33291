"""Bodies as they are sent: signatures over them, keys inside them, and how they are to be read."""

import gzip
import hashlib
import hmac
import io
import time
import zlib
from typing import Any
from urllib.parse import quote_plus

import pytest

from embedded_stack.servers.nats import NatsServer
from trigger_bodies import read_body
from trigger_contracts.codec import tag_of
from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.deliveries import (
    AcceptedDelivery,
    BodyReading,
    DeliveriesAccepted,
    DeliveriesAccepted2,
    LargeDeliveryAccepted,
    LargeDeliveryAccepted2,
)
from trigger_contracts.payloads import join_headers
from trigger_contracts.webhook_config import IdempotencyKeySource, SignedBody
from trigger_contracts.webhook_providers import WebhookProvider

pytestmark = pytest.mark.integration

FORM = "application/x-www-form-urlencoded"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
PAYLOAD = '{"ref":"refs/heads/main"}'
BODY = f"payload={quote_plus(PAYLOAD)}".encode()


def hex_of(content: bytes) -> str:
    return hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()


def github(content: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hex_of(content)}"}


def slack(content: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    signature = hex_of(b"v0:" + now.encode() + b":" + content)
    return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={signature}"}


FORMS: dict[WebhookProvider, Any] = {
    WebhookProvider.GITHUB: github,
    # Both sign the text of the field (see docs/providers.md).
    WebhookProvider.GOGS: lambda _: {"X-Gogs-Signature": hex_of(PAYLOAD.encode())},
    WebhookProvider.GITEA: lambda _: {"X-Gitea-Signature": hex_of(PAYLOAD.encode())},
    WebhookProvider.SLACK: slack,
}


def value_of(delivery: AcceptedDelivery) -> Any:
    """Return the body as the workflow gets it."""
    headers = {name.lower(): value for name, value in join_headers(delivery.headers).items()}
    reading = delivery.reading or BodyReading()
    return read_body(
        delivery.body,
        content_type=headers.get("content-type"),
        content_encoding=headers.get("content-encoding"),
        json_fields=reading.json_fields,
    ).value


async def kinds(ingress: Any) -> list[str]:
    return [
        tag_of(type(m))
        for m in await ingress.messages()
        if isinstance(m, DeliveriesAccepted | LargeDeliveryAccepted)
    ]


@pytest.mark.parametrize("provider", FORMS)
async def test_a_form_of_a_provider_whose_field_is_json_says_so_on_the_bus(
    ingress: Any, provider: WebhookProvider
) -> None:
    trigger_id = await ingress.serving(WebhookConfig(provider=provider), secret=SECRET)
    headers = {"Content-Type": FORM, **FORMS[provider](BODY)}
    assert (await ingress.send(trigger_id, data=BODY, headers=headers)).status < 300
    (delivery,) = await ingress.accepted()
    assert delivery.reading == BodyReading(json_fields=("payload",))
    assert value_of(delivery) == {"payload": {"ref": "refs/heads/main"}}
    assert await kinds(ingress) == [tag_of(DeliveriesAccepted2)]
    assert (await ingress.send(trigger_id, data=BODY + b"&x", headers=headers)).status == 401


async def test_what_every_reader_reads_alike_stays_in_version_1(ingress: Any) -> None:
    """GitHub's JSON, and a generic trigger without options: an older worker runs them."""
    trigger_id = await ingress.serving(WebhookConfig(provider=WebhookProvider.GITHUB), secret=SECRET)
    headers = {"Content-Type": "application/json", **github(PAYLOAD.encode())}
    assert (await ingress.send(trigger_id, data=PAYLOAD.encode(), headers=headers)).status == 202
    plain = await ingress.serving()
    assert (await ingress.send(plain, data=BODY, headers={"Content-Type": FORM})).status == 202
    assert await kinds(ingress) == [tag_of(DeliveriesAccepted)] * 2
    assert [delivery.reading for delivery in await ingress.accepted()] == [None, None]


async def test_the_exact_bytes_travel_as_they_came(ingress: Any) -> None:
    """Of a compressed body too: it is the wire's bytes that a workflow verifies."""
    trigger_id = await ingress.serving(WebhookConfig(raw_body=True))
    bodies = [gzip.compress(b'{"a":1}', mtime=0), b'{"a" : 1}\n', b"\xff\x00", b""]
    for body in bodies:
        encoding = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f") else {}
        assert (await ingress.send(trigger_id, data=body, headers=encoding)).status == 202
    deliveries = await ingress.accepted()
    assert [delivery.body for delivery in deliveries] == bodies
    assert {delivery.reading for delivery in deliveries} == {BodyReading(raw_body=True)}
    assert [value_of(delivery) for delivery in deliveries[:2]] == [{"a": 1}, {"a": 1}]
    assert set(await kinds(ingress)) == {tag_of(DeliveriesAccepted2)}


async def test_a_large_body_is_claimed_with_its_reading(nats_server: NatsServer, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, inline_body_bytes=1024)
    await ingress.ready()
    config = WebhookConfig(provider=WebhookProvider.GITHUB)
    trigger_id = await ingress.serving(config, secret=SECRET)
    form, text = BODY + b"&x=" + b"y" * 2000, b'{"x":"' + b"y" * 2000 + b'"}'
    for body, label in ((form, FORM), (text, "application/json")):
        headers = {"Content-Type": label, **github(body)}
        assert (await ingress.send(trigger_id, data=body, headers=headers)).status == 202
    assert await kinds(ingress) == [tag_of(LargeDeliveryAccepted2), tag_of(LargeDeliveryAccepted)]
    found = [m for m in await ingress.messages() if isinstance(m, LargeDeliveryAccepted)]
    assert [m.delivery.reading for m in found] == [BodyReading(json_fields=("payload",)), None]


MIB = 1024 * 1024
LARGE = b"".join(b"one more line of a long log: %d\n" % number for number in range(150_000))
CONTENT = b'{"n": 7, "text": "' + b"signed as it was before it was compressed " * 20 + b'"}'
GZIP = gzip.compress(CONTENT, mtime=0)
DECODED: dict[str, tuple[bytes, str | None, bytes, int]] = {
    "gzip": (GZIP, "gzip", CONTENT, 202),
    "deflate": (zlib.compress(CONTENT), "deflate", CONTENT, 202),
    "deflate without its frame": (zlib.compress(CONTENT)[2:-4], "deflate", CONTENT, 202),
    "no encoding": (CONTENT, None, CONTENT, 202),
    "decompressed by a proxy": (CONTENT, "gzip", CONTENT, 202),
    "a word that is no encoding": (CONTENT, "utf-8", CONTENT, 202),
    "over the wire's bytes": (GZIP, "gzip", GZIP, 401),
    "over other content": (GZIP, "gzip", CONTENT + b" ", 401),
    "damaged": (GZIP[:-12], "gzip", CONTENT, 400),
    "a wrong checksum": (GZIP[:-8] + b"\0" * 4 + GZIP[-4:], "gzip", CONTENT, 400),
    "one that is not decoded here": (CONTENT, "br", CONTENT, 400),
    "more than a hundredfold": (gzip.compress(bytes(2 * MIB)), "gzip", bytes(2 * MIB), 400),
    "more than is decoded for a stranger": (gzip.compress(LARGE), "gzip", LARGE, 400),
    "twice": (gzip.compress(GZIP), "gzip, gzip", CONTENT, 202),
}


@pytest.mark.parametrize("case", DECODED)
async def test_a_signature_over_the_content_of_a_compressed_body(ingress: Any, case: str) -> None:
    sent, encoding, signed, status = DECODED[case]
    config = WebhookConfig(auth_type=AuthType.HMAC, signed_body=SignedBody.DECODED)
    trigger_id = await ingress.serving(config, secret=SECRET)
    headers = github(signed) | ({} if encoding is None else {"Content-Encoding": encoding})
    reply = await ingress.send(
        trigger_id, data=io.BytesIO(sent), headers=headers, skip_auto_headers=["Content-Type"]
    )
    assert reply.status == status
    if status == 202:
        (delivery,) = await ingress.accepted()
        assert (delivery.body, value_of(delivery)["n"]) == (sent, 7)
    else:
        record = await ingress.rejected(request_id=reply.request_id)
        assert record.reason == ("body_unreadable" if status == 400 else "signature_invalid")


async def test_an_encoding_in_two_lines_is_the_list_of_both(ingress: Any) -> None:
    config = WebhookConfig(auth_type=AuthType.HMAC, signed_body=SignedBody.DECODED)
    trigger_id = await ingress.serving(config, secret=SECRET)
    for lines, body in ((("identity", "gzip"), GZIP), (("gzip", "gzip"), gzip.compress(GZIP))):
        headers = [("Content-Encoding", line) for line in lines]
        reply = await ingress.send(trigger_id, data=body, headers=[*headers, *github(CONTENT).items()])
        assert reply.status == 202, lines
    assert {value_of(delivery)["n"] for delivery in await ingress.accepted()} == {7}


MULTIPART = b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\nq 1\r\n--b--\r\n'
KEYED: dict[str, tuple[str, dict[str, str], bytes]] = {
    "a form": ("id", {"Content-Type": FORM}, b"a=1&id=q+1"),
    "a multipart": ("id", {"Content-Type": "multipart/form-data; boundary=b"}, MULTIPART),
    "JSON in a field": (
        "payload.id",
        {"Content-Type": FORM},
        b"payload=" + quote_plus('{"id":"q 1"}').encode(),
    ),
    "a byte order mark": ("id", {"Content-Type": "application/json"}, b'\xef\xbb\xbf{"id":"q 1"}'),
    "UTF-16": ("id", {"Content-Type": "application/json"}, '{"id":"q 1"}'.encode("utf-16")),
    "JSON as text": ("[0].id", {"Content-Type": "text/plain; charset=UTF-8"}, b'[{"id":"q 1"}]'),
    "gzip": ("id", {"Content-Encoding": "gzip"}, gzip.compress(b'{"id":"q 1"}')),
}


@pytest.mark.parametrize("case", KEYED)
async def test_a_key_is_found_in_whatever_the_workflow_would_find_it_in(ingress: Any, case: str) -> None:
    path, headers, body = KEYED[case]
    config = WebhookConfig(idempotency_key=IdempotencyKeySource(body=path), json_fields=("payload",))
    trigger_id = await ingress.serving(config)
    first, again = [await ingress.send(trigger_id, data=body, headers=headers) for _ in range(2)]
    assert (first.status, again.status) == (202, 202)
    assert first.json["executionId"] == again.json["executionId"]
    # Both are on record, and the execution's id makes them one run.
    found = {(delivery.idempotency_key, str(delivery.execution_id)) for delivery in await ingress.accepted()}
    assert found == {("q 1", first.json["executionId"])}

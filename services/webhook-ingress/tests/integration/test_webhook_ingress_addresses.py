"""Senders that knock next door: what is accepted all the same, and in whose log the rest stands."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from embedded_stack.servers.nats import NatsServer
from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.deliveries import DeliveriesRejected

pytestmark = pytest.mark.integration

KEY = "a-key-of-this-test"


def target(path: str, *, method: str = "POST") -> bytes:
    """Return a request whose target no client library has put in order."""
    lines = (f"{method} {path} HTTP/1.1", "Host: x", "Content-Length: 2", "X-Request-Id: odd-1", "", "{}")
    return "\r\n".join(lines).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def request_id(answer: bytes) -> str:
    head = answer.partition(b"\r\n\r\n")[0].decode().lower()
    return next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("x-request-id"))


@pytest.mark.parametrize(
    "path",
    ["{id}/", "{id}/?a=1", "{id}?", "{ID}", "{ID}/", "{hex}", "%{first}{rest}", "{id}%2F", "{id}/#part"],
)
async def test_a_triggers_address_is_known_in_each_spelling(ingress: Any, path: str) -> None:
    trigger_id = await ingress.serving()
    text = str(trigger_id)
    place = path.format(
        id=text,
        ID=text.upper(),
        hex=text.replace("-", "%2D"),
        first=text[:1].encode().hex(),
        rest=text[1:],
    )
    assert status(await ingress.raw(target(f"/api/webhooks/{place}"))) == 202
    (delivery,) = await ingress.accepted()
    assert (delivery.trigger_id, delivery.workspace) == (trigger_id, "acme")


@pytest.mark.parametrize(
    "path",
    [
        "/api/webhooks/{id}/events",
        "/api/webhooks/{id}/events/?a=1",
        "/api/webhooks/{id}//",
        "/api/webhooks/{id}%2Fevents",
        "/api/webhooks/{id}%20",
        "/api/webhooks/{id}.",
        "/api/webhooks/{id}junk",
        "/api/webhooks/{ID}/x",
        "/api/webhooks//{id}",
        "//api/webhooks/{id}",
        "/api/webhooks/:{id}",
        "/api/webhooks/%7B{id}%7D",
        "/api/webhooks/test/{id}",
    ],
)
async def test_a_request_beside_a_known_address_stands_in_its_triggers_log(ingress: Any, path: str) -> None:
    trigger_id = await ingress.serving(WebhookConfig(auth_type=AuthType.API_KEY), secret=KEY)
    place = path.format(id=trigger_id, ID=str(trigger_id).upper())
    assert status(await ingress.raw(target(place))) == 404
    record = await ingress.rejected(request_id="odd-1")
    assert (record.reason, record.trigger_id, record.workspace) == ("path_unknown", trigger_id, "acme")
    assert record.trigger_name == "GitHub push"
    assert await ingress.accepted() == []


async def test_a_secret_beside_a_known_address_is_not_recorded(ingress: Any) -> None:
    trigger_id = await ingress.serving(WebhookConfig(auth_type=AuthType.API_KEY), secret=KEY)
    reply = await ingress.send(f"{trigger_id}/{KEY}", data=b"{}", headers={"X-Odd": KEY})
    record = await ingress.rejected(request_id=reply.request_id)
    assert record.reason == "path_unknown"
    assert KEY not in repr(record)


async def test_a_request_to_a_deleted_trigger_stands_in_its_owners_log(ingress: Any) -> None:
    config = WebhookConfig(auth_type=AuthType.API_KEY, api_key_header="X-Shop")
    trigger_id = await ingress.serving(config, secret=KEY)
    await ingress.put(config, trigger_id=trigger_id, deleted=True)
    await ingress.settled(trigger_id, status=404)
    for place in (str(trigger_id), f"{trigger_id}/", f"{trigger_id}/more", str(trigger_id).upper()):
        reply = await ingress.send(place, data=b"unread", headers={"X-Shop": KEY, "X-Kept": "1"})
        assert (reply.status, reply.json["rejectionReason"]) == (404, "trigger_deleted"), place
        record = await ingress.rejected(request_id=reply.request_id)
        assert (record.trigger_id, record.workspace, record.reason) == (trigger_id, "acme", "trigger_deleted")
        assert (record.trigger_name, record.body) == ("GitHub push", b"")
        assert dict(record.headers)["x-kept"] == "1"
        # The secret is gone with the trigger, so that it cannot be found by its value.
        assert KEY not in repr(record)
    # It comes back to nobody, and a preflight learns nothing.
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    preflight = await ingress.send(trigger_id, method="OPTIONS", headers=ask)
    assert "Access-Control-Allow-Origin" not in preflight.headers


async def test_a_process_that_starts_later_knows_the_deleted_ones(
    ingress: Any, new_ingress: Any, nats_server: NatsServer
) -> None:
    trigger_id = await ingress.serving()
    await ingress.put(trigger_id=trigger_id, deleted=True)
    later = await new_ingress(nats_server)
    await later.ready()
    reply = await later.send(trigger_id)
    assert reply.json["rejectionReason"] == "trigger_deleted"
    assert (await ingress.rejected(request_id=reply.request_id)).workspace == "acme"


@pytest.mark.parametrize(
    "data",
    [
        b"post /api/webhooks/{id} HTTP/1.1\r\nHost: x\r\n\r\n",
        b"BREW /api/webhooks/{id} HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/webhooks/{id} HTTP/2.0\r\nHost: x\r\n\r\n",
        b"POST /api/webhooks/{id}?name=Ann Lee HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/webhooks/{id}\r\n\r\n",
        b"POST /api/webhooks/{id} HTTP/1.1\nHost: x\n\n",
        b"POST /api/webhooks/{id} HTTP/1.1\r\n\r\n",
        b"POST /api/webhooks/{id} HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST /api/webhooks/{id} HTTP/1.1\r\nHost: x\r\nX A: y\r\n\r\n",
        b"POST /api/webhooks/{id} HTTP/1.1\r\nHost: x\r\nX-A: " + b"y" * 9000 + b"\r\n\r\n",
        b"POST /api/webhooks/{id}/more HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n",
        b"POST /api/webhooks/{id}?q=\xfc HTTP/1.1\r\nHost: x\r\nX-Nul: \0\r\n\r\n",
        b"POST //api/webhooks/{id} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api%2Fwebhooks/{id} HTTP/1.1\r\nX-A: no host\r\n\r\n",
        b"/api/webhooks/{id} HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_request_but_names_a_trigger_stands_in_its_log(ingress: Any, data: bytes) -> None:
    trigger_id = await ingress.serving()
    answer = await ingress.raw(data.replace(b"{id}", str(trigger_id).encode()))
    assert status(answer) == 400
    record = await ingress.rejected(request_id=request_id(answer))
    assert (record.reason, record.trigger_id, record.workspace) == ("malformed_request", trigger_id, "acme")
    assert record.response_status == 400
    # Nothing else in it is believed.
    assert (record.method, record.path) == ("", f"/api/webhooks/{trigger_id}")
    assert (record.query, record.headers, record.client_address) == ((), (), None)


@pytest.mark.parametrize(
    "line",
    [
        b"BREW /other?next=/api/webhooks/{id} HTTP/1.1",
        b"BREW /other#/api/webhooks/{id} HTTP/1.1",
        b"BREW /proxy/api/webhooks/{id} HTTP/1.1",
        b"BREW /other /api/webhooks/{id}",
        b"BREW https://x/?a=/api/webhooks/{id} HTTP/1.1",
    ],
)
async def test_only_the_path_of_what_is_no_request_names_a_trigger(ingress: Any, line: bytes) -> None:
    trigger_id = await ingress.serving()
    data = line.replace(b"{id}", str(trigger_id).encode()) + b"\r\nHost: x\r\n\r\n"
    assert status(await ingress.raw(data)) in {400, 404}
    marker = await ingress.send(uuid4())
    await ingress.rejected(request_id=marker.request_id)
    rejections = [m for m in await ingress.messages() if isinstance(m, DeliveriesRejected)]
    assert {d.trigger_id for m in rejections for d in m.deliveries}.isdisjoint({trigger_id})


async def test_a_head_that_comes_in_pieces_names_its_trigger_too(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    data = f"POST /api/webhooks/{trigger_id} HTTP/1.1\r\nHost: x\r\nX A: y\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", ingress.settings.http_port)
    for place in range(0, len(data), 20):
        writer.write(data[place : place + 20])
        await writer.drain()
        await asyncio.sleep(0.01)
    answer = await reader.read(65536)
    writer.close()
    assert (await ingress.rejected(request_id=request_id(answer))).trigger_id == trigger_id


async def test_bytes_behind_a_whole_request_are_not_put_down_to_its_trigger(ingress: Any) -> None:
    first = await ingress.serving()
    good = f"POST /api/webhooks/{first} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    answer = await ingress.raw(good + b"\x16\x03\x01 not HTTP\r\n\r\n")
    assert status(answer) == 202
    marker = await ingress.send(uuid4())
    await ingress.rejected(request_id=marker.request_id)
    found = [m for m in await ingress.messages() if isinstance(m, DeliveriesRejected)]
    assert [d.request_id for m in found for d in m.deliveries] == [marker.request_id]


async def test_what_names_no_known_trigger_is_counted_only(ingress: Any) -> None:
    await ingress.serving()
    for place in (str(uuid4()), "none", ""):
        answer = await ingress.raw(f"post /api/webhooks/{place} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert status(answer) == 400
    async with ingress.session.get(f"{ingress.url}/metrics") as reply:
        assert 'webhook_deliveries_total{outcome="unreadable"} 3.0' in await reply.text()


async def test_requests_to_nobody_have_a_quota_and_then_are_counted(
    nats_server: NatsServer, new_ingress: Any
) -> None:
    ingress = await new_ingress(nats_server, unknown_per_minute=5)
    await ingress.ready()
    trigger_id = await ingress.serving()
    places: list[UUID | str] = [uuid4(), "nothing", f"{uuid4()}/x", "", *(uuid4() for _ in range(8))]
    for place in places:
        assert (await ingress.send(str(place))).status == 404
    # A trigger's own are beside the quota, and tell how many were left out.
    reply = await ingress.send(f"{trigger_id}/more")
    await ingress.rejected(request_id=reply.request_id)
    found = [m for m in await ingress.messages() if isinstance(m, DeliveriesRejected)]
    assert len([d for m in found for d in m.deliveries if d.reason == "unknown_trigger"]) == 5
    assert sum(m.dropped for m in found) == 7
    async with ingress.session.get(f"{ingress.url}/metrics") as answer:
        assert "webhook_rejections_dropped_total 7.0" in await answer.text()

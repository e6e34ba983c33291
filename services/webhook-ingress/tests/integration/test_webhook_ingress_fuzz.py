"""Generated requests at a live process: no 500, none without a record, no growth.

A few thousand in every run; ``FUZZ_REQUESTS=100000`` for as many as the promise speaks of, ``FUZZ_SEED`` for
others than the usual ones.
"""

import asyncio
import gzip
import hashlib
import hmac
import os
import random
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from embedded_stack.ports import free_port
from embedded_stack.servers.nats import NatsServer
from trigger_contracts.config import AuthType, HttpMethod, WebhookConfig
from trigger_contracts.deliveries import DeliveriesAccepted, DeliveriesRejected
from trigger_contracts.webhook_config import IdempotencyKeySource

pytestmark = pytest.mark.integration

REQUESTS: Final = int(os.environ.get("FUZZ_REQUESTS", "3000"))
SEED: Final = int(os.environ.get("FUZZ_SEED", "4"))
CONNECTIONS: Final = 16
SECRET: Final = "a-secret-of-the-fuzz-test"
GROWTH_MIB: Final = 48.0

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE", "LINK"]
ODD_NAMES = ["X-A", "x-b", "Content-Language", "Accept", "Cookie", "Authorization", "X-API-Key", "Via", "TE"]
ODD_VALUES = [b"", b"x", b"\xff\xfe", "é".encode(), b"a" * 5000, b"a,b;c=d", b'"', b"\t", b"%00%0d%0a", b"=?"]
BODIES: list[bytes] = [
    b"",
    b"{}",
    b'{"a":1,"a":2}',
    b"[" * 5000,
    b'{"n":1e999999,"m":-0,"k":' + b"9" * 500 + b"}",
    b'{"s":"\\ud800\\u0000"}',
    b"\xff\xfe\x00binary\x00",
    b"a=1&b=%zz&a=2",
    b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
    gzip.compress(b"0" * 1_000_000),
    b"\x1f\x8bnot gzip",
    b'{"data":{"id":"7"}}',
    b'{"data":{"id":[1]}}',
]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One request. ``id`` is set where it has to be on record under that request id."""

    data: bytes
    id: str | None = None
    is_head: bool = False


class Gun:
    """Makes requests from a seed."""

    def __init__(self, *, seed: int, triggers: list[UUID]) -> None:
        self._random = random.Random(seed)
        self._triggers = triggers
        self._number = 0

    def shot(self) -> Shot:
        self._number += 1
        kinds: list[Callable[[str], Shot]] = [
            self._plain,
            self._plain,
            self._plain,
            self._chunked,
            self._broken,
        ]
        return self._random.choice(kinds)(f"fuzz-{self._number}")

    def _plain(self, request_id: str) -> Shot:
        method = self._random.choice(METHODS)
        body = self._body()
        head = self._head(request_id, method=method)
        return Shot(
            data=head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
            id=request_id,
            is_head=method == "HEAD",
        )

    def _chunked(self, request_id: str) -> Shot:
        body = self._body()
        cut = self._random.randint(0, len(body))
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:cut], body[cut:]) if part)
        head = self._head(request_id, method="POST")
        return Shot(data=head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", id=request_id)

    def _broken(self, request_id: str) -> Shot:
        """Return what may be no HTTP at all, so that nobody can say whether it is a request."""
        head = self._head(request_id, method="POST")
        return Shot(
            data=self._random.choice(
                [
                    self._random.randbytes(self._random.randint(1, 300)),
                    b"GET\r\n\r\n",
                    b"POST /api/webhooks/x HTTP/9.9\r\n\r\n",
                    head + b"Content-Length: 10\r\nContent-Length: 11\r\n\r\n0123456789",
                    head + b"Content-Length: -1\r\n\r\n",
                    head + b"Content-Length: 99999999999999999999\r\n\r\n",
                    head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
                    head + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
                    head + b"Content-Length: 5\r\n\r\n0123456789",
                    head + b"Content-Length: 50\r\n\r\n0123",
                    head + b"X-Nul: a\x00b\r\n\r\n",
                    head + b" folded: y\r\n\r\n",
                    head + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"\r\n",
                    head + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                    b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
                    head[: self._random.randint(1, len(head))],
                ]
            )
        )

    def _head(self, request_id: str, *, method: str) -> bytes:
        lines = [
            b"%s %s HTTP/1.%d" % (method.encode(), self._target(), self._random.randint(0, 1)),
            b"Host: x",
        ]
        lines.append(b"X-Request-Id: " + request_id.encode())
        lines += [self._odd(ODD_VALUES[:4]) for _ in range(self._random.choice([0, 0, 1, 3, 100]))]
        if self._random.random() < 0.3:
            lines.append(self._odd(ODD_VALUES))
        lines += self._random.choice(self._extras())
        if self._random.random() < 0.1:
            lines.append(b"Connection: " + self._random.choice([b"close", b"keep-alive", b"x"]))
        return b"\r\n".join(lines) + b"\r\n"

    def _odd(self, values: list[bytes]) -> bytes:
        return self._random.choice(ODD_NAMES).encode() + b": " + self._random.choice(values)

    def _extras(self) -> list[list[bytes]]:
        right = hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest().encode()
        return [
            [],
            [],
            [b"X-Signature: sha256=" + right],
            [b"X-Signature: sha256=" + right[:-1]],
            [b"X-Signature: sha256=" + right, b"X-Signature: sha256=" + right],
            [b"X-Signature: " + b"a" * 8000],
            [b"X-Hub-Signature-256: sha256=\xff"],
            [b"Idempotency-Key: " + self._random.choice([b"k", b"", b"\xff", b"k" * 300])],
            [b"Idempotency-Key: a", b"Idempotency-Key: b"],
            [b"Origin: " + self._random.choice([b"null", b"https://a.example", b"\xff", b""])],
            [b"Content-Encoding: gzip"],
            [b"Content-Type: application/json"],
            [b"Content-Type: \xff/;;;"],
            [b"X-Forwarded-For: 1.2.3.4, ::1, %"],
            [b"Expect: 100-continue"],
            [b"Expect: nothing"],
            [b"X-Delivery: 7"],
        ]

    def _target(self) -> bytes:
        trigger = str(self._random.choice(self._triggers)).encode()
        place = self._random.choice(
            [
                *[trigger] * 10,
                trigger.upper(),
                b"%" + trigger[:1].hex().encode() + trigger[1:],
                str(uuid4()).encode(),
                trigger + b"/",
                trigger + b"/more",
                trigger + b"%2Fmore",
                trigger + b"%00",
                trigger + b"%0d%0aX:y",
                b"../../readyz",
                b"%2e%2e/%2e%2e/metrics",
                b"{" + trigger + b"}",
                b"x" * 3000,
                b"%C3%BC",
                b"",
            ]
        )
        query = self._random.choice([b"", b"", b"?", b"?a=1&a=2", b"?%zz=%", b"?token=x", b"?" + b"a" * 3000])
        return b"/api/webhooks/" + place + query

    def _body(self) -> bytes:
        if self._random.random() < 0.05:
            return self._random.randbytes(self._random.choice([1, 70_000, 200_000]))
        return self._random.choice(BODIES)


async def fire(shot: Shot, *, port: int) -> list[int]:
    """Send one request on a connection of its own; return the statuses of what comes back until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(shot.data)
        if shot.id is None:
            # No more will come: what was announced beyond is missing.
            writer.write_eof()
        answer = b""
        async with asyncio.timeout(30):
            while not _is_over(answer, shot=shot) and (more := await reader.read(1 << 16)):
                answer += more
    except (ConnectionError, BrokenPipeError):
        answer = b""
    finally:
        writer.close()
    return [int(status) for status in re.findall(rb"(?:^|\n|\}|K)HTTP/1\.[01] (\d{3}) ", answer)]


def _is_over(answer: bytes, *, shot: Shot) -> bool:
    """Tell whether the answer is there: the server keeps the connection, for another request might come."""
    head, end, body = re.split(rb"HTTP/1\.[01] ", answer)[-1].partition(b"\r\n\r\n")
    if not end or head.startswith(b"1"):
        return False
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return shot.is_head or length is None or len(body) >= int(length.group(1))


@pytest.fixture
async def door(nats_server: NatsServer, ingress: Any, tmp_path: Path, eventually: Any) -> AsyncIterator[Any]:
    """A process of its own, so that its memory can be looked at."""
    port = free_port()
    with (tmp_path / "log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "webhook_ingress", "serve"),
            env={
                "PATH": os.defpath,
                "HTTP_PORT": str(port),
                "NATS_URL": nats_server.url,
                "SECRET_KEYS": ingress.settings.secret_keys.reveal(),
                "MAX_BODY_BYTES": "100000",
                # Every request is looked for on the record, those to nobody too.
                "UNKNOWN_PER_MINUTE": "1000000",
            },
            stdout=output,
            stderr=output,
        )

    async def is_ready() -> bool:
        assert process.returncode is None, (tmp_path / "log").read_text()
        try:
            async with ingress.session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    await eventually(is_ready)
    yield process, port
    process.terminate()
    await process.wait()


@pytest.mark.timeout(120 + REQUESTS // 20)
async def test_generated_requests(door: Any, ingress: Any, eventually: Any) -> None:
    process, port = door
    triggers = [
        await ingress.serving(WebhookConfig(), secret=None),
        await ingress.serving(WebhookConfig(auth_type=AuthType.HMAC), secret=SECRET),
        await ingress.serving(
            WebhookConfig(auth_type=AuthType.API_KEY, method=HttpMethod.PUT), secret=SECRET
        ),
        await ingress.serving(WebhookConfig(idempotency_key=IdempotencyKeySource(body="data.id"))),
        await ingress.serving(WebhookConfig(idempotency_key=IdempotencyKeySource(header="X-Delivery"))),
    ]
    gun = Gun(seed=SEED, triggers=triggers)
    statuses: Counter[int] = Counter()
    wanted: set[str] = set()
    memory: list[float] = []

    async def shoot(count: int) -> None:
        for _ in range(count):
            shot = gun.shot()
            found = await fire(shot, port=port)
            statuses.update(found)
            if shot.id is not None:
                # A request that is HTTP is answered, and is on record: 1xx aside, by one status.
                assert [status for status in found if status >= 200], shot
                wanted.add(shot.id)

    for _ in range(10):
        await asyncio.gather(*(shoot(REQUESTS // 10 // CONNECTIONS) for _ in range(CONNECTIONS)))
        memory.append(_memory_mib(process.pid))
    assert max(statuses) < 500, statuses
    assert statuses[202] > REQUESTS // 100

    async def all_recorded() -> dict[str, int] | None:
        metrics = await _metrics(ingress, port=port)
        messages = await ingress.messages()
        records: Counter[str] = Counter()
        dropped = 0
        for message in messages:
            if isinstance(message, DeliveriesAccepted | DeliveriesRejected):
                records.update(one.request_id for one in message.deliveries)
            if isinstance(message, DeliveriesRejected):
                dropped += message.dropped
        # What another process has recorded for this test: none, for preflights leave no record.
        return records if records.total() + dropped == metrics and not dropped else None

    records = await eventually(all_recorded, seconds=60.0 + REQUESTS / 100)
    assert {one for one in wanted if records[one] != 1} == set()
    assert memory[-1] - memory[1] < GROWTH_MIB, memory


async def _metrics(ingress: Any, *, port: int) -> int:
    """Return how many requests the door counted; what was no request is counted apart, and not recorded."""
    async with ingress.session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        text = await answer.text()
    found = re.findall(r'^webhook_deliveries_total\{outcome="(\w+)"\} (\S+)$', text, re.MULTILINE)
    counts = {outcome: int(float(value)) for outcome, value in found}
    assert "unavailable" not in counts
    assert counts.pop("unreadable") > 0
    return sum(counts.values())


def _memory_mib(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0

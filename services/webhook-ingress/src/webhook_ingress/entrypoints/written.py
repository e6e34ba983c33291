"""An answer as the bytes that go out.

aiohttp's ``Response`` builds, serialises and writes a mapping of headers in some 25 µs; nothing of that is
needed where the answer is known as a whole.
"""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http import HttpVersion, HttpVersion11

from webhook_ingress.ports import HttpResponse

_BODILESS: Final = frozenset({204, 304})
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class Written:
    """What aiohttp's protocol asks of a response: how it is written, and what becomes of the connection."""

    __slots__ = ("_answer", "_request", "_request_id", "keep_alive")

    def __init__(self, answer: HttpResponse, *, request_id: str) -> None:
        self._answer = answer
        self._request_id = request_id
        self._request: web.BaseRequest | None = None
        self.keep_alive: bool | None = None

    async def prepare(self, request: web.BaseRequest) -> None:
        """Decide what becomes of the connection."""
        self._request = request
        self.keep_alive = request.keep_alive

    async def write_eof(self, _data: bytes = b"") -> None:
        """Write all of it, and wait where the caller does not read."""
        request = self._request
        if request is None or request.transport is None:
            raise ConnectionResetError("the caller has left")
        data = answer_bytes(
            self._answer,
            request_id=self._request_id,
            method=request.method,
            connection=connection_field(request.keep_alive, version=request.version),
        )
        request.transport.write(data)
        if request.protocol.writing_paused:
            await request.writer.drain()


def answer_bytes(answer: HttpResponse, *, request_id: str, method: str, connection: str) -> bytes:
    """Return all of an answer to a request of that method."""
    head = head_of(answer, request_id=request_id, connection=connection)
    return head if method == "HEAD" else head + answer.body


def head_of(answer: HttpResponse, *, request_id: str, connection: str) -> bytes:
    """Return the status line and the fields; ``ValueError`` for a field that would begin another one."""
    lines = [_status_line(answer.status)]
    lines += [f"{name}: {value}\r\n" for name, value in answer.headers]
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}\r\n")
    if answer.status not in _BODILESS:
        lines.append(f"Content-Length: {len(answer.body)}\r\n")
    lines.append(f"{connection}X-Request-Id: {request_id}\r\nDate: {_date(int(time.time()))}\r\n\r\n")
    head = "".join(lines)
    if head.count("\n") != len(lines) + 2 + connection.count("\n") or "\0" in head:
        raise ValueError("a header field of the answer holds a line break")
    return head.encode()


def connection_field(keep_alive: object, *, version: HttpVersion) -> str:
    """Return the header field that says what becomes of the connection, where it has to be said."""
    if not keep_alive:
        return "Connection: close\r\n"
    return "" if version >= HttpVersion11 else "Connection: keep-alive\r\n"


@lru_cache(maxsize=600)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)

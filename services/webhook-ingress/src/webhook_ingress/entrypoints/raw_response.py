"""A response as the bytes that go out, headers and body in one write."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from webhook_ingress.entrypoints.request_parser import RawRequest
from webhook_ingress.ports import HttpResponse

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_BODILESS: Final = frozenset({204, 304})
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


def raw_response(
    response: HttpResponse, *, request: RawRequest | None, request_id: str, keep_alive: bool
) -> bytes:
    """Return the response to a request, or to what is not one.

    ``ValueError`` for a field that would begin another one.
    """
    if not keep_alive:
        connection = "Connection: close\r\n"
    else:
        connection = "Connection: keep-alive\r\n" if request is not None and request.is_http_1_0 else ""
    head = _head(response, request_id=request_id, connection=connection)
    return head if request is not None and request.method == "HEAD" else head + response.body


def _head(response: HttpResponse, *, request_id: str, connection: str) -> bytes:
    lines = [_status_line(response.status)]
    lines += [f"{name}: {value}\r\n" for name, value in response.headers]
    if response.content_type:
        lines.append(f"Content-Type: {response.content_type}\r\n")
    if response.status not in _BODILESS:
        lines.append(f"Content-Length: {len(response.body)}\r\n")
    lines.append(f"{connection}X-Request-Id: {request_id}\r\nDate: {_date(int(time.time()))}\r\n\r\n")
    head = "".join(lines)
    if head.count("\n") != len(lines) + 2 + connection.count("\n") or "\0" in head:
        raise ValueError("a header field of the response holds a line break")
    return head.encode()


@lru_cache(maxsize=600)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def raw_request(request: RawRequest) -> bytes:
    """Return a request without its body as the last one of its connection."""
    lines = [f"{request.method} {request.target} HTTP/1.{0 if request.is_http_1_0 else 1}"]
    lines += [f"{name}: {value}" for name, value in request.headers if name not in _OF_CONNECTION]
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


_OF_CONNECTION: Final = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "transfer-encoding", "upgrade"}
)

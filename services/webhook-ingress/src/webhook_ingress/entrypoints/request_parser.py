"""Bytes to requests: RFC 9112 without leniency, and within bounds.

llhttp (Node.js' parser, by ``httptools``) knows the grammar: one Content-Length, none with chunks, CRLF at
the end of each line, no folded header, no NUL, no unknown method. The bounds are here.
"""

from collections import deque
from typing import Final

import httptools
import msgspec
from yarl import URL

MAX_LINE_BYTES: Final = 8190
"""Bytes of a target, and of a header's name and value together."""
MAX_HEADERS: Final = 128
MAX_IDLE_BYTES: Final = 64 * 1024
"""Bytes that may come without completing a head or bringing a part of a body; of trailers, too."""

# Two of one of these leave open which counts.
_SINGLE: Final = frozenset(
    {
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "etag",
        "host",
        "max-forwards",
        "server",
        "transfer-encoding",
        "user-agent",
    }
)


class MalformedRequestError(Exception):
    """The bytes are not a request, or its head is over a limit. The parser cannot go on."""


class RawRequest(msgspec.Struct, kw_only=True):
    """A request whose head is complete. Header names are lower-case, in the order of the wire.

    Text may hold surrogate escapes: it is decoded as UTF-8, and must become the same bytes again.
    """

    method: str
    target: str
    is_http_1_0: bool
    headers: list[tuple[str, str]]
    keep_alive: bool
    content_length: int = 0
    """As it was sent; 0 where it was not."""
    awaits_continue: bool = False
    """Whether the caller sends the body only after a 100."""
    body: bytes | bytearray = b""
    """What has come of it."""
    is_complete: bool = False
    drops_body: bool = False
    """Set where the body no longer matters: what comes of it is parsed and forgotten."""

    def values(self, name: str) -> list[str]:
        """Return every value of a header, given by its lower-case name."""
        return [value for key, value in self.headers if key == name]


class RequestParser:
    """Parses what one connection sends. ``requests`` are in order; only the last one may be incomplete."""

    def __init__(self) -> None:
        self.requests: deque[RawRequest] = deque()
        self.malformed_head = b""
        """What has come of the request that is none: its target, or the bytes that begin with it."""
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._is_in_body = False
        self._idle_bytes = 0
        self._is_first_of_feed = True

    def feed(self, data: bytes) -> None:
        """Parse the next bytes; ``MalformedRequestError``."""
        self._idle_bytes += len(data)
        self._is_first_of_feed = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request gets its response like any other. What follows may be another protocol.
            return
        except httptools.HttpParserError as error:
            if self.requests and self.requests[-1].is_complete and not self.requests[-1].keep_alive:
                return
            self._note_malformed(data)
            raise MalformedRequestError from error
        if self._idle_bytes > MAX_IDLE_BYTES:
            self._note_malformed(data)
            raise MalformedRequestError

    def _note_malformed(self, data: bytes) -> None:
        # Behind a whole request it is not known where in the data the one that is none begins.
        self.malformed_head = self._target + b" " + (data if self._is_first_of_feed else b"")

    @property
    def is_between_requests(self) -> bool:
        """Whether nothing of a next request has come."""
        return not (self._target or self._is_in_body)

    def close(self) -> None:
        """Let go of llhttp, which refers back to this object."""
        self.requests.clear()
        del self._parser

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._target += url
        if len(self._target) > MAX_LINE_BYTES:
            raise MalformedRequestError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, or a trailer, of which none means anything here."""
        if self._is_in_body:
            return
        headers = self._headers
        if len(headers) >= MAX_HEADERS or len(name) + len(value) > MAX_LINE_BYTES:
            raise MalformedRequestError
        headers.append((name.decode().lower(), value.rstrip(b" \t").decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        """Make the request."""
        parser, headers = self._parser, self._headers
        is_http_1_0 = _is_http_1_0(parser.get_http_version())
        method, target = parser.get_method().decode(), self._target.decode("utf-8", "surrogateescape")
        if not target.startswith("/"):
            _require_address(target, method=method)
        names = {name for name, _ in headers}
        if ("host" not in names and not is_http_1_0) or (
            len(names) < len(headers) and _repeats_single(headers)
        ):
            raise MalformedRequestError
        request = RawRequest(
            method=method,
            target=target,
            is_http_1_0=is_http_1_0,
            headers=headers,
            keep_alive=parser.should_keep_alive() and not parser.should_upgrade(),
        )
        if "content-length" in names:
            request.content_length = int(_value(headers, "content-length"))
        if is_http_1_0:
            # RFC 9112, 6.1: HTTP/1.0 knows no chunks, so that the rest may be framed otherwise than it looks.
            request.keep_alive = request.keep_alive and "transfer-encoding" not in names
        elif "expect" in names:
            # Any other expectation is passed over (RFC 9110, 10.1.1): its request belongs on record, too.
            request.awaits_continue = _value(headers, "expect").lower() == "100-continue"
        self.requests.append(request)
        self._target = b""
        self._headers = []
        self._is_in_body = True
        self._idle_bytes = 0

    def on_body(self, chunk: bytes) -> None:
        """Take a part of the body."""
        self._idle_bytes = 0
        request = self.requests[-1]
        if request.drops_body:
            return
        if not request.body:
            request.body = chunk
            return
        if isinstance(request.body, bytes):
            # Not a list: a million chunks of a byte would be a million objects.
            request.body = bytearray(request.body)
        request.body += chunk

    def on_message_complete(self) -> None:
        """Mark the request as complete."""
        self.requests[-1].is_complete = True
        self._is_first_of_feed = False
        self._is_in_body = False
        self._idle_bytes = 0


def _is_http_1_0(version: str) -> bool:
    if version not in {"1.0", "1.1"}:
        raise MalformedRequestError
    return version == "1.0"


def _require_address(target: str, *, method: str) -> None:
    """Refuse a target that is neither a path nor an address (RFC 9112, 3.2); this is not a proxy."""
    if target == "*" and method == "OPTIONS":
        return
    try:
        host = URL(target, encoded=True).host
    except ValueError:
        host = None
    if host is None or method == "CONNECT":
        raise MalformedRequestError


def _repeats_single(headers: list[tuple[str, str]]) -> bool:
    singles = [name for name, _ in headers if name in _SINGLE]
    return len(singles) > len(set(singles))


def _value(headers: list[tuple[str, str]], name: str) -> str:
    return next(value for key, value in headers if key == name)

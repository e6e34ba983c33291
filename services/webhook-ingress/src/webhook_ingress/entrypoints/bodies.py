"""Reading bodies, all of them together within a bound."""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError

from webhook_ingress.domain.request import Body, BodyProblem
from webhook_ingress.ports import UnavailableError

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class BodyRoom:
    """How many bytes of bodies may be held at a time while requests are under way.

    Anybody may send a large body, slowly, and on many connections: each is bounded in size and in time, and
    this bounds all of them. One that finds no room is answered 503.
    """

    def __init__(self, *, room_bytes: int, max_body_bytes: int, seconds: float) -> None:
        self._free = room_bytes
        self._longest = max_body_bytes
        self._seconds = seconds

    def whole(self, request: web.BaseRequest) -> Body | None:
        """Return a body that came with the head, as most do; ``None`` where there is more to wait for."""
        content = request.content
        if not content.is_eof() or content.exception() is not None:
            return None
        body = content.read_nowait()
        return body if len(body) <= self._longest else BodyProblem.TOO_LARGE

    async def read(self, request: web.BaseRequest, *, into: "Reservation") -> Body:
        """Return the body, exactly as it was sent, a ``Content-Encoding`` left as it is.

        Raises ``UnavailableError`` where there is no room.
        """
        if (request.content_length or 0) > self._longest:
            return BodyProblem.TOO_LARGE
        if request.version >= HttpVersion11 and request.transport is not None and "Expect" in request.headers:
            # Only now: who is refused by the address alone need not send the body. Any other expectation is
            # passed over (RFC 9110, 10.1.1), for its request belongs on record like any other.
            request.transport.write(_CONTINUE)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._gather(request, into=into)
        except TimeoutError:
            return BodyProblem.TOO_SLOW
        except (OSError, HttpProcessingError, web.RequestPayloadError):
            return BodyProblem.INCOMPLETE

    def reserve(self) -> "Reservation":
        """Return an empty reservation, to be given back when the request is answered."""
        return Reservation(self)

    def take(self, count: int) -> None:
        """Take room; ``UnavailableError`` where there is none."""
        if count > self._free:
            raise UnavailableError("Too many large requests are under way. Try again shortly.")
        self._free -= count

    def give_back(self, count: int) -> None:
        """Give room back."""
        self._free += count

    async def _gather(self, request: web.BaseRequest, *, into: "Reservation") -> Body:
        body = bytearray()
        async for chunk in request.content.iter_any():
            if len(body) + len(chunk) > self._longest:
                return BodyProblem.TOO_LARGE
            into.grow(len(chunk))
            body += chunk
        return bytes(body)


class Reservation:
    """The room that one request takes."""

    __slots__ = ("_room", "_taken")

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self._taken = 0

    def grow(self, count: int) -> None:
        """Take more; ``UnavailableError``."""
        self._room.take(count)
        self._taken += count

    def end(self) -> None:
        """Give everything back."""
        self._room.give_back(self._taken)
        self._taken = 0

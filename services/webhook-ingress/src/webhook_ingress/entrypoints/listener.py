"""The component that listens: the webhook route goes straight to its door, all else to the application."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo

from trigger_runtime.cancelling import cancel
from trigger_runtime.web.listener import ProblemProtocol, require_port
from webhook_ingress.entrypoints.siblings import Siblings
from webhook_ingress.entrypoints.webhook import WebhookDoor, is_webhook

_HEAD_SECONDS: Final = 15.0
_BAD_REQUEST: Final = 400


class _Protocol(ProblemProtocol):
    """The protocol of all services, with a shorter way for requests to the door that come in one piece.

    Most webhooks do: they fit into one read. aiohttp makes a task and half a dozen objects for each and wakes
    its own task twice. Here such a request is answered by callbacks, while aiohttp's task goes on waiting:
    its waiter is parked, so that what is pipelined behind queues up for it as usual. Everything else, and
    every caller who does not read the answers, takes aiohttp's way.
    """

    __slots__ = ("_door", "_ended", "_parked")

    def __init__(self, manager: web.Server, *, door: WebhookDoor, **options: Any) -> None:
        super().__init__(manager, **options)
        self._door = door
        self._parked: asyncio.Future[None] | None = None
        self._ended = False

    def data_received(self, data: bytes) -> None:
        """Parse, and answer what can be answered at once."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages or self.writing_paused:
            # Something is under way, here or there, or the last answers have not been read yet.
            super().data_received(data)
            return
        self._waiter = None
        super().data_received(data)
        self._waiter = waiter
        if len(self._messages) == 1 and _is_whole(*self._messages[0]):
            self._answer_whole(waiter)
        elif self._messages and not waiter.done():
            waiter.set_result(None)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Keep the connection of a caller who has said all, and waits for the answer."""
        self._ended = True
        return self._parked is not None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the waiter back, for aiohttp's task to be cancelled by."""
        if self._parked is not None:
            self._waiter, self._parked = self._parked, None
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Count what is no request, for nothing else tells of it."""
        if status == _BAD_REQUEST:
            self._door.note_unreadable()
        return super().handle_error(request, status, exc, message)

    def _answer_whole(self, waiter: "asyncio.Future[None]") -> None:
        message, payload = self._messages.popleft()
        if self._parser is None or self._manager is None or isinstance(message, _ErrInfo):
            raise RuntimeError("there is no connection")
        self._parser.message_consumed()
        self._manager.requests_count += 1
        self._parked, self._waiter = waiter, None
        self._request_in_progress = True
        peer = self.peername
        self._door.answer_whole(
            message,
            body=self._body(payload),
            remote=str(peer[0]) if isinstance(peer, list | tuple) else peer,
            write=partial(self._write, closes=message.should_close),
        )

    def _body(self, payload: StreamReader) -> bytes:
        """Return a body that is all there.

        Reading it makes the stream ask for more to be parsed, which is of use only where it has stopped that.
        """
        if self._reading_paused or payload is EMPTY_PAYLOAD:
            return payload.read_nowait()
        chunks = payload._buffer  # noqa: SLF001
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _write(self, data: bytes, *, closes: object) -> None:
        """Send the answer, and leave the connection as aiohttp's task would."""
        waiter, self._parked = self._parked, None
        if waiter is None or self.transport is None:
            return  # the caller has left
        self._waiter = waiter
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        self.transport.write(data)
        if closes or self._ended or self._close or self._force_close:
            # Closing sends first what has not been sent yet.
            self.transport.close()
            self.close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )
        if self._messages and not waiter.done():
            waiter.set_result(None)


def _is_whole(message: Any, payload: StreamReader) -> bool:
    """Tell whether a request is for the door, and all of it has come."""
    return (
        not isinstance(message, _ErrInfo)
        and not message.upgrade
        and payload.is_eof()
        and payload.exception() is None
        and is_webhook(message)
    )


class _Server(web.Server):
    """Tells the two kinds of requests apart when they are made: only the application's need its router."""

    def __init__(
        self, stock: web.Server, *, door: WebhookDoor, siblings: Siblings | None, **options: Any
    ) -> None:
        super().__init__(self._handle, request_factory=self._make, **options)
        self._stock = stock
        self._siblings = siblings
        self._door = door
        self._options = options

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, door=self._door, loop=asyncio.get_running_loop(), **self._options)

    def _make(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if is_webhook(message):
            return self._make_request(message, payload, protocol, writer, task)
        return self._stock.request_factory(message, payload, protocol, writer, task)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._siblings is not None and self._siblings.answers(request):
            return await self._siblings.answer(request)
        if isinstance(request, web.Request):
            return await self._stock.request_handler(request)
        return await self._door.answer(request)


class _Runner(web.AppRunner):
    __slots__ = ("_door", "_siblings")

    def __init__(
        self, app: web.Application, *, door: WebhookDoor, siblings: Siblings | None, **options: Any
    ) -> None:
        super().__init__(app, **options)
        self._siblings = siblings
        self._door = door

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), door=self._door, siblings=self._siblings, **self._kwargs)


class WebhookListener:
    """Serves the application and the door on one address; stopping waits for the requests under way.

    With ``siblings`` the port is shared with other processes, and ``number`` is this one's among them;
    ``ready`` is awaited before it is listened on.
    """

    name = "http"

    def __init__(
        self,
        app: web.Application,
        *,
        door: WebhookDoor,
        host: str,
        port: int,
        siblings: Siblings | None = None,
        number: int = 0,
        ready: Callable[[], Awaitable[None]] | None = None,
        drain_seconds: float = 10.0,
    ) -> None:
        self._app = app
        self._door = door
        self._host = host
        self._port = port
        self._siblings = siblings
        self._number = number
        self._ready = ready
        self._drain_seconds = drain_seconds
        self._runner: _Runner | None = None
        self._waiting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and listen; ``OSError`` where the address cannot be had."""
        require_port(self._port)
        if self._ready is None:
            await self._listen()
        else:
            self._waiting = asyncio.create_task(self._listen_when_ready(self._ready), name="http waiting")

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what must not end by itself."""
        return [] if self._waiting is None else [self._waiting]

    async def stop(self) -> None:
        """Close the socket, let the requests under way finish, close the connections."""
        if self._waiting is not None:
            await cancel([self._waiting])
        if self._runner is not None:
            await self._runner.cleanup()

    async def _listen_when_ready(self, ready: Callable[[], Awaitable[None]]) -> None:
        await ready()
        await self._listen()
        # Whoever watches this task takes its end for a crash.
        await asyncio.Event().wait()

    async def _listen(self) -> None:
        self._runner = _Runner(
            self._app,
            door=self._door,
            siblings=self._siblings,
            access_log=None,
            # A signature covers the bytes as sent: a body is never inflated before it is verified.
            auto_decompress=False,
            # From connecting or the last answer to the whole of a head: who is silent for longer is let go.
            keepalive_timeout=_HEAD_SECONDS,
            shutdown_timeout=self._drain_seconds,
        )
        try:
            await self._runner.setup()
            for site in self._sites(self._runner):
                await site.start()
        except BaseException:
            await self._runner.cleanup()
            raise

    def _sites(self, runner: web.AppRunner) -> list[web.BaseSite]:
        if self._siblings is None:
            return [web.TCPSite(runner, self._host, self._port, backlog=1024)]
        return [
            web.TCPSite(runner, self._host, self._port, backlog=1024, reuse_port=True),
            web.UnixSite(runner, self._siblings.socket(self._number)),
        ]

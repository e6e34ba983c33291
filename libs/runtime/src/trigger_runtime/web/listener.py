"""The component that listens."""

import asyncio
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from trigger_runtime.web.problem import ProblemError

_HIGHEST_PORT: Final = 65535


class ProblemProtocol(web.RequestHandler):
    """Refuses what never becomes a request: aiohttp's own response is plain text and quotes the bytes."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        # For what it raises and logs; its response is dropped.
        super().handle_error(request, status, exc, message)
        detail = "The request is not HTTP, or a part of its head is malformed or too long."
        problem = (
            ProblemError(400, code="malformed_request", detail=detail)
            if status == 400
            else ProblemError(status, code="internal", detail="The request failed.")
        )
        request_id = str(uuid4())
        response = problem.response(request_id=request_id)
        response.headers["X-Request-Id"] = request_id
        response.force_close()
        return response


class _Server(web.Server):
    def __init__(self, stock: web.Server, **options: Any) -> None:
        super().__init__(stock.request_handler, request_factory=stock.request_factory, **options)
        self._options = options

    def __call__(self) -> web.RequestHandler:
        return ProblemProtocol(self, loop=asyncio.get_running_loop(), **self._options)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), **self._kwargs)


def require_port(port: int) -> None:
    """Raise ``OSError`` for what is not a TCP port: uvloop would take it modulo 65536."""
    if not 0 <= port <= _HIGHEST_PORT:
        raise OSError(f"there is no port {port}")


class HttpListener:
    """Serves an application on one address; stopping waits for the requests under way."""

    name = "http"

    def __init__(self, app: web.Application, *, host: str, port: int, drain_seconds: float = 10.0) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._drain_seconds = drain_seconds
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Bind and listen; ``OSError`` where the address is not free."""
        require_port(self._port)
        self._runner = _Runner(
            self._app,
            access_log=None,
            # A signature covers the bytes as sent: a body is never inflated before it is verified.
            auto_decompress=False,
            shutdown_timeout=self._drain_seconds,
        )
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        except BaseException:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Close the socket, let the requests under way finish, close the connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened on: the one asked for, or the one found where that was 0."""
        if self._runner is None:
            raise RuntimeError("the listener has not been started")
        return int(self._runner.addresses[0][1])

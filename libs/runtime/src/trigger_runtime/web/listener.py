"""The component that listens."""

from typing import Final

from aiohttp import web

_HIGHEST_PORT: Final = 65535


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
        """Bind and listen; ``OSError`` where the address cannot be had."""
        if not 0 <= self._port <= _HIGHEST_PORT:
            # uvloop would take it modulo 65536.
            raise OSError(f"there is no port {self._port}")
        self._runner = web.AppRunner(
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

"""The component that listens: webhooks go to their endpoint, other requests to the aiohttp application."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from trigger_runtime.lifecycle import cancel
from trigger_runtime.web.listener import require_port
from webhook_ingress.entrypoints.body_budget import BodyBudget
from webhook_ingress.entrypoints.connections import ConnectionLimits, Connections
from webhook_ingress.entrypoints.raw_response import raw_request
from webhook_ingress.entrypoints.request_parser import RawRequest
from webhook_ingress.entrypoints.webhook_endpoint import WebhookEndpoint
from webhook_ingress.entrypoints.webhook_protocol import WebhookProtocol
from webhook_ingress.entrypoints.worker_peers import WorkerPeers


class WebhookListener:
    """Serves the endpoint and the application on one address; stopping waits for the requests in progress.

    With ``peers`` the port is shared with other processes, and ``number`` is this one's among them;
    ``ready`` is awaited before it is listened on.
    """

    name = "http"

    def __init__(
        self,
        app: web.Application,
        *,
        endpoint: WebhookEndpoint,
        budget: BodyBudget,
        limits: ConnectionLimits,
        host: str,
        port: int,
        peers: WorkerPeers | None = None,
        number: int = 0,
        ready: Callable[[], Awaitable[None]] | None = None,
        drain_seconds: float = 10.0,
    ) -> None:
        self._endpoint = endpoint
        self._budget = budget
        self._limits = limits
        self._host = host
        self._port = port
        self._peers = peers
        self._number = number
        self._ready = ready
        self._drain_seconds = drain_seconds
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, shutdown_timeout=drain_seconds
        )
        self._connections = Connections()
        self._server: asyncio.Server | None = None
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
        """Close the socket, let the requests in progress finish, close the connections."""
        if self._waiting is not None:
            await cancel([self._waiting])
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.stop()
        try:
            async with asyncio.timeout(self._drain_seconds):
                await self._connections.empty.wait()
        except TimeoutError:
            for connection in self._connections:
                connection.abort()
        await self._runner.cleanup()

    async def _listen_when_ready(self, ready: Callable[[], Awaitable[None]]) -> None:
        await ready()
        await self._listen()
        # The end of this task would count as a crash.
        await asyncio.Event().wait()

    async def _listen(self) -> None:
        try:
            await self._runner.setup()
            if self._peers is not None:
                await web.UnixSite(self._runner, self._peers.socket(self._number)).start()
            self._server = await asyncio.get_running_loop().create_server(
                self._connection,
                self._host,
                self._port,
                backlog=1024,
                reuse_port=self._peers is not None or None,
            )
        except BaseException:
            await self._runner.cleanup()
            raise

    def _connection(self) -> WebhookProtocol:
        return WebhookProtocol(
            self._endpoint,
            budget=self._budget,
            limits=self._limits,
            connections=self._connections,
            hand_over=self._hand_over,
        )

    def _hand_over(self, transport: asyncio.Transport, raw: RawRequest) -> None:
        """Let aiohttp respond to one request and close the connection."""
        if self._runner.server is None:
            transport.close()
            return
        protocol = self._runner.server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(raw_request(raw))

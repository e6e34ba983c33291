"""Temporal: a client that connects when it is needed, one payload converter, a worker component."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import structlog
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from trigger_runtime.cancelling import cancel
from trigger_runtime.settings import Secret

log = structlog.stdlib.get_logger(__name__)

_AWAY: Final = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.CANCELLED,
    }
)


class TemporalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where Temporal is. ``temporal_api_key`` is for Temporal Cloud and implies TLS."""

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_api_key: Secret | None = None


def is_away(error: RPCError) -> bool:
    """Tell whether a call failed because the server is away or overloaded, so that waiting can help.

    A missing namespace is ``NOT_FOUND`` and indistinguishable by code from a missing workflow; the
    caller knows which of the two it asked for.
    """
    return error.status in _AWAY


class MsgspecPayloadConverter(EncodingPayloadConverter):
    """JSON by msgspec: temporalio's own converter cannot carry a ``msgspec.Struct``.

    The encoding stays ``json/plain``, so that Temporal's UI shows the payloads.
    """

    @property
    def encoding(self) -> str:
        """Temporal's name for plain JSON."""
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        """Return the payload; ``None`` (another converter's turn) for what msgspec cannot encode."""
        try:
            data = msgspec.json.encode(value)
        except (TypeError, msgspec.MsgspecError):
            return None
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Return the value, of the hinted type where there is a hint."""
        return msgspec.json.decode(payload.data, type=type_hint or Any)


class _PayloadConverter(CompositePayloadConverter):
    def __init__(self) -> None:
        ours = MsgspecPayloadConverter()
        defaults = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(
            *(
                ours if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in defaults
            )
        )


DATA_CONVERTER: Final = DataConverter(payload_converter_class=_PayloadConverter)
"""What every client and worker of these services uses."""


class TemporalConnection:
    """A client for the life of the process. It connects on first use and reconnects by itself."""

    name = "temporal"

    def __init__(self, settings: TemporalSettings, *, identity: str) -> None:
        self._settings = settings
        self._identity = identity
        self._client: Client | None = None
        self._watching: asyncio.Task[None] | None = None
        self._trouble: str | None = "not connected yet"
        self._reached = asyncio.Event()

    @property
    def client(self) -> Client:
        """The client; only after ``start``."""
        if self._client is None:
            raise RuntimeError("the Temporal connection has not been started")
        return self._client

    async def start(self) -> None:
        """Make the client, without connecting, and begin to watch the server."""
        self._client = await self._connecting()(lazy=True)
        self._watching = asyncio.create_task(self._watch(), name="temporal-watch")

    async def stop(self) -> None:
        """Stop watching; the client holds nothing that needs closing."""
        if self._watching is not None:
            await cancel([self._watching])

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the connection is stopped."""
        return [self._watching] if self._watching is not None else []

    def check(self) -> str | None:
        """Return why Temporal cannot be used, as of the last look, or ``None``."""
        return self._trouble

    async def reachable(self) -> None:
        """Wait until Temporal has answered once."""
        await self._reached.wait()

    async def worker_client(self) -> Client:
        """Return a client that is connected, which is what a worker needs: it refuses a lazy one.

        Raises ``RuntimeError`` where Temporal cannot be reached.
        """
        return await self._connecting()(lazy=False)

    def _connecting(self) -> partial[Coroutine[Any, Any, Client]]:
        key = self._settings.temporal_api_key
        return partial(
            Client.connect,
            self._settings.temporal_address,
            namespace=self._settings.temporal_namespace,
            data_converter=DATA_CONVERTER,
            identity=self._identity,
            api_key=key.reveal() if key else None,
            tls=key is not None,
        )

    async def _watch(self) -> None:
        while True:
            try:
                await self.client.service_client.check_health(timeout=dt.timedelta(seconds=3))
                self._trouble = None
                self._reached.set()
            except (RPCError, RuntimeError) as error:
                # A lazy client raises RuntimeError where its first connection fails.
                if self._trouble is None:
                    log.warning("temporal away", reason=type(error).__name__)
                self._trouble = "unreachable"
            except Exception as error:
                # Nobody waits for this task: if it ended, the last look would stay the truth for ever.
                log.exception("temporal check failed")
                self._trouble = f"not usable ({type(error).__name__})"
            await asyncio.sleep(2.0 if self._trouble is None else 0.25)


class TemporalWorker:
    """A component that runs a worker once Temporal can be reached, and again when it ends.

    ``make`` builds the worker from the client: a worker object runs only once.
    """

    name = "temporal worker"

    def __init__(self, connection: TemporalConnection, *, make: Callable[[Client], Worker]) -> None:
        self._connection = connection
        self._make = make
        self._task: asyncio.Task[None] | None = None
        self._worker: Worker | None = None

    async def start(self) -> None:
        """Begin as soon as Temporal is there."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Take no more tasks and wait for those under way (the worker's own graceful time)."""
        if self._worker is not None and self._worker.is_running:
            await self._worker.shutdown()
        if self._task is not None:
            await cancel([self._task])

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the worker is stopped."""
        return [self._task] if self._task is not None else []

    def check(self) -> str | None:
        """Return why no tasks are taken, or ``None``."""
        running = self._worker is not None and self._worker.is_running
        return None if running else "not polling yet"

    async def _run(self) -> None:
        while True:
            await self._connection.reachable()
            try:
                self._worker = self._make(await self._connection.worker_client())
                await self._worker.run()
                return
            except (RPCError, RuntimeError) as error:
                log.warning("temporal worker ended; it will be started again", reason=str(error)[:300])
            except Exception:
                # Its end would be a crash of the service for what a new worker may not meet again.
                log.exception("temporal worker failed; it will be started again")
            await asyncio.sleep(1.0)

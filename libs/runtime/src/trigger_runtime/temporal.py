"""Temporal: a client that connects when it is needed, one payload converter, a worker component."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Coroutine
from functools import cache, partial
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
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError
from temporalio.worker import Worker

from trigger_runtime.lifecycle import BackgroundTask, HealthWatch
from trigger_runtime.settings import Secret

log = structlog.stdlib.get_logger(__name__)


class TemporalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where Temporal is. ``temporal_api_key`` is for Temporal Cloud and implies TLS."""

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_api_key: Secret | None = None


class MsgspecPayloadConverter(EncodingPayloadConverter):
    """JSON by msgspec: temporalio's own converter cannot carry a ``msgspec.Struct``.

    The encoding stays ``json/plain``, so that Temporal's UI shows the payloads.
    """

    @property
    def encoding(self) -> str:
        """Temporal's name for plain JSON."""
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        """Return the payload; ``None`` (another converter tries) for what msgspec cannot encode."""
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


@cache
def _runtime() -> Runtime:
    """Return what runs the SDK's core, whose own log lines would be no JSON; it is one for the process."""
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(
                    logger=logging.getLogger("temporalio.core"), prepend_target_on_message=False
                ),
            )
        )
    )


class TemporalConnection(HealthWatch):
    """A client for the life of the process. It connects on first use and reconnects by itself."""

    def __init__(self, settings: TemporalSettings, *, identity: str) -> None:
        super().__init__("temporal", self._check_health, seconds=2.0)
        self._settings = settings
        self._identity = identity
        self._client: Client | None = None
        self._reached = asyncio.Event()

    @property
    def client(self) -> Client:
        """The client; only after ``start``."""
        if self._client is None:
            raise RuntimeError("the Temporal connection has not been started")
        return self._client

    async def start(self) -> None:
        """Make the client, without connecting, and begin to watch the server."""
        self._client = await self._connect()(lazy=True)
        await super().start()

    async def reachable(self) -> None:
        """Wait until Temporal was reached once."""
        await self._reached.wait()

    async def worker_client(self) -> Client:
        """Return a client that is connected, which is what a worker needs: it refuses a lazy one.

        Raises ``RuntimeError`` where Temporal cannot be reached.
        """
        return await self._connect()(lazy=False)

    def _connect(self) -> partial[Coroutine[Any, Any, Client]]:
        key = self._settings.temporal_api_key
        return partial(
            Client.connect,
            self._settings.temporal_address,
            namespace=self._settings.temporal_namespace,
            data_converter=DATA_CONVERTER,
            identity=self._identity,
            api_key=key.reveal() if key else None,
            tls=key is not None,
            runtime=_runtime(),
        )

    async def _check_health(self) -> str | None:
        try:
            await self.client.service_client.check_health(timeout=dt.timedelta(seconds=3))
        except (RPCError, RuntimeError):
            # A lazy client raises RuntimeError where its first connection fails.
            return "unreachable"
        self._reached.set()
        return None


class TemporalWorker(BackgroundTask):
    """A component that runs a worker once Temporal can be reached, and again when it ends.

    ``make`` builds the worker from the client: a worker object runs only once.
    """

    def __init__(self, connection: TemporalConnection, *, make: Callable[[Client], Worker]) -> None:
        super().__init__("temporal worker", self._work_for_ever)
        self._connection = connection
        self._make = make
        self._worker: Worker | None = None

    async def stop(self) -> None:
        """Take no more tasks and wait for those in progress (the worker's own graceful time)."""
        if self._worker is not None and self._worker.is_running:
            await self._worker.shutdown()
        await super().stop()

    def check(self) -> str | None:
        """Return why no tasks are taken, or ``None``."""
        running = self._worker is not None and self._worker.is_running
        return None if running else "not polling yet"

    async def _work_for_ever(self) -> None:
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

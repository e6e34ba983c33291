"""Which replica compares everything: a key in a bucket, whose holder writes it anew again and again.

No clock is compared with another one. A replica that sees the key unchanged for the length of the lease, by
its own monotonic clock, writes it itself; the bucket takes a write only where the key's revision is the one
that was seen. The holder counts from before its last write, so it stops before anybody else can begin, also
when it was frozen meanwhile.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from nats import errors as nats_errors
from nats.js import api
from nats.js import errors as js_errors
from nats.js.kv import KeyValue
from prometheus_client import CollectorRegistry, Gauge

from trigger_contracts import streams
from trigger_runtime.bus.connection import Bus, BusUnavailableError, describe
from trigger_runtime.cancelling import cancel

log = structlog.stdlib.get_logger(__name__)

_KEY: Final = "resync"
_NOBODY: Final = b""
_RELEASE_SECONDS: Final = 1.0


class ResyncLease:
    """A component; implements ``ports.Leadership``."""

    name = "resync lease"

    def __init__(
        self, bus: Bus, *, holder: str, seconds: float, replicas: int, registry: CollectorRegistry
    ) -> None:
        """``holder`` is this process's own; ``seconds`` is how long a holder that is gone is waited for."""
        self._bus = bus
        self._holder = holder.encode()
        self._seconds = seconds
        self._replicas = replicas
        self._task: asyncio.Task[None] | None = None
        self._revision = 0
        self._until = 0.0
        self._seen = (0, 0.0)
        self._looked = 0.0
        self._taken = asyncio.Event()
        gauge = Gauge(
            "schedules_resync_leader", "1 where this replica compares everything.", registry=registry
        )
        gauge.set_function(lambda: float(self._task is not None and self.held()))

    async def start(self) -> None:
        """Begin to look for the lease."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Give the lease back, so that another replica need not wait for its end."""
        if self._task is not None:
            await cancel([self._task])
        if self.held():
            try:
                async with asyncio.timeout(_RELEASE_SECONDS):
                    bucket = await self._bucket()
                    await bucket.update(_KEY, _NOBODY, last=self._revision)
            except (BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
                log.warning("resync lease not given back", reason=describe(error))
        self._until = 0.0

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the component is stopped."""
        return [self._task] if self._task is not None else []

    def held(self) -> bool:
        """Tell whether nobody else can have the lease at this moment."""
        return asyncio.get_running_loop().time() < self._until

    def is_known(self) -> bool:
        """Tell whether it has been seen within the length of a lease who has it."""
        return asyncio.get_running_loop().time() - self._looked < self._seconds

    async def taken(self) -> None:
        """Wait until the lease is ours."""
        while not self.held():
            self._taken.clear()
            await self._taken.wait()

    async def _run(self) -> None:
        while True:
            await self._bus.ready()
            try:
                await self._look()
            except (BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
                log.warning("resync lease not looked at", reason=describe(error))
            except Exception:
                # Nobody waits for this task: if it ended, nothing would ever be compared again.
                log.exception("resync lease failed")
            await asyncio.sleep(self._seconds / 4)

    async def _look(self) -> None:
        begun = asyncio.get_running_loop().time()
        bucket = await self._bucket()
        revision, value = await _read(bucket)
        # Not from before the read: the holder may have written while it was under way.
        self._looked = asyncio.get_running_loop().time()
        if value not in (self._holder, _NOBODY) and not self._has_run_out(revision, now=self._looked):
            self._until = 0.0
            return
        try:
            self._revision = await bucket.update(_KEY, self._holder, last=revision)
        except js_errors.KeyWrongLastSequenceError:
            # Somebody was faster.
            self._until = 0.0
            return
        if not self.held():
            log.info("resync lease taken")
        self._until = begun + self._seconds
        self._taken.set()

    def _has_run_out(self, revision: int, *, now: float) -> bool:
        if self._seen[0] != revision:
            self._seen = (revision, now)
        return now - self._seen[1] >= self._seconds

    async def _bucket(self) -> KeyValue:
        js = self._bus.js
        try:
            return await js.key_value(streams.SCHEDULER_LEASES)
        except js_errors.BucketNotFoundError:
            config = api.KeyValueConfig(bucket=streams.SCHEDULER_LEASES, history=1, replicas=self._replicas)
            return await js.create_key_value(config)


async def _read(bucket: KeyValue) -> tuple[int, bytes]:
    try:
        entry = await bucket.get(_KEY)
    except js_errors.KeyDeletedError as error:
        # By hand. Its revision is the marker's.
        return error.entry.revision or 0, _NOBODY
    except js_errors.KeyNotFoundError:
        return 0, _NOBODY
    return entry.revision or 0, entry.value or _NOBODY

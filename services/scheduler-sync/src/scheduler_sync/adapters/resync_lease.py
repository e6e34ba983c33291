"""Which replica compares everything: a key in a bucket, which the leader renews.

No clock is compared with another one. A replica that sees the key unchanged for the length of the lease, by
its own monotonic clock, writes it itself; the bucket takes a write only where the key's revision is the one
that was seen. The leader counts from before its last write, so it stops before another replica can begin,
also when it was frozen meanwhile.
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
from trigger_runtime.lifecycle import cancel

log = structlog.stdlib.get_logger(__name__)

_KEY: Final = "resync"
_NO_LEADER: Final = b""
_RESIGN_SECONDS: Final = 1.0


class ResyncLease:
    """A component; implements ``ports.Leadership``."""

    name = "resync lease"

    def __init__(
        self, bus: Bus, *, replica: str, seconds: float, replicas: int, registry: CollectorRegistry
    ) -> None:
        """``replica`` names this process; a leader that is silent for ``seconds`` is succeeded."""
        self._bus = bus
        self._replica = replica.encode()
        self._seconds = seconds
        self._replicas = replicas
        self._task: asyncio.Task[None] | None = None
        self._revision = 0
        self._term_end = 0.0
        self._seen = (0, 0.0)
        self._read_at = 0.0
        self._elected = asyncio.Event()
        gauge = Gauge(
            "schedules_resync_leader", "1 where this replica compares everything.", registry=registry
        )
        gauge.set_function(lambda: float(self._task is not None and self.is_leader()))

    async def start(self) -> None:
        """Begin to run for election."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Resign, so that another replica need not wait for the end of the term."""
        if self._task is not None:
            await cancel([self._task])
        if self.is_leader():
            try:
                async with asyncio.timeout(_RESIGN_SECONDS):
                    bucket = await self._bucket()
                    await bucket.update(_KEY, _NO_LEADER, last=self._revision)
            except (BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
                log.warning("resync leader not resigned", reason=describe(error))
        self._term_end = 0.0

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the component is stopped."""
        return [self._task] if self._task is not None else []

    def is_leader(self) -> bool:
        """Tell whether this replica leads; no other one can at this moment."""
        return asyncio.get_running_loop().time() < self._term_end

    def is_leader_known(self) -> bool:
        """Tell whether the key was read within the length of a lease."""
        return asyncio.get_running_loop().time() - self._read_at < self._seconds

    async def elected(self) -> None:
        """Wait until this replica leads."""
        while not self.is_leader():
            self._elected.clear()
            await self._elected.wait()

    async def _run(self) -> None:
        while True:
            await self._bus.ready()
            try:
                await self.elect()
            except (BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
                log.warning("resync lease not read", reason=describe(error))
            except Exception:
                # No task waits for this one: if it ended, nothing would ever be compared again.
                log.exception("resync lease failed")
            await asyncio.sleep(self._seconds / 4)

    async def elect(self) -> None:
        """Read the key, and lead where no other replica does: become the leader, or renew the term."""
        begun = asyncio.get_running_loop().time()
        bucket = await self._bucket()
        revision, value = await _read(bucket)
        # Not from before the read: the leader may have written meanwhile.
        self._read_at = asyncio.get_running_loop().time()
        if value not in (self._replica, _NO_LEADER) and not self._has_expired(revision, now=self._read_at):
            self._term_end = 0.0
            return
        try:
            self._revision = await bucket.update(_KEY, self._replica, last=revision)
        except js_errors.KeyWrongLastSequenceError:
            # Another replica was faster.
            self._term_end = 0.0
            return
        if not self.is_leader():
            log.info("resync leader elected")
        self._term_end = begun + self._seconds
        self._elected.set()

    def _has_expired(self, revision: int, *, now: float) -> bool:
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
        # Deleted by hand. Its revision is that of the delete marker.
        return error.entry.revision or 0, _NO_LEADER
    except js_errors.KeyNotFoundError:
        return 0, _NO_LEADER
    return entry.revision or 0, entry.value or _NO_LEADER

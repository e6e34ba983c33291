"""The component that keeps a provider's public keys at hand."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import aiohttp
import structlog
from prometheus_client import Counter, Gauge

from trigger_runtime import backoff
from trigger_runtime.lifecycle import BackgroundTask
from trigger_runtime.metrics import Metrics
from trigger_runtime.web.key_document import (
    KeyDocument,
    KeyDocumentError,
    PublicKey,
    VerificationKey,
    read_key_document,
)

log = structlog.stdlib.get_logger(__name__)

MAX_DOCUMENT_BYTES: Final = 256 * 1024

# Compressed, a small response could become a huge one.
_HEADERS: Final = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


class NoKeysError(Exception):
    """No token can be verified: no set was fetched yet, or it has no usable key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSchedule:
    """When a key set is fetched, in seconds."""

    refresh: float = 600.0
    """Between one fetch and the next: how long a withdrawn key still counts where the provider answers."""
    least_interval: float = 10.0
    """Before an unknown key id has the set fetched again: strangers choose key ids."""
    timeout: float = 5.0
    """For one fetch, from the look-up of the name to the last byte."""
    longest_pause: float = 30.0
    """Between fetches that fail while there are keys."""
    longest_pause_without_keys: float = 5.0


DEFAULT: Final = FetchSchedule()


class KeySet(BackgroundTask):
    """A component that fetches the set at ``url``, and goes on with the last good one while it cannot.

    One task does all the fetching, so that fetches never overlap.
    """

    def __init__(
        self,
        url: str,
        *,
        algorithms: Collection[str],
        metrics: Metrics,
        schedule: FetchSchedule = DEFAULT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("token keys", self._keep_fresh)
        self._url = url
        self._algorithms = algorithms
        self._schedule = schedule
        self._monotonic = monotonic
        self._keys: tuple[VerificationKey, ...] = ()
        self._index: dict[tuple[str | None, str], PublicKey] = {}
        self._ids: frozenset[str | None] = frozenset()
        self._problem = "not fetched yet"
        self._fetched: float | None = None
        self._started_at = 0.0
        self._fetching = False
        self._requested = asyncio.Event()
        self._ended = asyncio.Event()
        self.generation = 0
        """Grows when the keys change: tokens that the former ones verified are verified again."""
        self._fetches = Counter(
            "token_key_set_fetches_total",
            "Attempts to fetch the provider's key set.",
            ["outcome"],
            registry=metrics.registry,
        )
        self._fetched_at = Gauge(
            "token_key_set_fetched_timestamp_seconds",
            "When the provider's key set was last fetched; 0 before the first time.",
            registry=metrics.registry,
        )

    def check(self) -> str | None:
        """Return why no token can be verified, or ``None``."""
        return None if self._index else self._problem

    async def find(self, *, key_id: str | None, algorithm: str) -> PublicKey | None:
        """Return the key that verifies such a token, or ``None``; ``NoKeysError`` where there are no keys.

        For an unknown ``key_id`` the call waits for one more fetch, unless the last one is too recent. A
        token without a key id needs a set in which exactly one key fits its algorithm.
        """
        if self._index and key_id is not None and key_id not in self._ids:
            await self._refreshed()
        if not self._index:
            raise NoKeysError
        return self._index.get((key_id, algorithm))

    async def _refreshed(self) -> None:
        """Wait for the current fetch, or for a new one where the last started long enough ago."""
        if self.task is None or self.task.done():
            return
        if not self._fetching:
            if self._monotonic() - self._started_at < self._schedule.least_interval:
                return
            self._requested.set()
        await self._ended.wait()

    async def _keep_fresh(self) -> None:
        failures = 0
        try:
            async with self._session() as session:
                while True:
                    failures = 0 if await self._fetch_once(session) else failures + 1
                    await self._pause(failures)
        finally:
            self._ended.set()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # Minutes pass between fetches: a kept connection would be dead.
            connector=aiohttp.TCPConnector(force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._schedule.timeout),
            headers=_HEADERS,
            auto_decompress=False,
        )

    async def _pause(self, failures: int) -> None:
        schedule = self._schedule
        cap = schedule.longest_pause if self._index else schedule.longest_pause_without_keys
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff.delay(failures, cap=cap) if failures else schedule.refresh):
                await self._requested.wait()

    async def _fetch_once(self, session: aiohttp.ClientSession) -> bool:
        """Fetch; return whether there are current keys. Where it fails, the former keys stay."""
        self._requested.clear()
        self._started_at, self._fetching = self._monotonic(), True
        try:
            document = await self._document(session)
            self._use(read_key_document(document, algorithms=self._algorithms))
        except KeyDocumentError as error:
            self._failed(str(error))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Not its text, which can quote the response.
            self._failed(type(error).__name__)
        except Exception as error:
            log.exception("token keys could not be read")
            self._failed(type(error).__name__)
        finally:
            self._fetching = False
            ended, self._ended = self._ended, asyncio.Event()
            ended.set()
        return self._fetched == self._started_at and bool(self._index)

    async def _document(self, session: aiohttp.ClientSession) -> bytes:
        # A redirect could lead to a scheme or host that is not trusted.
        async with session.get(self._url, allow_redirects=False) as response:
            if response.status != 200:
                raise KeyDocumentError(f"status {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise KeyDocumentError("compressed")
            document = bytearray()
            async for chunk in response.content.iter_any():
                document += chunk
                if len(document) > MAX_DOCUMENT_BYTES:
                    raise KeyDocumentError(f"more than {MAX_DOCUMENT_BYTES} bytes")
        return bytes(document)

    def _use(self, document: KeyDocument) -> None:
        self._fetches.labels(outcome="fetched").inc()
        self._fetched_at.set_to_current_time()
        self._fetched = self._started_at
        if document.keys != self._keys or self.generation == 0:
            self._keys = document.keys
            self._index = _index(document.keys)
            self._ids = frozenset(key.id for key in document.keys)
            self.generation += 1
            write = log.info if self._index else log.warning
            write("token keys changed", keys=len(document.keys), ignored=document.ignored)
        if not self._index:
            self._problem = f"the set has no key for {', '.join(self._algorithms)}"

    def _failed(self, reason: str) -> None:
        self._fetches.labels(outcome="failed").inc()
        self._problem = f"the set could not be fetched: {reason}"
        age = None if self._fetched is None else round(self._monotonic() - self._fetched)
        log.warning("token keys not fetched", reason=reason, age_seconds=age, keys=len(self._keys))


def _index(keys: tuple[VerificationKey, ...]) -> dict[tuple[str | None, str], PublicKey]:
    """Return the keys by the names that fit exactly one: id and algorithm, or no id and algorithm."""
    index: dict[tuple[str | None, str], PublicKey] = {}
    ambiguous = set()
    for key in keys:
        for name in itertools.product({key.id, None}, key.algorithms):
            if name in index:
                ambiguous.add(name)
            index[name] = key.public
    return {name: public for name, public in index.items() if name not in ambiguous}

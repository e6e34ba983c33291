"""The component that keeps a provider's public keys at hand."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
import structlog
from prometheus_client import Counter, Gauge

from trigger_runtime import backoff
from trigger_runtime.cancelling import cancel
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

# Compressed, a small answer could become a huge one.
_HEADERS: Final = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


class NoKeysError(Exception):
    """Nothing can be verified: no set was fetched yet, or the provider's has no key that can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
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


USUAL: Final = Timing()


class KeySet:
    """A component that fetches the set at ``url``, and goes on with the last good one while it cannot.

    One task does all the fetching, so there is never more than one under way.
    """

    name = "token keys"

    def __init__(
        self, url: str, *, algorithms: Collection[str], metrics: Metrics, timing: Timing = USUAL
    ) -> None:
        self._url = url
        self._algorithms = algorithms
        self._timing = timing
        self._keys: tuple[VerificationKey, ...] = ()
        self._index: dict[tuple[str | None, str], PublicKey] = {}
        self._ids: frozenset[str | None] = frozenset()
        self._trouble = "not fetched yet"
        self._fetched: float | None = None
        self._begun = 0.0
        self._under_way = False
        self._asked = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.generation = 0
        """Another number once the keys are others: what the former ones verified counts no more."""
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

    async def start(self) -> None:
        """Begin to fetch; the provider need not be there."""
        self._task = asyncio.create_task(self._keep_fresh(), name=self.name)

    async def stop(self) -> None:
        """Fetch no more."""
        if self._task is not None:
            await cancel([self._task])

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the component is stopped."""
        return [self._task] if self._task is not None else []

    def check(self) -> str | None:
        """Return why no token can be verified, or ``None``."""
        return None if self._index else self._trouble

    async def find(self, *, key_id: str | None, algorithm: str) -> PublicKey | None:
        """Return the key that verifies such a token, or ``None``; ``NoKeysError`` where there are no keys.

        An unknown ``key_id`` has the set fetched again, once, where that is not too soon, and the call waits
        for it. A token without a key id needs a set in which one key alone fits its algorithm.
        """
        if self._index and key_id is not None and key_id not in self._ids:
            await self._refreshed()
        if not self._index:
            raise NoKeysError
        return self._index.get((key_id, algorithm))

    async def _refreshed(self) -> None:
        """Wait for the fetch under way, or for a new one where the last began long enough ago."""
        if self._task is None or self._task.done():
            return
        if not self._under_way:
            if time.monotonic() - self._begun < self._timing.least_interval:
                return
            self._asked.set()
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
            # Minutes go by between fetches: a kept connection would be found dead.
            connector=aiohttp.TCPConnector(force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timing.timeout),
            headers=_HEADERS,
            auto_decompress=False,
        )

    async def _pause(self, failures: int) -> None:
        timing = self._timing
        cap = timing.longest_pause if self._index else timing.longest_pause_without_keys
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff.delay(failures, cap=cap) if failures else timing.refresh):
                await self._asked.wait()

    async def _fetch_once(self, session: aiohttp.ClientSession) -> bool:
        """Fetch; return whether there are keys as of now. Whatever fails, what there was before stays."""
        self._asked.clear()
        self._begun, self._under_way = time.monotonic(), True
        try:
            document = await self._document(session)
            self._use(read_key_document(document, algorithms=self._algorithms))
        except KeyDocumentError as error:
            self._failed(str(error))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Not its text, which can quote what the server sent.
            self._failed(type(error).__name__)
        except Exception as error:
            log.exception("token keys could not be read")
            self._failed(type(error).__name__)
        finally:
            self._under_way = False
            ended, self._ended = self._ended, asyncio.Event()
            ended.set()
        return self._fetched == self._begun and bool(self._index)

    async def _document(self, session: aiohttp.ClientSession) -> bytes:
        # No redirect is followed: it could lead to another scheme or host than the one that is trusted.
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
        self._fetched = self._begun
        if document.keys != self._keys or self.generation == 0:
            self._keys = document.keys
            self._index = _index(document.keys)
            self._ids = frozenset(key.id for key in document.keys)
            self.generation += 1
            tell = log.info if self._index else log.warning
            tell("token keys changed", keys=len(document.keys), ignored=document.ignored)
        if not self._index:
            self._trouble = f"the set has no key for {', '.join(self._algorithms)}"

    def _failed(self, reason: str) -> None:
        self._fetches.labels(outcome="failed").inc()
        self._trouble = f"the set could not be fetched: {reason}"
        age = None if self._fetched is None else round(time.monotonic() - self._fetched)
        log.warning("token keys not fetched", reason=reason, age_seconds=age, keys=len(self._keys))


def _index(keys: tuple[VerificationKey, ...]) -> dict[tuple[str | None, str], PublicKey]:
    """Return the keys by what names one of them alone: id and algorithm; without an id, the algorithm."""
    index: dict[tuple[str | None, str], PublicKey] = {}
    doubtful = set()
    for key in keys:
        for name in itertools.product({key.id, None}, key.algorithms):
            if name in index:
                doubtful.add(name)
            index[name] = key.public
    return {name: public for name, public in index.items() if name not in doubtful}

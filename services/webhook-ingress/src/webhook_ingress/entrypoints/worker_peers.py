"""One response for all processes behind the port: the one that is asked asks the others."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from trigger_runtime.web.application import json_response

_SECONDS: Final = 2.0
_SUFFIX: Final = ".sock"
_MERGED: Final = frozenset({"/readyz", "/metrics"})


class _Readiness(msgspec.Struct, frozen=True):
    missing: dict[str, str] = {}


class WorkerPeers:
    """Answers ``/readyz`` and ``/metrics`` for every process that listens.

    Each listens on a socket of its own in a directory that only they may enter, from when on it listens on
    the common port. A process that is dead, or is started again and not ready yet, gets no requests, so
    nothing is asked of it: the door is open as long as one is there.
    """

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def socket(self, number: int) -> str:
        """Return where a process listens for the others."""
        return str(self._directory / f"{number}{_SUFFIX}")

    def middleware(self) -> Middleware:
        """Return what responds for all of them; a request on a private socket is for the one alone."""

        @web.middleware
        async def for_all(request: web.Request, handler: Handler) -> web.StreamResponse:
            is_public = isinstance(request.get_extra_info("sockname"), tuple)
            return await (
                self._merged(request) if is_public and request.path in _MERGED else handler(request)
            )

        return for_all

    async def _merged(self, request: web.Request) -> web.StreamResponse:
        replies = await asyncio.gather(
            *(self._ask(number, request.path) for number in await asyncio.to_thread(self._numbers))
        )
        bodies = [(number, body) for number, body in replies if body is not None]
        if request.path == "/metrics":
            registry = CollectorRegistry()
            registry.register(_Merged(bodies))
            return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
        missing = {
            f"worker {number}: {name}": reason
            for number, body in bodies
            for name, reason in msgspec.json.decode(body, type=_Readiness).missing.items()
        }
        status = 503 if missing else 200
        return json_response(
            {"ready": not missing, "missing": missing, "workers": len(bodies)}, status=status
        )

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._directory.glob(f"*{_SUFFIX}") if path.stem.isdecimal())

    async def _ask(self, number: int, path: str) -> tuple[int, bytes | None]:
        connector = aiohttp.UnixConnector(path=self.socket(number))
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get(f"http://worker{path}") as response,
            ):
                return number, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return number, None


class _Merged(Collector):
    """The metrics of all: each sample says in label ``worker`` whose it is."""

    def __init__(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        self._bodies = bodies

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for number, body in self._bodies:
            for family in text_string_to_metric_families(body.decode()):
                merged = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    merged.samples.append(sample._replace(labels={**sample.labels, "worker": str(number)}))
        yield from families.values()

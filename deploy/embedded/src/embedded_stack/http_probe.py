"""One HTTP GET without an HTTP library: importing one would cost the start more than the probes do."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

_POLL_SECONDS = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What came back: the status, or None with the reason in `text`."""

    status: int | None
    text: str


async def get(port: int, *, path: str, timeout_seconds: float = 5.0) -> Probe:
    """GET from 127.0.0.1. Never raises for what the other side does; `text` is at most 64 KiB."""
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                reply = await reader.read(65536)
                while part := await reader.read(65536):
                    reply += part if len(reply) < 65536 else b""
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        return Probe(status=None, text=f"no reply on port {port}: {str(error) or type(error).__name__}")
    head, _, body = reply.partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    if len(words) < 2 or not words[1].isdigit():
        return Probe(status=None, text=f"not HTTP on port {port}")
    return Probe(status=int(words[1]), text=body.decode(errors="replace"))


async def until_ok(port: int, *, path: str) -> None:
    """Returns at the first status 200. The caller sets the deadline."""
    while (await get(port, path=path)).status != 200:  # noqa: ASYNC110 - another process, which sets no event
        await asyncio.sleep(_POLL_SECONDS)

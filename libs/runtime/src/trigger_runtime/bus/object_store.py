"""Large values beside the bus: objects of a JetStream object store, written before what points to them.

The layout is the one that JetStream's clients share (NATS ADR-20: chunks on ``$O.<bucket>.C.<nuid>``, what
is known of the object on ``$O.<bucket>.M.<name>``), so that ``nats object get`` reads it. nats-py's own
``ObjectStore`` is not used: it takes part of its deadlines from ``asyncio.wait_for``, knows no deadline for
a whole object, and reads through a subscription for each object.
"""

import asyncio
import base64
import contextlib
import hashlib
from typing import Final

import msgspec

from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.bus.round_trip import request_reply

_CHUNK_BYTES: Final = 256 * 1024
_HEADROOM: Final = 1024
_READ_SECONDS: Final = 5.0
_PURGE_SECONDS: Final = 0.3

# JetStream API error code (nats-server, server/errors.json).
_NO_MESSAGE_FOUND: Final = 10037


class ObjectMissingError(Exception):
    """There is no such object, or not all of it: it was deleted, or has outlived its store's age limit."""


class ObjectDamagedError(Exception):
    """The bytes are not the ones that were stored."""


class _Options(msgspec.Struct, frozen=True):
    max_chunk_size: int


class _Info(msgspec.Struct, frozen=True):
    name: str
    bucket: str
    nuid: str
    size: int
    chunks: int
    digest: str
    options: _Options
    # Go's zero time, as its client writes it: readers take the time from the message.
    mtime: str = "0001-01-01T00:00:00Z"


class _Part(msgspec.Struct, frozen=True):
    seq: int
    data: bytes = b""


class _Refusal(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = "without a reason"


class _Got(msgspec.Struct, frozen=True):
    message: _Part | None = None
    error: _Refusal | None = None


class ObjectStore:
    """One bucket. Keys are tokens of a subject (``[A-Za-z0-9_-]``), and each is written once.

    The bucket's stream, ``OBJ_<bucket>``, is one of those that the ``Bus`` makes sure of. Where it is full it
    must refuse what is new: an object that was confirmed must not give way to another one.
    """

    def __init__(self, bus: Bus, *, bucket: str) -> None:
        self._bus = bus
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"

    async def put(self, key: str, *, data: bytes, seconds: float) -> str:
        """Store an object; return its SHA-256 (hex) once the bus has confirmed every part of it.

        Raises ``BusUnavailableError`` after ``seconds``, or as soon as the bus refuses a part; what was
        stored of the object until then is deleted, where the bus can still be reached.
        """
        digest = hashlib.sha256(data)
        size = min(_CHUNK_BYTES, self._bus.max_payload - _HEADROOM)
        starts = range(0, len(data), size)
        info = _Info(
            name=key,
            bucket=self._bucket,
            nuid=key,
            size=len(data),
            chunks=len(starts),
            digest=f"SHA-256={base64.urlsafe_b64encode(digest.digest()).decode()}",
            options=_Options(max_chunk_size=size),
        )
        try:
            async with asyncio.timeout(seconds):
                # One after the other: readers take the chunks in the order of their storing.
                for start in starts:
                    await self._bus.publish(self._chunks(key), data[start : start + size], timeout=seconds)
                await self._bus.publish(self._about(key), msgspec.json.encode(info), timeout=seconds)
        except (BusUnavailableError, MessageTooLargeError, TimeoutError) as error:
            await self._discard(key)
            raise BusUnavailableError(f"object not stored: {str(error) or 'not in time'}") from error
        return digest.hexdigest()

    async def get(self, key: str, *, size: int, sha256: str) -> bytes:
        """Return an object of a known size and SHA-256 (hex).

        Raises ``ObjectMissingError``, ``ObjectDamagedError``, or ``BusUnavailableError`` where trying later
        can help.
        """
        data = bytearray()
        after = 0
        while len(data) < size:
            part = await self._next(key, after=after)
            if part is None:
                raise ObjectMissingError(f"object {key}: {len(data)} of {size} bytes are there")
            data += part.data
            after = part.seq
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            raise ObjectDamagedError(f"object {key}: its bytes are not those of its SHA-256")
        return bytes(data)

    async def _next(self, key: str, *, after: int) -> _Part | None:
        """Return the first chunk behind a stream sequence, from the stream's leader."""
        request = msgspec.json.encode({"seq": after + 1, "next_by_subj": self._chunks(key)})
        answer = await request_reply(
            self._bus.client,
            subject=f"$JS.API.STREAM.MSG.GET.{self._stream}",
            data=request,
            timeout=_READ_SECONDS,
            headers={},
        )
        try:
            got = msgspec.json.decode(answer, type=_Got)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise BusUnavailableError("the answer is none of JetStream's") from error
        if got.error is not None and got.error.err_code != _NO_MESSAGE_FOUND:
            raise BusUnavailableError(f"refused: {got.error.description}")
        return got.message

    async def _discard(self, key: str) -> None:
        """Delete what is there of an object that nothing will ever point to; at worst its age deletes it."""
        with contextlib.suppress(BusUnavailableError):
            await request_reply(
                self._bus.client,
                subject=f"$JS.API.STREAM.PURGE.{self._stream}",
                data=msgspec.json.encode({"filter": self._chunks(key)}),
                timeout=_PURGE_SECONDS,
                headers={},
            )

    def _chunks(self, key: str) -> str:
        return f"$O.{self._bucket}.C.{key}"

    def _about(self, key: str) -> str:
        return f"$O.{self._bucket}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"

"""Large values next to the bus: objects of a JetStream object store, written before what points to them.

The layout is that of JetStream's clients (NATS ADR-20: chunks on ``$O.<bucket>.C.<nuid>``, the description
on ``$O.<bucket>.M.<name>``), so that ``nats object get`` reads it. nats-py's own ``ObjectStore`` is not used:
it takes part of its deadlines from ``asyncio.wait_for``, has no deadline for a whole object, and reads
through a subscription for each object.
"""

import asyncio
import base64
import contextlib
import hashlib
from typing import Final

import msgspec

from trigger_runtime.bus import jetstream_api
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError

_CHUNK_BYTES: Final = 256 * 1024
_HEADROOM: Final = 1024
_READ_SECONDS: Final = 5.0
_PURGE_SECONDS: Final = 0.3


class ObjectMissingError(Exception):
    """The object or a part of it is missing: it was deleted, or is older than its store's age limit."""


class ObjectDamagedError(Exception):
    """The bytes differ from those that were stored."""


class ObjectStore:
    """One bucket. Keys are tokens of a subject (``[A-Za-z0-9_-]``), and each is written once.

    The bucket's stream, ``OBJ_<bucket>``, is one of those that the ``Bus`` creates. When it is full it must
    refuse new messages: an object that was confirmed must not give way to another one.
    """

    def __init__(self, bus: Bus, *, bucket: str) -> None:
        self._bus = bus
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"

    async def put(self, key: str, *, data: bytes, seconds: float) -> str:
        """Store an object; return its SHA-256 (hex) once the bus has confirmed every part of it.

        Raises ``BusUnavailableError`` after ``seconds``, or as soon as the bus refuses a part; the parts
        stored until then are deleted, where the bus can still be reached.
        """
        digest = hashlib.sha256(data)
        size = min(_CHUNK_BYTES, self._bus.max_payload - _HEADROOM)
        starts = range(0, len(data), size)
        description = {
            "name": key,
            "bucket": self._bucket,
            "nuid": key,
            "size": len(data),
            "chunks": len(starts),
            "digest": f"SHA-256={base64.urlsafe_b64encode(digest.digest()).decode()}",
            "options": {"max_chunk_size": size},
            # Go's zero time, as its client writes it: readers take the time from the message.
            "mtime": "0001-01-01T00:00:00Z",
        }
        try:
            async with asyncio.timeout(seconds):
                # One after the other: readers take the chunks in the order of their storing.
                for start in starts:
                    await self._bus.publish(self._chunks(key), data[start : start + size], timeout=seconds)
                await self._bus.publish(
                    self._description(key), msgspec.json.encode(description), timeout=seconds
                )
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
            chunk = await jetstream_api.get_message(
                self._bus.client,
                stream=self._stream,
                request={"seq": after + 1, "next_by_subj": self._chunks(key)},
                timeout=_READ_SECONDS,
            )
            if chunk is None:
                raise ObjectMissingError(f"object {key}: {len(data)} of {size} bytes are there")
            data += chunk.data
            after = chunk.sequence
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            raise ObjectDamagedError(f"object {key}: its bytes are not those of its SHA-256")
        return bytes(data)

    async def _discard(self, key: str) -> None:
        """Delete the parts of an object that nothing will ever point to; at worst its age deletes it."""
        with contextlib.suppress(BusUnavailableError):
            await jetstream_api.purge_subject(
                self._bus.client, stream=self._stream, subject=self._chunks(key), timeout=_PURGE_SECONDS
            )

    def _chunks(self, key: str) -> str:
        return f"$O.{self._bucket}.C.{key}"

    def _description(self, key: str) -> str:
        return f"$O.{self._bucket}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"

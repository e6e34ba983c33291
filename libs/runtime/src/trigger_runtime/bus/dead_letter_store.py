"""Dead letters as an operator meets them: list, read, requeue, drop. It knows bytes and headers only."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from trigger_runtime.bus import jetstream_api
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.dead_letters import (
    ATTEMPTS,
    DATA_LEFT_IN,
    OURS,
    REASON,
    SEQUENCE,
    SUBJECT,
)
from trigger_runtime.bus.jetstream_api import StoredMessage

_TIMEOUT: Final = 5.0
_LETTER_SUBJECT: Final = re.compile(r"[^.]+\.(?P<stream>[^.]+)\.(?P<durable>[^.]+)")


class UnknownLetterError(LookupError):
    """No dead letter of the owner has this sequence; the text says what has."""


class NotRequeuedError(RuntimeError):
    """The message cannot go back to its stream; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that a durable consumer gave up on.

    ``sequence`` is the letter's own, in the stream of dead letters; ``message_sequence`` is that of the
    message in ``stream``. ``headers`` are the message's own. ``data`` is ``None`` where the letter had no
    room for it and it is in ``stream`` only.
    """

    sequence: int
    stored_at: datetime
    stream: str
    durable: str
    subject: str
    message_sequence: int
    attempts: int
    reason: str
    headers: Mapping[str, str]
    data: bytes | None


class DeadLetterStore:
    """The letters in one stream, whose subjects end in ``<stream>.<durable>``.

    Every method raises ``BusUnavailableError`` while the bus cannot be used.
    """

    def __init__(self, bus: Bus, *, stream: str, owner: str | None = None) -> None:
        """``owner`` limits all of it to the durables of one service, which begin with its name."""
        self._bus = bus
        self._stream = stream
        self._owner = owner

    async def letters(self, *, after: int = 0, durable: str | None = None) -> AsyncIterator[DeadLetter]:
        """Yield the letters behind a sequence, oldest first; those of one durable where it is named."""
        while True:
            message = await self._get({"seq": after + 1, "next_by_subj": ">"})
            if message is None:
                return
            after = message.sequence
            letter = _letter(message)
            if letter is not None and self._owns(letter) and durable in (None, letter.durable):
                yield letter

    async def get(self, sequence: int) -> DeadLetter:
        """Return one letter. Raises ``UnknownLetterError``."""
        message = await self._get({"seq": sequence}) if sequence > 0 else None
        if message is None:
            raise UnknownLetterError(f"there is no dead letter {sequence}")
        letter = _letter(message)
        if letter is None:
            raise UnknownLetterError(f"{sequence} is no letter: no consumer wrote it ({message.subject})")
        if not self._owns(letter):
            raise UnknownLetterError(f"letter {sequence} is one of {letter.durable}, not of {self._owner}")
        return letter

    async def requeue(self, sequence: int) -> DeadLetter:
        """Publish the message again on its own subject, then delete the letter; return it.

        Every durable consumer of the stream reads it again, so each has to know what it has handled. The
        letter goes only after the bus has confirmed the message. Where this ends in between, the letter is
        still there, and requeueing it once more is dropped by the bus (within the stream's duplicate window)
        or handled a second time.
        Raises ``UnknownLetterError`` or ``NotRequeuedError``.
        """
        letter = await self.get(sequence)
        await self._require_queue(letter)
        data = letter.data if letter.data is not None else await self._data_left(letter)
        await self._bus.publish(
            letter.subject,
            data,
            message_id=f"requeue:{self._stream}:{sequence}",
            headers={**letter.headers, "Requeued-Letter": str(sequence)},
        )
        await self._delete(sequence)
        return letter

    async def drop(self, sequence: int) -> DeadLetter:
        """Delete a letter for good; return it. Raises ``UnknownLetterError``."""
        letter = await self.get(sequence)
        await self._delete(sequence)
        return letter

    def _owns(self, letter: DeadLetter) -> bool:
        return self._owner is None or letter.durable.startswith(f"{self._owner}-")

    async def _get(self, request: Mapping[str, object], *, stream: str | None = None) -> StoredMessage | None:
        return await jetstream_api.get_message(
            self._bus.client, stream=stream or self._stream, request=request, timeout=_TIMEOUT
        )

    async def _delete(self, sequence: int) -> None:
        await jetstream_api.delete_message(
            self._bus.client, stream=self._stream, sequence=sequence, timeout=_TIMEOUT
        )

    async def _require_queue(self, letter: DeadLetter) -> None:
        """Refuse a stream of states: an old state must not become the last of its subject."""
        limit = await jetstream_api.max_per_subject(self._bus.client, stream=letter.stream, timeout=_TIMEOUT)
        if limit > 0:
            raise NotRequeuedError(
                f"stream {letter.stream} holds the latest state of each subject, and this is an older one."
                " Publish the state again where it comes from, then drop the letter."
            )

    async def _data_left(self, letter: DeadLetter) -> bytes:
        message = await self._get({"seq": letter.message_sequence}, stream=letter.stream)
        if message is None:
            raise NotRequeuedError(
                f"the letter has no data, and stream {letter.stream} no longer has message"
                f" {letter.message_sequence}"
            )
        return message.data


def _letter(message: StoredMessage) -> DeadLetter | None:
    """Return the letter that a message is; ``None`` for what no consumer wrote."""
    place = _LETTER_SUBJECT.fullmatch(message.subject)
    headers = message.headers
    sequence = headers.get(SEQUENCE, "")
    if place is None or SUBJECT not in headers or not sequence.isdecimal():
        return None
    attempts = headers.get(ATTEMPTS, "")
    return DeadLetter(
        sequence=message.sequence,
        stored_at=message.stored_at,
        stream=place["stream"],
        durable=place["durable"],
        subject=headers[SUBJECT],
        message_sequence=int(sequence),
        attempts=int(attempts) if attempts.isdecimal() else 0,
        reason=headers.get(REASON, ""),
        headers={
            name: value
            for name, value in headers.items()
            if name not in OURS and not name.startswith("Nats-") and name != "Requeued-Letter"
        },
        data=None if DATA_LEFT_IN in headers else message.data,
    )

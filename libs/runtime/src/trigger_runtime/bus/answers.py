"""What JetStream answers, read strictly: whatever is no answer of its is an outage, not a surprise."""

from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

# JetStream API error codes (nats-server, server/errors.json).
_NO_MESSAGE_FOUND: Final = 10037
_MESSAGE_OVER_STREAM_LIMIT: Final = 10054
# With the sequence in its text, and without, as newer servers say it while another message is under way.
_WRONG_LAST_SEQUENCE: Final = (10071, 10164)


class BusUnavailableError(Exception):
    """The bus did not confirm: it is away, slow or full. Trying again later can help."""


class WrongLastSequenceError(BusUnavailableError):
    """Another message came first: what was read before is to be read again."""


class MessageTooLargeError(Exception):
    """The message is over the server's ``max_payload``; trying again cannot help."""


class StoredMessage(msgspec.Struct, frozen=True):
    """A message of a stream, and its place in it."""

    sequence: int
    data: bytes


class _Refusal(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = "without a reason"


class _Stored(msgspec.Struct, frozen=True):
    seq: int | None = None
    error: _Refusal | None = None


class _Message(msgspec.Struct, frozen=True):
    seq: int
    data: bytes = b""


class _Got(msgspec.Struct, frozen=True):
    message: _Message | None = None
    error: _Refusal | None = None


def confirmed(answer: bytes, *, size: int, subject: str) -> int:
    """Return the stream sequence in the answer to a publish of ``size`` bytes.

    Raises ``BusUnavailableError``, ``WrongLastSequenceError`` or ``MessageTooLargeError``.
    """
    stored = _read(answer, kind=_Stored)
    if stored.error is not None:
        if stored.error.err_code == _MESSAGE_OVER_STREAM_LIMIT:
            raise MessageTooLargeError(f"{size} bytes for {subject}")
        if stored.error.err_code in _WRONG_LAST_SEQUENCE:
            raise WrongLastSequenceError(f"refused: {stored.error.description}")
        raise BusUnavailableError(f"refused: {stored.error.description}")
    if stored.seq is None:
        raise BusUnavailableError("the answer is no confirmation")
    return stored.seq


def last_message(answer: bytes) -> StoredMessage | None:
    """Return the message in the answer to ``STREAM.MSG.GET``, ``None`` where there is no message.

    Raises ``BusUnavailableError``.
    """
    got = _read(answer, kind=_Got)
    if got.error is not None:
        if got.error.err_code == _NO_MESSAGE_FOUND:
            return None
        raise BusUnavailableError(f"refused: {got.error.description}")
    if got.message is None:
        raise BusUnavailableError("the answer holds no message")
    return StoredMessage(sequence=got.message.seq, data=got.message.data)


def _read(answer: bytes, *, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BusUnavailableError("the answer is none of JetStream's") from error

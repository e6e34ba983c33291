"""JetStream's API: requests, and replies that are read strictly.

Any client may subscribe to a subject and reply there, so a reply that is not JetStream's counts as an outage.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

# JetStream API error codes (nats-server, server/errors.json).
_NO_MESSAGE: Final = 10037
_NO_SUCH_SEQUENCE: Final = 10043
_MESSAGE_OVER_STREAM_LIMIT: Final = 10054
# The second is what newer servers reply while another message is in progress.
_WRONG_LAST_SEQUENCE: Final = (10071, 10164)
# "The store failed", for which a limit of the stream is one reason: only the text tells it apart.
_STORE_FAILED: Final = 10077
_LIMIT_REACHED: Final = re.compile(r"maximum \w+( per subject)? exceeded")


class BusUnavailableError(Exception):
    """The bus did not confirm: it is away, slow or full. Trying again later can help."""


class WrongLastSequenceError(BusUnavailableError):
    """Another message came first: read again before the next try."""


class StreamFullError(BusUnavailableError):
    """The stream is at one of its limits and refuses new messages, which it does until an operator acts."""


class MessageTooLargeError(Exception):
    """The message is over the server's ``max_payload``; trying again cannot help."""


OUTAGE: Final[tuple[type[Exception], ...]] = (BusUnavailableError, nats_errors.Error, TimeoutError, OSError)
"""What the client library and this package raise while the bus cannot be used."""


def describe(error: BaseException) -> str:
    """Return an error's text; some of the client's errors have only their class."""
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a stream. ``attempt`` is 1 for its first delivery to this consumer."""

    subject: str
    data: bytes
    stream: str
    sequence: int
    attempt: int
    pending: int
    stored_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


def received(message: Msg) -> Received:
    """Return the message with the metadata of its reply subject."""
    metadata = message.metadata
    return Received(
        subject=message.subject,
        data=message.data,
        stream=metadata.stream,
        sequence=metadata.sequence.stream,
        attempt=metadata.num_delivered or 1,
        pending=metadata.num_pending or 0,
        stored_at=metadata.timestamp,
        headers=message.headers or {},
    )


class StoredMessage(msgspec.Struct, frozen=True):
    """A message of a stream, and its place in it."""

    sequence: int = msgspec.field(name="seq")
    data: bytes = b""
    subject: str = ""
    header_block: bytes = msgspec.field(name="hdrs", default=b"")
    stored_at: datetime = msgspec.field(name="time", default=datetime.min.replace(tzinfo=UTC))

    @property
    def headers(self) -> dict[str, str]:
        """The headers, of a repeated name the last one. What is no header line is left out."""
        lines = self.header_block.decode("utf-8", "replace").split("\r\n")[1:]
        named = (line.partition(":") for line in lines)
        return {name: value.strip() for name, colon, value in named if colon}


class _StreamCounts(msgspec.Struct, frozen=True):
    last_seq: int
    messages: int
    num_subjects: int = 0


class _StreamSettings(msgspec.Struct, frozen=True):
    max_msgs_per_subject: int = -1


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """``created`` tells a stream from another one of its name; ``subjects`` is how many have a message."""

    created: str
    last_sequence: int
    messages: int
    subjects: int


class _Error(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = "without a reason"


class _Reply(msgspec.Struct, frozen=True):
    """The members of all replies that are read here; each has some of them."""

    error: _Error | None = None
    seq: int | None = None
    message: StoredMessage | None = None
    created: str | None = None
    state: _StreamCounts | None = None
    config: _StreamSettings | None = None


_decoder: Final = msgspec.json.Decoder(_Reply)


async def request_reply(
    client: Client, *, subject: str, data: bytes, timeout: float, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return the reply. Raises ``BusUnavailableError`` or ``ValueError`` for a wrong subject or header."""
    # Checked before the client library does: it keeps a reply slot for ever for each refused request.
    if not client.is_connected:
        raise BusUnavailableError("connection lost")
    try:
        # One deadline, here: the library's own is ``asyncio.wait_for``, which in Python 3.11 can
        # swallow a cancellation that meets the reply.
        async with asyncio.timeout(timeout):
            reply = await client.request(
                subject,
                data,
                timeout=None,  # type: ignore[arg-type]
                headers=dict(headers or {}) or None,
            )
    except (nats_errors.BadSubjectError, nats_errors.BadHeaderError) as error:
        raise ValueError(f"cannot be published: {describe(error)}") from error
    except OUTAGE as error:
        raise BusUnavailableError(describe(error)) from error
    return bytes(reply.data)


async def publish(
    client: Client, *, subject: str, data: bytes, timeout: float, headers: Mapping[str, str]
) -> int:
    """Store a message; return its stream sequence.

    Raises ``BusUnavailableError`` (of which ``StreamFullError`` and ``WrongLastSequenceError`` are two),
    ``MessageTooLargeError`` or ``ValueError``.
    """
    reply = _read(await request_reply(client, subject=subject, data=data, timeout=timeout, headers=headers))
    if reply.error is not None:
        if reply.error.err_code == _MESSAGE_OVER_STREAM_LIMIT:
            raise MessageTooLargeError(f"{len(data)} bytes for {subject}")
        if reply.error.err_code in _WRONG_LAST_SEQUENCE:
            raise WrongLastSequenceError(f"refused: {reply.error.description}")
        if reply.error.err_code == _STORE_FAILED and _LIMIT_REACHED.search(reply.error.description):
            raise StreamFullError(f"refused: {reply.error.description}")
        raise _refused(reply.error)
    if reply.seq is None:
        raise BusUnavailableError("the reply does not confirm")
    return reply.seq


async def get_message(
    client: Client, *, stream: str, request: Mapping[str, Any], timeout: float
) -> StoredMessage | None:
    """Return a message from the stream's leader, ``None`` where no message fits the request.

    ``request`` is that of ``STREAM.MSG.GET``, e.g. ``{"last_by_subj": "things.a"}``.
    Raises ``BusUnavailableError``, also where the stream does not exist.
    """
    reply = await _call(client, subject=f"STREAM.MSG.GET.{stream}", request=request, timeout=timeout)
    if reply.error is not None:
        if reply.error.err_code == _NO_MESSAGE:
            return None
        raise _refused(reply.error)
    if reply.message is None:
        raise BusUnavailableError("the reply has no message")
    return reply.message


async def stream_state(client: Client, *, stream: str, timeout: float = 5.0) -> StreamState:
    """Ask the stream's leader. Raises ``BusUnavailableError``, also where the stream does not exist."""
    reply = await _call(client, subject=f"STREAM.INFO.{stream}", request={}, timeout=timeout)
    if reply.error is not None:
        raise _refused(reply.error)
    if reply.created is None or reply.state is None:
        raise BusUnavailableError("the reply has no state of a stream")
    return StreamState(
        created=reply.created,
        last_sequence=reply.state.last_seq,
        messages=reply.state.messages,
        subjects=reply.state.num_subjects,
    )


async def max_per_subject(client: Client, *, stream: str, timeout: float) -> int:
    """Return how many messages of a subject the stream keeps, -1 for all. Raises ``BusUnavailableError``."""
    reply = await _call(client, subject=f"STREAM.INFO.{stream}", request={}, timeout=timeout)
    if reply.error is not None:
        raise _refused(reply.error)
    if reply.config is None:
        raise BusUnavailableError("the reply has no settings of a stream")
    return reply.config.max_msgs_per_subject


async def delete_message(client: Client, *, stream: str, sequence: int, timeout: float) -> None:
    """Delete one message, also where it is deleted already. Raises ``BusUnavailableError``."""
    request = {"seq": sequence, "no_erase": True}
    reply = await _call(client, subject=f"STREAM.MSG.DELETE.{stream}", request=request, timeout=timeout)
    if reply.error is not None and reply.error.err_code not in (_NO_MESSAGE, _NO_SUCH_SEQUENCE):
        raise _refused(reply.error)


async def purge_subject(client: Client, *, stream: str, subject: str, timeout: float) -> None:
    """Delete the messages of a subject. Raises ``BusUnavailableError``."""
    reply = await _call(
        client, subject=f"STREAM.PURGE.{stream}", request={"filter": subject}, timeout=timeout
    )
    if reply.error is not None:
        raise _refused(reply.error)


async def _call(client: Client, *, subject: str, request: Mapping[str, Any], timeout: float) -> _Reply:
    data = msgspec.json.encode(request)
    return _read(await request_reply(client, subject=f"$JS.API.{subject}", data=data, timeout=timeout))


def _read(reply: bytes) -> _Reply:
    try:
        return _decoder.decode(reply)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BusUnavailableError("not a reply of JetStream") from error


def _refused(error: _Error) -> BusUnavailableError:
    return BusUnavailableError(f"refused: {error.description}")

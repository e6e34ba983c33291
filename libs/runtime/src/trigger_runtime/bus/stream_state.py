"""What a stream holds: numbers that the client library does not pass on."""

import msgspec

from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.round_trip import request_reply


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """``created`` tells a stream from another one of its name; ``subjects`` is how many have a message."""

    created: str
    last_sequence: int
    messages: int
    subjects: int


class _State(msgspec.Struct, frozen=True):
    last_seq: int
    messages: int
    num_subjects: int = 0


class _Info(msgspec.Struct, frozen=True):
    created: str
    state: _State


async def stream_state(bus: Bus, *, stream: str, timeout: float = 5.0) -> StreamState:
    """Ask the stream's leader. Raises ``BusUnavailableError``, also where there is no such stream."""
    subject = f"$JS.API.STREAM.INFO.{stream}"
    answer = await request_reply(bus.client, subject=subject, data=b"", timeout=timeout, headers={})
    try:
        info = msgspec.json.decode(answer, type=_Info)
    except msgspec.MsgspecError as error:
        raise BusUnavailableError(f"nothing is known of stream {stream}") from error
    return StreamState(
        created=info.created,
        last_sequence=info.state.last_seq,
        messages=info.state.messages,
        subjects=info.state.num_subjects,
    )

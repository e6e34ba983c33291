"""Streams that exist: created as they are described, left alone where they are there."""

from collections.abc import Sequence
from typing import Protocol

from nats.js import JetStreamContext, api
from nats.js import errors as js_errors


class StreamShape(Protocol):
    """How a stream is created where it does not exist (``trigger_contracts.streams`` has them all)."""

    @property
    def name(self) -> str: ...
    @property
    def subjects(self) -> Sequence[str]: ...
    @property
    def when_full(self) -> str:
        """``new`` refuses new messages at a limit, ``old`` drops the oldest."""

    @property
    def max_age_seconds(self) -> int:
        """0 keeps for ever."""

    @property
    def max_bytes(self) -> int:
        """-1 is no limit, here and below."""

    @property
    def max_per_subject(self) -> int: ...
    @property
    def duplicate_window_seconds(self) -> int: ...


async def ensure(js: JetStreamContext, *, stream: StreamShape, replicas: int) -> None:
    """Create a stream that is missing. One that exists is its operator's, or a newer release's, and stays."""
    try:
        await js.stream_info(stream.name)
    except js_errors.NotFoundError:
        config = api.StreamConfig(
            name=stream.name,
            subjects=list(stream.subjects),
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy(stream.when_full),
            max_age=stream.max_age_seconds,
            max_bytes=stream.max_bytes,
            max_msgs_per_subject=stream.max_per_subject,
            duplicate_window=stream.duplicate_window_seconds,
            num_replicas=replicas,
            # Direct reads may be answered by a follower that lags; ours must see what was confirmed.
            allow_direct=False,
        )
        try:
            await js.add_stream(config)
        except js_errors.BadRequestError:
            # Another service created it between the look and the leap; anything else is raised again.
            await js.stream_info(stream.name)

"""How a stream is created where it does not exist."""

from collections.abc import Sequence
from typing import Protocol

from nats.js import JetStreamContext, api
from nats.js import errors as js_errors


class StreamDefinition(Protocol):
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


async def ensure_stream(js: JetStreamContext, *, stream: StreamDefinition, replicas: int) -> None:
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
            # Without it a stream that refuses new messages would drop old ones at this limit.
            discard_new_per_subject=stream.when_full == "new" and stream.max_per_subject > 0,
            duplicate_window=stream.duplicate_window_seconds,
            num_replicas=replicas,
            # Direct reads may be served by a follower that lags; ours must see what was confirmed.
            allow_direct=False,
        )
        try:
            await js.add_stream(config)
        except js_errors.BadRequestError:
            # Another service created it after the look; any other reason is raised again.
            await js.stream_info(stream.name)

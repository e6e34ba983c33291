"""The facts that are on ``SCHEDULES``, in memory."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from scheduler_sync.usecases.said import Said
from trigger_contracts import schedules, streams
from trigger_contracts.codec import ContractError
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)

_PREFIX: Final = streams.SCHEDULES.subjects[0].removesuffix("*")


class FactsStream:
    """Follows ``schedules.*``: what this replica says comes back, and so does what others say."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._position: int | None = None

    async def position(self) -> int | None:
        """Return where to go on following."""
        return self._position

    async def apply(self, batch: Sequence[Received]) -> None:
        """Take each fact for said."""
        for message in batch:
            try:
                self._said.apply(schedules.FACTS.decode(message.data), sequence=message.sequence)
            except ContractError as error:
                # Of a newer release, or none at all: it will be said again.
                log.warning("fact not understood", subject=message.subject, reason=str(error))
                self._forget(message)
        self._position = batch[-1].sequence

    def on_stream_recreated(self) -> None:
        """Take nothing for said: the stream was made anew."""
        self._said.forget_all()

    def _forget(self, message: Received) -> None:
        try:
            trigger_id = UUID(message.subject.removeprefix(_PREFIX))
        except ValueError:
            return
        self._said.forget(trigger_id, sequence=message.sequence)

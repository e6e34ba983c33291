"""Whose a trigger is, from ``CONFIG``: all that this service knows of triggers."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog

from execution_recorder.ports import OwnersUnknownError
from trigger_contracts import config
from trigger_contracts.codec import ContractError
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)

_PATIENCE_SECONDS: Final = 1.0
"""How long an unknown trigger may still be on its way here: the API answers 201 before all services know."""


class TriggerOwners:
    """The workspace of every trigger, deleted ones too: their history stays their workspace's.

    ``missing`` returns why not every trigger can be known now, or ``None``.
    """

    def __init__(self, *, missing: Callable[[], str | None]) -> None:
        self._missing = missing
        self._owners: dict[UUID, str] = {}
        self._sequence: int | None = None
        self._grown = asyncio.Event()

    async def owner(self, trigger_id: UUID) -> str | None:
        """Return a trigger's workspace; ``None`` for one that is still unknown after a moment.

        Raises ``OwnersUnknownError`` where not every trigger can be known now.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while trigger_id not in self._owners:
                    await self._grown.wait()
        except TimeoutError:
            if (reason := self._missing()) is not None:
                raise OwnersUnknownError(reason) from None
            return None
        return self._owners[trigger_id]

    async def position(self) -> int | None:
        """Return the last applied sequence of the stream."""
        return self._sequence

    async def apply(self, batch: Sequence[Received]) -> None:
        """Apply messages of ``config.trigger.*`` in their order."""
        for message in batch:
            try:
                trigger = config.TRIGGERS.decode(message.data).trigger
            except ContractError as error:
                log.error("message skipped", subject=message.subject, reason=str(error))
                continue
            self._owners[trigger.id] = trigger.workspace
        self._sequence = batch[-1].sequence
        self._grown.set()
        self._grown = asyncio.Event()

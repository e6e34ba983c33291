"""Whose a trigger is, from ``CONFIG``: all that this service knows of triggers."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import structlog

from execution_recorder.ports import OwnersUnknownError
from trigger_contracts import config, streams
from trigger_contracts.codec import ContractError
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)

_PATIENCE_SECONDS: Final = 1.0
"""How long an unknown trigger may still be on its way here: the API answers 201 before all services know."""


class TriggerOwners:
    """A component that follows every trigger, deleted ones too: their history stays their workspace's."""

    name = "trigger owners"

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._owners: dict[UUID, str] = {}
        self._position: int | None = None
        self._grown = asyncio.Event()
        self._follower = Follower(
            bus,
            name="trigger owners",
            stream=streams.CONFIG.name,
            subjects=[streams.CONFIG_TRIGGERS],
            position=self._at,
            apply=self._apply,
        )

    async def start(self) -> None:
        """Begin to follow."""
        await self._follower.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._follower.stop()

    def tasks(self) -> Iterable[asyncio.Task[Any]]:
        """Return what must not end by itself."""
        return self._follower.tasks()

    def check(self) -> str | None:
        """Return why not every trigger is known yet, or ``None``."""
        return self._follower.check()

    async def owner(self, trigger_id: UUID) -> str | None:
        """Return a trigger's workspace; ``None`` for one that is still unknown after a moment.

        Raises ``OwnersUnknownError`` where not every trigger can be known now.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while trigger_id not in self._owners:
                    await self._grown.wait()
        except TimeoutError:
            if (reason := self.check() or self._bus.check()) is not None:
                raise OwnersUnknownError(reason) from None
            return None
        return self._owners[trigger_id]

    async def _at(self) -> int | None:
        return self._position

    async def _apply(self, batch: Sequence[Received]) -> None:
        for message in batch:
            try:
                trigger = config.TRIGGERS.decode(message.data).trigger
            except ContractError as error:
                log.error("message skipped", subject=message.subject, reason=str(error))
                continue
            self._owners[trigger.id] = trigger.workspace
        self._position = batch[-1].sequence
        self._grown.set()
        self._grown = asyncio.Event()

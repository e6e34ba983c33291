"""Which workspace a trigger belongs to, from ``CONFIG``: all that this service knows of triggers."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog

from trigger_contracts import config
from trigger_contracts.codec import ContractError
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)

_PATIENCE_SECONDS: Final = 1.0
"""How long a new trigger may take to arrive here: the API responds 201 before all services know it."""


class WorkspacesUnavailableError(Exception):
    """The workspace of a trigger cannot be known now."""


class TriggerWorkspaces:
    """A directory of every trigger, deleted ones too: their history stays in their workspace."""

    def __init__(self, *, check: Callable[[], str | None]) -> None:
        """``check`` returns why not every trigger is known now, or ``None``."""
        self._check = check
        self._workspaces: dict[UUID, str] = {}
        self._position: int | None = None
        self._grown = asyncio.Event()

    async def workspace_of(self, trigger_id: UUID) -> str | None:
        """Return a trigger's workspace; ``None`` for one that is still unknown after a moment.

        Raises ``WorkspacesUnavailableError``.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while trigger_id not in self._workspaces:
                    await self._grown.wait()
        except TimeoutError:
            if (reason := self._check()) is not None:
                raise WorkspacesUnavailableError(reason) from None
            return None
        return self._workspaces[trigger_id]

    async def position(self) -> int | None:
        """Return the last applied stream sequence."""
        return self._position

    async def apply(self, batch: Sequence[Received]) -> None:
        """Apply states."""
        for message in batch:
            try:
                trigger = config.TRIGGERS.decode(message.data).trigger
            except ContractError as error:
                log.error("message skipped", subject=message.subject, reason=str(error))
                continue
            self._workspaces[trigger.id] = trigger.workspace
        self._position = batch[-1].sequence
        self._grown.set()
        self._grown = asyncio.Event()

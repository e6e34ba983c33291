"""Checking configurations, and foretelling schedules, beside the loop where that takes a while."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from trigger_api.domain import config_rules
from trigger_api.domain.timetables import is_worked_out
from trigger_contracts.config import AnyTriggerConfig
from trigger_runtime.fair_slots import FairSlots
from trigger_validation import FieldError

T = TypeVar("T")

_AT_ONCE: Final = 2
"""Of those that take a while: more would only share the processor."""


class NotWorkedOutError(Exception):
    """A configuration is to be worked out first, while nothing is held that others wait for."""

    def __init__(self, config: AnyTriggerConfig) -> None:
        super().__init__("the configuration has not been worked out")
        self.config = config


class Workshop:
    """Others are served meanwhile, and no workspace keeps the others waiting for all that it asks for."""

    def __init__(self) -> None:
        self._slots = FairSlots(_AT_ONCE)

    async def field_errors_of(self, config: AnyTriggerConfig, *, workspace: str) -> list[FieldError]:
        """Return everything that is wrong with a configuration: see ``config_rules.field_errors_of``."""
        if is_worked_out(config):
            return config_rules.field_errors_of(config)
        return await self.beside(lambda: config_rules.field_errors_of(config), workspace=workspace)

    def known_field_errors(self, config: AnyTriggerConfig) -> list[FieldError]:
        """Return the same at once. Raises ``NotWorkedOutError``: then ask ``field_errors_of`` before."""
        if is_worked_out(config):
            return config_rules.field_errors_of(config)
        # What is wrong at sight is never worked out, so it would be asked for again and again.
        if errors := config_rules.cheap_field_errors(config):
            return errors
        raise NotWorkedOutError(config)

    async def beside(self, work: Callable[[], T], *, workspace: str) -> T:
        """Do some work in a thread, when it is the workspace's turn."""
        async with self._slots.of(workspace):
            return await asyncio.to_thread(work)

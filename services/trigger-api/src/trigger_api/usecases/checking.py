"""Checking configurations, beside the loop where that takes a while."""

import asyncio
from typing import Final

from trigger_api.domain import config_rules
from trigger_api.domain.flaw import Flaw
from trigger_contracts.config import AnyTriggerConfig, DstPolicy, ScheduleConfig

_AT_ONCE: Final = 2
"""Of those that take a while: more would only share the processor."""


class ConfigChecks:
    """Others are served meanwhile."""

    def __init__(self) -> None:
        self._slow = asyncio.Semaphore(_AT_ONCE)

    async def flaws_of(self, config: AnyTriggerConfig) -> list[Flaw]:
        """Return everything that is wrong with a configuration: see ``config_rules.flaws_of``."""
        if not _is_slow(config):
            return config_rules.flaws_of(config)
        async with self._slow:
            return await asyncio.to_thread(config_rules.flaws_of, config)


def _is_slow(config: AnyTriggerConfig) -> bool:
    """Tell whether it may take more than some milliseconds: the policy ``shift`` takes up to two seconds."""
    return isinstance(config, ScheduleConfig) and config.dst_policy is DstPolicy.SHIFT

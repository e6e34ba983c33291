"""Checks of a configuration, in a thread where its timetable takes a while."""

from trigger_api.domain import config_rules
from trigger_contracts.config import AnyTriggerConfig, ScheduleConfig
from trigger_cron import is_cached
from trigger_runtime.concurrency import FairThreads
from trigger_validation import FieldError


async def config_errors(
    config: AnyTriggerConfig, *, threads: FairThreads, workspace: str
) -> list[FieldError]:
    """Return everything that is wrong with a configuration: see ``config_rules.field_errors_of``."""
    if _is_quick(config):
        return config_rules.field_errors_of(config)
    return await threads.run(lambda: config_rules.field_errors_of(config), owner=workspace)


def _is_quick(config: AnyTriggerConfig) -> bool:
    return not isinstance(config, ScheduleConfig) or is_cached(config)

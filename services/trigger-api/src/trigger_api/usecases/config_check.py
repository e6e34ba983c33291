"""Checks of a configuration, in a thread where its timetable takes a while."""

from trigger_api.domain import config_rules
from trigger_contracts.config import AnyTriggerConfig, ScheduleConfig
from trigger_cron import is_cached
from trigger_runtime.fair_threads import FairThreads
from trigger_validation import FieldError


class NotComputedError(Exception):
    """The timetable of a configuration is to be computed first, while nothing is held that others need."""

    def __init__(self, config: AnyTriggerConfig) -> None:
        super().__init__("the timetable is not computed yet")
        self.config = config


async def config_errors(
    config: AnyTriggerConfig, *, threads: FairThreads, workspace: str
) -> list[FieldError]:
    """Return everything that is wrong with a configuration: see ``config_rules.field_errors_of``."""
    if _is_quick(config):
        return config_rules.field_errors_of(config)
    return await threads.run(lambda: config_rules.field_errors_of(config), owner=workspace)


def known_config_errors(config: AnyTriggerConfig) -> list[FieldError]:
    """Return the same at once. Raises ``NotComputedError``: then call ``config_errors`` before."""
    if _is_quick(config):
        return config_rules.field_errors_of(config)
    # With these errors the timetable is never computed, so it would be asked for again and again.
    if errors := config_rules.cheap_field_errors(config):
        return errors
    raise NotComputedError(config)


def _is_quick(config: AnyTriggerConfig) -> bool:
    return not isinstance(config, ScheduleConfig) or is_cached(config)

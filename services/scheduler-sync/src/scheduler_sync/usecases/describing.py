"""What Temporal has for a trigger at this moment."""

from typing import Final
from uuid import UUID

import msgspec

from scheduler_sync.domain.live import status_of
from scheduler_sync.ports import LiveSchedules
from trigger_contracts.schedule_requests import ScheduleDescribed
from trigger_contracts.schedules import schedule_id

_DESCRIBED: Final = 10
"""Times each way in a description: what Temporal gives, and what the contract allows."""


async def describe_schedule(trigger_id: UUID, *, schedules: LiveSchedules) -> ScheduleDescribed:
    """Return what Temporal has for a trigger at this moment; a paused schedule has no next fire.

    Raises ``TemporalAwayError``.
    """
    found = await schedules.live(schedule_id(trigger_id))
    described = ScheduleDescribed(
        trigger_id=trigger_id, schedule_id=schedule_id(trigger_id), status=status_of(found)
    )
    if found is None:
        return described
    return msgspec.structs.replace(
        described,
        next_fire_times=() if found.paused else found.next_fire_times[:_DESCRIBED],
        recent_fire_times=found.recent_fire_times[-_DESCRIBED:],
        running_workflow_ids=found.running_workflow_ids,
    )

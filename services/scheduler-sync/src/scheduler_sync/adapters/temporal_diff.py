"""Whether Temporal has a schedule as it was sent.

A description returns what was sent, in the forms that the client gives it: a list comes back as a tuple, the
input as a payload, and some of what was left out as an empty value.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.client import Schedule, ScheduleActionStartWorkflow

from trigger_contracts.workflow_io import TriggeredInput
from trigger_runtime.temporal import DATA_CONVERTER


def is_equivalent(actual: Schedule, sent: Schedule) -> bool:
    """Tell whether the actual schedule does what was sent, at the same times, under the same rules.

    Neither the note counts nor whether it is paused; a plan has steps for them.
    """
    return bool(_comparable(actual) == _comparable(sent))


def _comparable(schedule: Schedule) -> Any:
    action = schedule.action
    if isinstance(action, ScheduleActionStartWorkflow):
        action = dataclasses.replace(
            action,
            args=[_decoded(arg, kind=TriggeredInput) for arg in action.args],
            static_summary=_decoded(action.static_summary, kind=str),
        )
    state = dataclasses.replace(schedule.state, note=None, paused=False)
    return _normalised(dataclasses.replace(schedule, action=action, state=state))


def _decoded(value: Any, *, kind: type) -> Any:
    """Return what a payload holds, or the payload itself where it holds something else.

    As a struct: a release that adds a field to the input would find every schedule of the release before
    edited, if it compared bytes.
    """
    if not isinstance(value, Payload):
        return value
    try:
        return DATA_CONVERTER.payload_converter.from_payload(value, kind)
    except (KeyError, ValueError, RuntimeError, RecursionError):
        # Of another encoding, or of another type (msgspec's errors are ValueErrors).
        return value


def _normalised(value: Any) -> Any:
    """Return a value in one form, with ``None`` for what is empty."""
    if isinstance(value, Payload):
        return (dict(value.metadata), value.data) if value.data or value.metadata else None
    if isinstance(value, msgspec.Struct):
        # Not the struct: to Python, true is 1.
        return msgspec.json.encode(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: _normalised(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.init
        }
        return {name: each for name, each in fields.items() if each is not None} or None
    if isinstance(value, timedelta):
        return value or None
    if isinstance(value, Mapping):
        return {key: _normalised(each) for key, each in value.items()} or None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_normalised(item) for item in value] or None
    return value

"""Whether Temporal has a schedule as it was sent.

What a description returns is what was sent, word for word, but for the forms that the client gives it: a
list comes back as a tuple, the input as a payload, and some of what was left out as an empty value.
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


def same(found: Schedule, sent: Schedule) -> bool:
    """Tell whether what was found does what was sent, at the same times, under the same rules.

    Being paused and the note are left out; a plan has them as steps of their own.
    """
    return bool(_plain(found) == _plain(sent))


def _plain(schedule: Schedule) -> Any:
    action = schedule.action
    if isinstance(action, ScheduleActionStartWorkflow):
        action = dataclasses.replace(
            action,
            args=[_read(given, kind=TriggeredInput) for given in action.args],
            static_summary=_read(action.static_summary, kind=str),
        )
    state = dataclasses.replace(schedule.state, note=None, paused=False)
    return _value(dataclasses.replace(schedule, action=action, state=state))


def _read(given: Any, *, kind: type) -> Any:
    """Return what a payload holds, or the payload itself where it holds something else.

    As a struct: a release that gives the input one more field would find each schedule of the one before
    altered, if it compared bytes.
    """
    if not isinstance(given, Payload):
        return given
    try:
        return DATA_CONVERTER.payload_converter.from_payload(given, kind)
    except (KeyError, ValueError, RuntimeError, RecursionError):
        # Of another encoding, or of another type (msgspec's errors are ValueErrors).
        return given


def _value(given: Any) -> Any:
    """Return a value in a form of its own, with nothing for what is empty."""
    if isinstance(given, Payload):
        return (dict(given.metadata), given.data) if given.data or given.metadata else None
    if isinstance(given, msgspec.Struct):
        # Not the struct: to Python, true is 1.
        return msgspec.json.encode(given)
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        told = {
            field.name: _value(getattr(given, field.name))
            for field in dataclasses.fields(given)
            if field.init
        }
        return {name: value for name, value in told.items() if value is not None} or None
    if isinstance(given, timedelta):
        return given or None
    if isinstance(given, Mapping):
        return {key: _value(value) for key, value in given.items()} or None
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [_value(item) for item in given] or None
    return given

"""What a trigger's configuration must be beyond its shape."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from trigger_api.domain.input_schema import input_errors, schema_errors
from trigger_contracts.config import (
    AnyTriggerConfig,
    DstPolicy,
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    WebhookConfig,
)
from trigger_contracts.events import is_type_pattern
from trigger_cron import CronError, ExclusionError, TimetableError, parse, timetable_of
from trigger_expressions import filter_problems, problems_of
from trigger_validation import FieldError, pointer_step, size_errors
from trigger_webhooks import RULED_FIELDS, errors_between
from trigger_webhooks import field_errors as webhook_field_errors

MAX_BYTES: Final = 256 * 1024
"""Every service that follows the triggers holds the configurations in memory."""


def field_errors_of(config: AnyTriggerConfig) -> list[FieldError]:
    """Return everything that is wrong with a configuration, with pointers into the request's body."""
    return cheap_field_errors(config) or [
        FieldError(f"/config{error.pointer}", error.detail) for error in _errors_between(config)
    ]


def cheap_field_errors(config: AnyTriggerConfig) -> list[FieldError]:
    """Return what is wrong before anything has to be worked out; a timetable is only where nothing is."""
    if errors := size_errors(config, limit=MAX_BYTES, pointer="/config"):
        return errors
    kind = type(config)
    errors = [
        FieldError(f"/config/{spelled}{error.pointer}", error.detail)
        for name, spelled in _ruled(kind)
        for error in field_errors(kind, name, getattr(config, name))
    ]
    if not errors and isinstance(config, ScheduleConfig) and _ends_before_it_starts(config):
        return [FieldError("/config/endAt", "This is not after startAt.")]
    return errors


@cache
def _ruled(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a configuration that there are rules for, and how they are spelled."""
    fields = msgspec.structs.fields(kind)
    return tuple((field.name, field.encode_name) for field in fields if (kind, field.name) in _FIELD_RULES)


def field_errors(kind: type, name: str, value: Any) -> list[FieldError]:
    """Return what is wrong with one field, whatever the others are; pointers are from the field on."""
    rule = _FIELD_RULES.get((kind, name))
    return rule(value) if rule is not None else []


def check_field(kind: type, name: str, value: Any) -> list[tuple[str, str]]:
    """Return the same as ``trigger_validation.CheckField`` wants it."""
    return [(error.pointer, error.detail) for error in field_errors(kind, name, value)]


def _errors_between(config: AnyTriggerConfig) -> list[FieldError]:
    """Return what does not go together; pointers are from the configuration on."""
    match config:
        case ScheduleConfig():
            return _schedule(config)
        case WebhookConfig():
            return list(errors_between(config))
        case ManualConfig():
            return _manual(config)
        case EventConfig():
            return []
        case _:
            assert_never(config)


def _ends_before_it_starts(config: ScheduleConfig) -> bool:
    return bool(config.start_at and config.end_at and config.end_at <= config.start_at)


def _schedule(config: ScheduleConfig) -> list[FieldError]:
    try:
        timetable_of(config)
    except ExclusionError as error:
        return [FieldError("/excludedDates", f"{error}.")]
    except TimetableError as error:
        where = "/dstPolicy" if config.dst_policy is not DstPolicy.LITERAL else "/additionalExpressions"
        return [FieldError(where, f"{error}.")]
    return []


def _crons(expressions: tuple[str, ...]) -> list[FieldError]:
    return [
        FieldError(f"/{index}", error.detail)
        for index, expression in enumerate(expressions)
        for error in _cron(expression)
    ]


def _cron(expression: str) -> list[FieldError]:
    try:
        parse(expression)
    except CronError as error:
        return [FieldError("", f"{error}.")]
    return []


def _timezone(name: str) -> list[FieldError]:
    return [] if _is_zone(name) else [FieldError("", "This is no IANA time zone, like Europe/Amsterdam.")]


def _is_zone(name: str) -> bool:
    # "localtime" and "posixrules" depend on the machine, and the machine that fires is another one.
    if name not in _zones() or name in {"localtime", "posixrules", "Factory"}:
        return False
    return ZoneInfo(name).key == name


@cache
def _zones() -> frozenset[str]:
    # Read once: it walks the whole zone database, which takes milliseconds.
    return frozenset(available_timezones())


def _event_type(text: str) -> list[FieldError]:
    if is_type_pattern(text):
        return []
    return [FieldError("", _event_type_problem(text))]


def _event_type_problem(text: str) -> str:
    """Say why the bus cannot carry events of this type, or what to write for the events that are meant."""
    if any(character.isspace() or not character.isprintable() for character in text):
        return (
            "It holds a blank or a control character, which the bus takes in no type. Example: order.created."
        )
    type_or_prefix = text.removesuffix(".*")
    if "*" in type_or_prefix or ">" in type_or_prefix:
        return (
            "'*' stands only at the end, after a dot: order.* is all types below order. For types that hold "
            "'*' or '>' take such a pattern, and a filter on type."
        )
    return "There is a word missing at a dot, or before it. Examples: order.created, order.*."


def _filters(filters: dict[str, Any]) -> list[FieldError]:
    return [FieldError(f"/{pointer_step(path)}", reason) for path, reason in filter_problems(filters)]


def _expression(text: str | None) -> list[FieldError]:
    if text is None:
        return []
    return [FieldError("", f"This is not a condition: {problem}.") for problem in problems_of(text)]


def _input_schema(schema: dict[str, Any] | None) -> list[FieldError]:
    return [] if schema is None else schema_errors(schema, pointer="")


def _manual(config: ManualConfig) -> list[FieldError]:
    if config.input_schema is None:
        return []
    # What is there before a run may be incomplete (a run adds to it), so only what is there is checked.
    relaxed = {name: item for name, item in config.input_schema.items() if name != "required"}
    defaults = input_errors({}, schema=relaxed, pointer="/inputSchema")
    if defaults:
        return [FieldError("/inputSchema", f"A default does not fit: {error.detail}") for error in defaults]
    return input_errors(config.inputs, schema=relaxed, pointer="/inputs") if config.inputs else []


_FIELD_RULES: Final[dict[tuple[type, str], Callable[[Any], list[FieldError]]]] = {
    (ScheduleConfig, "cron_expression"): _cron,
    (ScheduleConfig, "additional_expressions"): _crons,
    (ScheduleConfig, "timezone"): _timezone,
    (EventConfig, "event_type"): _event_type,
    (EventConfig, "filters"): _filters,
    (EventConfig, "expression"): _expression,
    (ManualConfig, "input_schema"): _input_schema,
    **{(WebhookConfig, name): partial(webhook_field_errors, name) for name in RULED_FIELDS},
}

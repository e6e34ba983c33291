"""What a trigger's configuration must be beyond its shape."""

import re
from typing import Any, Final, assert_never
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import jsonschema_rs

from trigger_api.domain.flaw import Flaw, escape, too_large
from trigger_contracts import streams
from trigger_contracts.config import (
    AnyTriggerConfig,
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    WebhookConfig,
)
from trigger_cron import CronError, parse
from trigger_expressions import Expression, ExpressionError

_PATH: Final = re.compile(r"[^.\[\]\s]+(\.[^.\[\]\s]+)*")
MAX_BYTES: Final = 256 * 1024
"""Every service that follows the triggers holds the configurations in memory."""
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def flaws_of(config: AnyTriggerConfig) -> list[Flaw]:
    """Return everything that is wrong with a configuration, with pointers into the request's body."""
    if flaws := too_large(config, limit=MAX_BYTES, pointer="/config"):
        return flaws
    match config:
        case ScheduleConfig():
            return _schedule(config)
        case WebhookConfig():
            return _webhook(config)
        case EventConfig():
            return _event(config)
        case ManualConfig():
            return _manual(config)
        case _:
            assert_never(config)


def _schedule(config: ScheduleConfig) -> list[Flaw]:
    flaws = []
    try:
        parse(config.cron_expression)
    except CronError as error:
        flaws.append(Flaw("/config/cronExpression", f"{error}."))
    if not _is_zone(config.timezone):
        flaws.append(Flaw("/config/timezone", "This is no IANA time zone, like Europe/Amsterdam."))
    return flaws


def _is_zone(name: str) -> bool:
    # "localtime" and "posixrules" depend on the machine, and the machine that fires is another one.
    if name not in available_timezones() or name in {"localtime", "posixrules", "Factory"}:
        return False
    return ZoneInfo(name).key == name


def _webhook(config: WebhookConfig) -> list[Flaw]:
    return [
        Flaw(f"/config/allowedOrigins/{index}", "An origin is scheme://host[:port], without a path.")
        for index, origin in enumerate(config.allowed_origins)
        if not _is_origin(origin)
    ]


def _is_origin(text: str) -> bool:
    """Tell whether the text is a serialised origin (RFC 6454, 6.2), lower-case, or ``null``."""
    if text == "null":
        return True
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    rebuilt = f"{parts.scheme}://{parts.netloc}"
    return (
        parts.scheme in {"http", "https"}
        and bool(host)
        and "@" not in parts.netloc
        and rebuilt == text == text.lower()
        and (port is None or port > 0)
        and re.fullmatch(r"[a-z0-9.:\[\]-]+", parts.netloc, re.ASCII) is not None
    )


def _event(config: EventConfig) -> list[Flaw]:
    flaws = []
    if not streams.is_event_type(config.event_type.removesuffix(".*")):
        flaws.append(
            Flaw(
                "/config/eventType",
                "Expected words of letters, digits, - and _ joined by dots, optionally ending in '.*'.",
            )
        )
    flaws.extend(
        Flaw("/config/filters", f"{path[:80]!r} is no path like data.country.")
        for path in config.filters
        if not _PATH.fullmatch(path)
    )
    if config.expression is not None:
        try:
            Expression(config.expression)
        except ExpressionError as error:
            flaws.append(Flaw("/config/expression", f"This is no condition: {error}."))
    return flaws


def _manual(config: ManualConfig) -> list[Flaw]:
    if config.input_schema is None:
        return []
    flaws = schema_flaws(config.input_schema, pointer="/config/inputSchema")
    if not flaws and config.inputs:
        # Defaults may be incomplete (a run adds to them), so only what is there is checked.
        relaxed = {name: item for name, item in config.input_schema.items() if name != "required"}
        flaws = input_flaws(config.inputs, schema=relaxed, pointer="/config/inputs")
    return flaws


def schema_flaws(schema: dict[str, Any], *, pointer: str) -> list[Flaw]:
    """Return why a JSON Schema cannot be used. References to other documents are refused: no one is asked."""
    try:
        _validator(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        return [Flaw(pointer, f"This is no JSON Schema (2020-12) that can be used: {_first_line(error)}.")]
    return []


def input_flaws(inputs: dict[str, Any], *, schema: dict[str, Any], pointer: str) -> list[Flaw]:
    """Return how inputs fail their schema, at most twenty things."""
    flaws = []
    for error in _validator(schema).iter_errors(inputs):
        steps = "".join(f"/{escape(str(step))}" for step in error.instance_path)
        flaws.append(Flaw(pointer + steps, f"{_first_line(error)}."))
        if len(flaws) == 20:
            break
    return flaws


def _validator(schema: dict[str, Any]) -> Any:
    # offline: a user's $ref must not make this service fetch or read anything.
    return jsonschema_rs.Draft202012Validator({"$schema": _DRAFT, **schema}, offline=True)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:300]

"""From HTTP to commands: bodies, conditions, callers."""

import re
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Meta

from trigger_api.domain.recorded import Author
from trigger_api.domain.trigger import Trigger, Wanted, needs_secret
from trigger_api.usecases.appending import Caller
from trigger_contracts.config import (
    AnyTriggerConfig,
    EventConfig,
    ManualConfig,
    Name,
    ScheduleConfig,
    TriggerType,
    WebhookConfig,
)
from trigger_contracts.definition import WorkflowDefinition
from trigger_runtime.web.application import request_id
from trigger_runtime.web.bodies import convert, invalid, read_json
from trigger_runtime.web.problem import FieldProblem, ProblemError
from trigger_runtime.web.shapes import escape
from trigger_runtime.web.tokens import TokenVerifier

_CONFIGS: Final[dict[TriggerType, type[AnyTriggerConfig]]] = {
    TriggerType.SCHEDULE: ScheduleConfig,
    TriggerType.WEBHOOK: WebhookConfig,
    TriggerType.EVENT: EventConfig,
    TriggerType.MANUAL: ManualConfig,
}
_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)
_ETAG: Final = re.compile(r'"([0-9]{1,9})"', re.ASCII)


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class CreateTrigger(_Body, frozen=True, kw_only=True):
    """``POST /api/triggers``."""

    workflow_id: UUID
    name: Name
    trigger_type: TriggerType
    enabled: bool = True
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    secret: Annotated[str, Meta(min_length=16, max_length=256, pattern=r"^[\x21-\x7e]+(?!\n)$")] | None = None


class ReplaceTrigger(_Body, frozen=True, kw_only=True):
    """``PUT`` and, merged into what is there, ``PATCH /api/triggers/{id}``.

    Where ``enabled`` is left out a paused trigger stays paused.
    """

    name: Name
    enabled: bool | None = None
    config: dict[str, Any]


class WorkflowBody(_Body, frozen=True, kw_only=True):
    """``POST /api/workflows`` and ``PUT /api/workflows/{id}``."""

    name: Name
    definition: WorkflowDefinition


class ExecuteTrigger(_Body, frozen=True, kw_only=True):
    """``POST /api/triggers/{id}/execute``."""

    inputs: dict[str, Any] | None = None


class RotateSecret(_Body, frozen=True, kw_only=True):
    """``POST /api/triggers/{id}/rotate-secret``."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 24 * 3600)] = 0


def caller_of(request: web.Request, *, tokens: TokenVerifier, scope: str) -> Caller:
    """Return who calls. ``ProblemError`` 401 or 403."""
    principal = tokens.principal(request, scope=scope)
    author = Author(actor=principal.subject, request_id=request_id(request))
    return Caller(workspace=principal.workspace, author=author)


async def body_of(request: web.Request) -> Any:
    """Return the JSON body, without the one character that PostgreSQL cannot store."""
    value = await read_json(request)
    if flaws := [FieldProblem(pointer=path, detail="Text must not hold NUL.") for path in _nul_paths(value)]:
        raise invalid(flaws)
    return value


async def optional_body_of(request: web.Request) -> Any:
    """Return the JSON body; an empty object where there is none."""
    return await body_of(request) if request.body_exists else {}


def config_of(config: dict[str, Any], *, trigger_type: TriggerType) -> AnyTriggerConfig:
    """Return a configuration as its type has it. ``ProblemError`` 422."""
    if "triggerType" in config:
        raise invalid([FieldProblem(pointer="/config/triggerType", detail="There is no such field.")])
    return convert(config, _CONFIGS[trigger_type], pointer="/config")


def wanted_of(body: CreateTrigger) -> Wanted:
    """Return what a new trigger shall be."""
    config = config_of(body.config, trigger_type=body.trigger_type)
    return Wanted(name=body.name, enabled=body.enabled, config=config)


def revised(trigger: Trigger, *, body: ReplaceTrigger) -> Wanted:
    """Return what a trigger shall become. ``ProblemError`` 422.

    A webhook that authenticates its senders stops doing so only where that is said: leaving
    ``authType`` out would open the door by accident.
    """
    config = config_of(body.config, trigger_type=trigger.type)
    if needs_secret(trigger.config) and not needs_secret(config) and "authType" not in body.config:
        detail = 'Leaving this out would drop the authentication: say "none" where that is meant.'
        raise invalid([FieldProblem(pointer="/config/authType", detail=detail)])
    enabled = trigger.enabled if body.enabled is None else body.enabled
    return Wanted(name=body.name, enabled=enabled, config=config)


def idempotency_key_of(request: web.Request) -> str | None:
    """Return the caller's ``Idempotency-Key``. ``ProblemError`` 400 for one that cannot be one."""
    keys = request.headers.getall("Idempotency-Key", [])
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        detail = "Send one Idempotency-Key of 1 to 255 visible ASCII characters."
        raise ProblemError(400, code="bad_idempotency_key", detail=detail)
    return keys[0]


def refuse_fixed(body: Any, *, names: tuple[str, ...]) -> None:
    """Raise ``ProblemError`` 422 for fields that a change cannot touch."""
    if isinstance(body, dict) and (fixed := [name for name in names if name in body]):
        raise invalid([FieldProblem(pointer=f"/{name}", detail="This cannot be changed.") for name in fixed])


def if_match_of(request: web.Request) -> int | None:
    """Return the version that the caller's ``If-Match`` names (RFC 9110, 13.1.1); ``None`` for none or ``*``.

    A well-formed tag that this service never gave matches nothing: ``ProblemError`` 412.
    """
    text = request.headers.get("If-Match")
    if text is None or text.strip() == "*":
        return None
    if match := _ETAG.fullmatch(text.strip()):
        return int(match.group(1))
    raise ProblemError(412, code="stale_version", detail="If-Match names no version of this resource.")


def _nul_paths(value: Any) -> list[str]:
    """Return a pointer for each text that holds NUL; the nesting of a body is bounded."""
    if isinstance(value, str):
        return [""] if "\0" in value else []
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = [(str(index), item) for index, item in enumerate(value)]
    found = [f"/{escape(key)}{path}" for key, item in items for path in _nul_paths(item)]
    return found + ["" for key, _ in items if "\0" in key]

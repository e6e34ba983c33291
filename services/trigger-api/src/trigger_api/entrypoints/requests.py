"""From HTTP to commands: bodies, conditions, callers, keys."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from aiohttp import web

from trigger_api.domain.idempotency import Keyed, Once, StoredAnswer, fingerprint
from trigger_api.domain.trigger import Trigger, Wanted
from trigger_api.entrypoints.bodies import REPLACE_TRIGGER, CreateTrigger, ReplaceTrigger, check_field
from trigger_api.entrypoints.http import read_body
from trigger_api.settings import IfMatch
from trigger_api.usecases.appending import Caller, Condition
from trigger_api.usecases.trigger_commands import Revision
from trigger_runtime.web.bodies import convert, invalid
from trigger_runtime.web.problem import ProblemError
from trigger_validation import FieldError
from trigger_webhooks import needs_secret

T = TypeVar("T")

_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)
_VERSION_TAG: Final = re.compile(r'(?<!W/)"([1-9][0-9]{0,8})"', re.ASCII)


async def optional_body_of(request: web.Request) -> Any:
    """Return the JSON body; an empty object where there is none."""
    return await read_body(request) if request.body_exists else {}


def new_trigger_of(raw: Any) -> CreateTrigger:
    """Return a new trigger's body. ``ProblemError`` 422 with everything that is wrong with it."""
    _refuse_inner_type(raw)
    return convert(raw, CreateTrigger, check=check_field)  # type: ignore[arg-type] # a union of Structs


def revision_of(sent: Any, *, read: Callable[[Trigger], Any]) -> Revision:
    """Return the change that a body asks for; ``read`` makes the whole body, seen from what is there."""

    def wanted(trigger: Trigger) -> Wanted:
        raw = read(trigger)
        _refuse_inner_type(raw)
        body = convert(raw, REPLACE_TRIGGER[trigger.type], check=check_field)
        _refuse_dropping(trigger, body=body, sent=sent)
        enabled = trigger.enabled if body.enabled is None else body.enabled
        return Wanted(name=body.name, enabled=enabled, config=body.config)

    return Revision(wanted=wanted, secret=secret_in(sent))


def secret_in(raw: Any) -> str | None:
    """Return the secret beside a configuration; one that is no text is refused with the body."""
    secret = raw.get("secret") if isinstance(raw, dict) else None
    return secret if isinstance(secret, str) else None


def keyed_of(
    request: web.Request, *, caller: Caller, body: Any, answer: Callable[[T], StoredAnswer]
) -> Keyed[T] | None:
    """Return the caller's ``Idempotency-Key``. ``ProblemError`` 400 for one that cannot be one."""
    keys = request.headers.getall("Idempotency-Key", [])
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        detail = "Send one Idempotency-Key of 1 to 255 visible ASCII characters."
        raise ProblemError(400, code="bad_idempotency_key", detail=detail)
    said = fingerprint(
        method=request.method,
        path=request.path,
        body=body,
        condition=request.headers.get("If-Match"),
    )
    once = Once(workspace=caller.workspace, actor=caller.author.actor, key=keys[0], fingerprint=said)
    return Keyed(once=once, answer=answer)


def refuse_fixed(body: Any, *, names: tuple[str, ...]) -> None:
    """Raise ``ProblemError`` 422 for fields that a change cannot touch."""
    if isinstance(body, dict) and (fixed := [name for name in names if name in body]):
        raise invalid([FieldError(pointer=f"/{name}", detail="This cannot be changed.") for name in fixed])


def condition_of(request: web.Request, *, if_match: IfMatch) -> Condition:
    """Return the versions that ``If-Match`` names (RFC 9110, 13.1.1); ``None`` for none or ``*``.

    Weak tags, tags that this service never gave, and what is no tag match nothing. ``ProblemError`` 428
    where there is none and one is required.
    """
    lines = request.headers.getall("If-Match", [])
    if not lines:
        if if_match is IfMatch.REQUIRED:
            detail = "Send If-Match with the ETag of the version that you have seen."
            raise ProblemError(428, code="precondition_required", detail=detail)
        return None
    text = ", ".join(line.strip() for line in lines)
    if text == "*":
        return None
    return frozenset(int(found) for found in _VERSION_TAG.findall(text))


def _refuse_inner_type(raw: Any) -> None:
    config = raw.get("config") if isinstance(raw, dict) else None
    if isinstance(config, dict) and "triggerType" in config:
        raise invalid([FieldError(pointer="/config/triggerType", detail="There is no such field.")])


def _refuse_dropping(trigger: Trigger, *, body: ReplaceTrigger, sent: Any) -> None:
    """A webhook that authenticates its senders stops doing so only where its user says so in words."""
    config = sent.get("config")
    said = isinstance(config, dict) and config.get("authType") is not None
    if needs_secret(trigger.config) and not needs_secret(body.config) and not said:
        detail = 'Leaving this out would drop the authentication: say "none" where that is meant.'
        raise invalid([FieldError(pointer="/config/authType", detail=detail)])

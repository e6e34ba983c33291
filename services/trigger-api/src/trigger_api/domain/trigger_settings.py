"""What a user may change about a trigger, and how a request is read against what there is."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

import msgspec
from msgspec import Meta

from trigger_api.domain.config_rules import check_field
from trigger_api.domain.json_values import merge_sent
from trigger_contracts.config import (
    AnyTriggerConfig,
    EventConfig,
    ManualConfig,
    Name,
    ScheduleConfig,
    TriggerType,
    WebhookConfig,
    trigger_type_of,
)
from trigger_validation import FieldError, InvalidError, decode, raise_if_invalid
from trigger_webhooks import needs_secret, secret_errors, without_plain_token

SecretText = Annotated[
    str,
    Meta(
        max_length=256,
        description=(
            "What the sender proves itself with, of at least 16 characters; left out, one is made up and"
            " shown once. With `authType: basic` it is `user:password`."
        ),
    ),
]


class DesiredTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger as its user wants it. ``secret`` is one that the user supplies."""

    name: str
    enabled: bool
    config: AnyTriggerConfig
    secret: str | None = None


class CurrentTrigger(Protocol):
    """What a change is read against."""

    @property
    def workflow_id(self) -> UUID:
        """What it starts."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def enabled(self) -> bool:
        """Whether it starts workflows."""

    @property
    def config(self) -> AnyTriggerConfig:
        """Its configuration."""


class _Replacement(msgspec.Struct, frozen=True, kw_only=True):
    name: Name
    enabled: bool | None = None
    """Where it is left out a paused trigger stays paused."""


class _Schedule(_Replacement, frozen=True, kw_only=True):
    config: ScheduleConfig


class _Webhook(_Replacement, frozen=True, kw_only=True):
    config: WebhookConfig
    secret: SecretText | None = None


class _Event(_Replacement, frozen=True, kw_only=True):
    config: EventConfig


class _Manual(_Replacement, frozen=True, kw_only=True):
    config: ManualConfig


_Body = _Schedule | _Webhook | _Event | _Manual
_BODIES: Final[dict[TriggerType, type[_Body]]] = {
    TriggerType.SCHEDULE: _Schedule,
    TriggerType.WEBHOOK: _Webhook,
    TriggerType.EVENT: _Event,
    TriggerType.MANUAL: _Manual,
}


def decode_replacement(current: CurrentTrigger, *, body: Any) -> DesiredTrigger:
    """Return what the body of a PUT makes of a trigger. Raises ``InvalidError``."""
    fields = _without_repeated(current, sent=body)
    if isinstance(fields, dict):
        fields.pop("id", None)
    return _decode(current, whole=fields, sent=fields)


def decode_patch(current: CurrentTrigger, *, patch: Any) -> DesiredTrigger:
    """Return what a PATCH makes of a trigger: see ``merge_sent``. Raises ``InvalidError``."""
    fields = _without_repeated(current, sent=patch)
    _refuse_null(fields)
    config = config_fields(current.config)
    whole = merge_sent({"name": current.name, "enabled": current.enabled, "config": config}, fields)
    return _decode(current, whole=whole, sent=fields)


def _refuse_null(patch: Any) -> None:
    """Refuse a ``null`` that would leave the trigger as it is: it was sent to change something."""
    expected = {"enabled": "true or false", "secret": "a text"}
    if isinstance(patch, dict):
        raise_if_invalid(
            FieldError(f"/{name}", f"Expected {kind}, not null. Left out, it stays as it is.")
            for name, kind in expected.items()
            if name in patch and patch[name] is None
        )


def accept(
    desired: DesiredTrigger, *, config_errors: Sequence[FieldError], config_before: AnyTriggerConfig | None
) -> DesiredTrigger:
    """Return what is desired as it may be stored. Raises ``InvalidError`` with everything that is wrong.

    ``config_errors`` are those of the configuration itself, which may take seconds to compute.
    ``config_before`` is the configuration of the secret that is in force, ``None`` where there is none.
    """
    errors = secret_errors(desired.config, secret=desired.secret, before=config_before)
    raise_if_invalid([*config_errors, *errors])
    return msgspec.structs.replace(desired, config=without_plain_token(desired.config))


def config_fields(config: AnyTriggerConfig) -> dict[str, Any]:
    """Return a configuration as JSON without its tag: the API says the type next to it."""
    fields: dict[str, Any] = msgspec.to_builtins(config)
    del fields["triggerType"]
    return fields


def _without_repeated(current: CurrentTrigger, *, sent: Any) -> Any:
    """Return what was sent without the fixed fields that repeat what they are. Raises ``InvalidError``."""
    if not isinstance(sent, dict):
        return sent
    fixed = {"workflowId": str(current.workflow_id), "triggerType": trigger_type_of(current.config).value}
    raise_if_invalid(
        FieldError(f"/{name}", f"This cannot be changed: it is {value}. Leave it out.")
        for name, value in fixed.items()
        if name in sent and _spelled(sent[name]) != value
    )
    return {name: value for name, value in sent.items() if name not in fixed}


def _spelled(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _decode(current: CurrentTrigger, *, whole: Any, sent: Any) -> DesiredTrigger:
    body: _Body = decode(whole, _BODIES[trigger_type_of(current.config)], check=check_field)
    _refuse_to_drop_authentication(current, config=body.config, sent=sent)
    return DesiredTrigger(
        name=body.name,
        enabled=current.enabled if body.enabled is None else body.enabled,
        config=body.config,
        secret=body.secret if isinstance(body, _Webhook) else None,
    )


def _refuse_to_drop_authentication(current: CurrentTrigger, *, config: AnyTriggerConfig, sent: Any) -> None:
    """A webhook that authenticates its senders stops doing so only where its user asks for it explicitly."""
    fields = sent.get("config")
    is_explicit = isinstance(fields, dict) and fields.get("authType") is not None
    if needs_secret(current.config) and not needs_secret(config) and not is_explicit:
        detail = 'Leaving this out would drop the authentication: send "none" if you want that.'
        raise InvalidError([FieldError("/config/authType", detail)])

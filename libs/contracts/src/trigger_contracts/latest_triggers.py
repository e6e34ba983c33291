"""The fold of ``config.trigger.*``: what each trigger is now.

It fails closed. The newest state of a trigger may say "deleted" or "disabled"; where it cannot be read,
the trigger counts as unreadable and not as what it was before.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec

from trigger_contracts import streams
from trigger_contracts.codec import ContractError, Part
from trigger_contracts.config import (
    TRIGGERS,
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    TriggerConfig,
    TriggerState,
    WebhookConfig,
)

_PREFIX: Final = streams.CONFIG_TRIGGERS.removesuffix("*")


class Removed(Part, frozen=True, kw_only=True):
    """A trigger that is deleted, or of a type that is not kept; it stays known, so nothing revives it."""

    trigger_id: UUID
    version: int
    tombstone: TriggerState | None
    """Its last state, where it is of a type that is kept."""


class Unreadable(Part, frozen=True, kw_only=True):
    """A trigger whose newest state this release cannot read."""

    subject: str
    trigger_id: UUID | None
    """``None`` where the subject names no trigger; such a message changes nothing."""
    reason: str
    hidden_to: int = 0
    """States of this version and below came before the unreadable one, however late they arrive."""


Known = TriggerState | Removed | Unreadable


class _VersionOf(msgspec.Struct, frozen=True):
    version: int


class _VersionOnly(msgspec.Struct, frozen=True):
    """The part of a state that a reader of another version can still read."""

    trigger: _VersionOf


class LatestTriggers:
    """Keeps by trigger id the state with the highest version, whatever order or repetition they come in.

    ``kinds`` are the configurations that are kept; of the others only the version is.
    """

    def __init__(
        self,
        *,
        kinds: tuple[type[TriggerConfig], ...] = (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig),
    ) -> None:
        self._kinds = kinds
        self._known: dict[UUID, Known] = {}

    def apply(self, subject: str, *, data: bytes) -> Known | None:
        """Apply a message; return what its trigger is from now on, ``None`` where nothing has changed."""
        trigger_id = _id_in(subject)
        try:
            state = TRIGGERS.decode(data).trigger
        except ContractError as error:
            return self._hide(subject, trigger_id=trigger_id, data=data, reason=str(error))
        if state.id != trigger_id:
            reason = f"the state is that of trigger {state.id}"
            return self._hide(subject, trigger_id=trigger_id, data=b"", reason=reason)
        known = self._known.get(state.id)
        if known is not None and state.version <= _version_of(known):
            return None
        latest = state if state.deleted_at is None and self._keeps(state) else self._removed(state)
        self._known[state.id] = latest
        return latest

    def get(self, trigger_id: UUID) -> Known | None:
        """Return what is known of a trigger, ``None`` for an unknown one."""
        return self._known.get(trigger_id)

    def states(self) -> Iterable[TriggerState]:
        """Return the triggers of the kept kinds that exist, enabled or not."""
        return [known for known in self._known.values() if isinstance(known, TriggerState)]

    def tombstones(self) -> Iterable[TriggerState]:
        """Return the last states of the deleted triggers of the kept kinds."""
        removed = (known for known in self._known.values() if isinstance(known, Removed))
        return [known.tombstone for known in removed if known.tombstone is not None]

    def unreadable(self) -> Iterable[Unreadable]:
        """Return the triggers that must be left as they are until a release that can read them."""
        return [known for known in self._known.values() if isinstance(known, Unreadable)]

    def _keeps(self, state: TriggerState) -> bool:
        return isinstance(state.config, self._kinds)

    def _removed(self, state: TriggerState) -> Removed:
        tombstone = state if self._keeps(state) else None
        return Removed(trigger_id=state.id, version=state.version, tombstone=tombstone)

    def _hide(self, subject: str, *, trigger_id: UUID | None, data: bytes, reason: str) -> Unreadable | None:
        known = None if trigger_id is None else self._known.get(trigger_id)
        known_version = 0 if known is None else _version_of(known)
        seen = _readable_version(data)
        if seen is not None and seen <= known_version:
            return None
        # The same state may come again in a form that can be read; what is older stays hidden.
        hidden_to = known_version if seen is None else seen - 1
        unreadable = Unreadable(subject=subject, trigger_id=trigger_id, reason=reason, hidden_to=hidden_to)
        if trigger_id is not None:
            self._known[trigger_id] = unreadable
        return unreadable


def _version_of(known: Known) -> int:
    return known.hidden_to if isinstance(known, Unreadable) else known.version


def _id_in(subject: str) -> UUID | None:
    try:
        return UUID(subject.removeprefix(_PREFIX)) if subject.startswith(_PREFIX) else None
    except ValueError:
        return None


def _readable_version(data: bytes) -> int | None:
    """Return the version of a state that may be unreadable otherwise."""
    try:
        return msgspec.json.decode(data, type=_VersionOnly).trigger.version
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None

"""The commands on triggers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from trigger_api.domain import config_rules
from trigger_api.domain import trigger as triggers
from trigger_api.domain.flaw import Flaw, InvalidError, too_large
from trigger_api.domain.recorded import Author
from trigger_api.domain.trigger import DeletionReason, SecretRotated, Trigger, TriggerEvent, Wanted
from trigger_api.ports import (
    Chance,
    EventStore,
    Firings,
    NotFoundError,
    Seal,
    SecretNotUsedError,
    StaleVersionError,
    TriggerDisabledError,
    Unit,
)
from trigger_api.read_model import ReadModel
from trigger_api.usecases.appending import Caller, again_after_a_lost_race, append_trigger_events, refuse
from trigger_contracts import ids
from trigger_contracts.config import AnyTriggerConfig, ManualConfig, trigger_type_of
from trigger_contracts.firings import ManualFiring

MAX_INPUT_BYTES: Final = 1024 * 1024
"""Inputs go through the bus and Temporal, which takes 2 MiB for them and the definition."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A trigger after a command. ``secret`` is there only where the command made one: it is shown once."""

    trigger: Trigger
    secret: str | None = None


class Triggers:
    """The commands on triggers. ``if_version`` is the caller's condition; ``None`` is none."""

    def __init__(
        self, store: EventStore, *, read_model: ReadModel, firings: Firings, seal: Seal, chance: Chance
    ) -> None:
        self._store = store
        self._read_model = read_model
        self._firings = firings
        self._seal = seal
        self._chance = chance

    async def create(
        self, caller: Caller, *, workflow_id: UUID, wanted: Wanted, secret: str | None
    ) -> Changed:
        """Create a trigger. Raises ``InvalidError`` or ``NotFoundError`` (the workflow)."""
        refuse(config_rules.flaws_of(wanted.config))
        if secret is not None and not triggers.needs_secret(wanted.config):
            raise SecretNotUsedError
        now, trigger_id = self._chance.now(), self._chance.new_id()
        secret_id = None
        if triggers.needs_secret(wanted.config):
            secret_id, secret = self._chance.new_id(), secret or self._chance.new_secret()
        event = triggers.TriggerCreated(
            trigger_id=trigger_id,
            workspace=caller.workspace,
            workflow_id=workflow_id,
            name=wanted.name,
            enabled=wanted.enabled,
            config=wanted.config,
            secret_id=secret_id,
        )
        async with self._store.unit() as unit:
            if not await unit.workflow_is_live(workflow_id, workspace=caller.workspace):
                raise NotFoundError("workflow")
            if secret_id is not None and secret is not None:
                sealed = self._seal(secret, secret_id=secret_id, trigger_id=trigger_id)
                await unit.keep_secret(trigger_id, secret=sealed, now=now)
            trigger = await self._append(unit, trigger=None, events=[event], author=caller.author)
        return Changed(trigger=trigger, secret=secret)

    async def revise(
        self,
        caller: Caller,
        *,
        trigger_id: UUID,
        wanted: Callable[[Trigger], Wanted],
        if_version: int | None,
    ) -> Changed:
        """Make a trigger what it shall be, seen from what it is. Raises ``InvalidError`` and others."""

        async def attempt() -> Changed:
            async with self._store.unit() as unit:
                trigger = await self._trigger(
                    unit, caller=caller, trigger_id=trigger_id, if_version=if_version
                )
                target = wanted(trigger)
                refuse(config_rules.flaws_of(target.config))
                secret_id = self._chance.new_id()
                events = triggers.decide_revision(
                    trigger, wanted=target, secret_id=secret_id, now=self._chance.now()
                )
                return await self._commit(unit, trigger=trigger, events=events, caller=caller)

        return await again_after_a_lost_race(attempt)

    async def rotate_secret(
        self, caller: Caller, *, trigger_id: UUID, overlap: timedelta, if_version: int | None
    ) -> Changed:
        """Put a new secret in force. Raises ``SecretNotUsedError`` where the trigger takes none."""

        async def attempt() -> Changed:
            async with self._store.unit() as unit:
                trigger = await self._trigger(
                    unit, caller=caller, trigger_id=trigger_id, if_version=if_version
                )
                if not triggers.needs_secret(trigger.config):
                    raise SecretNotUsedError
                events = triggers.decide_rotation(
                    secret_id=self._chance.new_id(), overlap=overlap, now=self._chance.now()
                )
                return await self._commit(unit, trigger=trigger, events=events, caller=caller)

        return await again_after_a_lost_race(attempt)

    async def delete(self, caller: Caller, *, trigger_id: UUID, if_version: int | None) -> None:
        """End a trigger."""

        async def attempt() -> None:
            async with self._store.unit() as unit:
                trigger = await self._trigger(
                    unit, caller=caller, trigger_id=trigger_id, if_version=if_version
                )
                events = triggers.decide_deletion(trigger, reason=DeletionReason.REQUESTED)
                await self._append(unit, trigger=trigger, events=events, author=caller.author)

        await again_after_a_lost_race(attempt)

    async def execute(
        self, caller: Caller, *, trigger_id: UUID, inputs: dict[str, Any] | None, key: str | None
    ) -> UUID:
        """Ask for a run now; return its execution id once the bus has stored the request.

        The same ``key`` (the caller's idempotency key) is the same execution, however often it comes.

        The request names the workflow's version as the caller could see it: the run waits until the
        definition that it is meant for has come through. Raises ``InvalidError`` for inputs that do
        not fit, ``TriggerDisabledError``, ``FiringNotStoredError``.
        """
        trigger = await self._read_model.runnable(trigger_id, workspace=caller.workspace)
        if trigger is None:
            raise NotFoundError("trigger")
        if not trigger.enabled:
            raise TriggerDisabledError
        firing = ManualFiring(
            execution_id=ids.requested_execution_id(trigger.id, key=key) if key else self._chance.new_id(),
            workspace=caller.workspace,
            trigger_id=trigger.id,
            trigger_type=trigger_type_of(trigger.config),
            trigger_name=trigger.name,
            trigger_version=trigger.version,
            workflow_id=trigger.workflow_id,
            workflow_version=trigger.workflow_version,
            inputs=effective_inputs(trigger.config, given=inputs),
            requested_at=self._chance.now(),
            actor=caller.author.actor,
            request_id=caller.author.request_id,
        )
        await self._firings.request(firing)
        return firing.execution_id

    async def _trigger(
        self, unit: Unit, *, caller: Caller, trigger_id: UUID, if_version: int | None
    ) -> Trigger:
        trigger = await unit.trigger(trigger_id)
        if trigger is None or trigger.deleted_at or trigger.workspace != caller.workspace:
            raise NotFoundError("trigger")
        if if_version is not None and if_version != trigger.version:
            raise StaleVersionError(trigger.version)
        return trigger

    async def _commit(
        self, unit: Unit, *, trigger: Trigger, events: Sequence[TriggerEvent], caller: Caller
    ) -> Changed:
        """Append; a rotation among the events gets its secret made, sealed and stored first."""
        secret = None
        for event in events:
            if isinstance(event, SecretRotated):
                secret = self._chance.new_secret()
                sealed = self._seal(secret, secret_id=event.secret_id, trigger_id=trigger.id)
                await unit.keep_secret(trigger.id, secret=sealed, now=self._chance.now())
        after = await self._append(unit, trigger=trigger, events=events, author=caller.author)
        return Changed(trigger=after, secret=secret)

    async def _append(
        self, unit: Unit, *, trigger: Trigger | None, events: Sequence[TriggerEvent], author: Author
    ) -> Trigger:
        return await append_trigger_events(
            unit, trigger=trigger, events=events, author=author, chance=self._chance
        )


def effective_inputs(config: AnyTriggerConfig, *, given: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a run gets: the trigger's own inputs, overridden key by key. Raises ``InvalidError``."""
    inputs = given or {}
    if isinstance(config, ManualConfig):
        if config.require_inputs and not given:
            raise InvalidError([Flaw("/inputs", "This trigger requires inputs.")])
        inputs = {**config.inputs, **inputs}
        if config.input_schema is not None:
            refuse(config_rules.input_flaws(inputs, schema=config.input_schema, pointer="/inputs"))
    refuse(too_large(inputs, limit=MAX_INPUT_BYTES, pointer="/inputs"))
    return inputs

"""The commands on triggers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from trigger_api.domain import trigger as triggers
from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.recorded import EventRef
from trigger_api.domain.trigger import (
    DeletionReason,
    NewSecret,
    SecretOrigin,
    SecretRotated,
    Trigger,
    TriggerConfigChanged,
    TriggerEvent,
    Wanted,
)
from trigger_api.ports import ClockAndIds, EventStore, NotFoundError, SecretNotUsedError, Unit, Vault
from trigger_api.usecases.appending import (
    Answering,
    Caller,
    Condition,
    again_after_a_lost_race,
    append_trigger_events,
    require,
)
from trigger_api.usecases.config_check import NotComputedError, config_errors, known_config_errors
from trigger_contracts.config import AnyTriggerConfig
from trigger_runtime.fair_threads import FairThreads
from trigger_validation import raise_if_invalid
from trigger_webhooks import generate_secret, needs_secret, secret_errors, without_plain_token


@dataclass(frozen=True, slots=True)
class Changed:
    """A trigger after a command. ``secret`` is there only where the command put one in force: shown once."""

    trigger: Trigger
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What a trigger shall be, seen from what it is, and the secret that comes with it."""

    wanted: Callable[[Trigger], Wanted]
    secret: str | None = None


Decide = Callable[[Trigger, NewSecret], list[TriggerEvent]]


class Triggers:
    """The commands on triggers.

    Each may be keyed: then the same request gets the same answer, and changes nothing again.
    """

    def __init__(self, store: EventStore, *, vault: Vault, chance: ClockAndIds, threads: FairThreads) -> None:
        self._store = store
        self._vault = vault
        self._chance = chance
        self._answering = Answering(vault, chance=chance)
        self._threads = threads

    async def create(
        self,
        caller: Caller,
        *,
        workflow_id: UUID,
        wanted: Wanted,
        secret: str | None,
        keyed: Keyed[Changed] | None = None,
    ) -> Changed | StoredAnswer:
        """Create a trigger. Raises ``InvalidError``, ``NotFoundError`` (the workflow), ``KeyReusedError``."""
        raise_if_invalid(
            await config_errors(wanted.config, threads=self._threads, workspace=caller.workspace)
            + secret_errors(wanted.config, secret=secret, before=None)
        )
        config = without_plain_token(wanted.config)
        now, trigger_id, new = self._chance.now(), self._chance.new_id(), self._new_secret(secret)
        needed = needs_secret(config)
        event = triggers.TriggerCreated(
            trigger_id=trigger_id,
            workspace=caller.workspace,
            workflow_id=workflow_id,
            name=wanted.name,
            enabled=wanted.enabled,
            config=config,
            secret_id=new.id if needed else None,
        )

        async def attempt() -> Changed | StoredAnswer:
            async with self._store.unit() as unit:

                async def act() -> Changed:
                    shown = (secret or self._made_up(config)) if needed else None
                    if shown is not None:
                        sealed = self._vault.seal_secret(shown, secret_id=new.id, trigger_id=trigger_id)
                        unit.keep_secret(trigger_id, secret=sealed, now=now)
                    trigger = await append_trigger_events(
                        unit, trigger=None, events=[event], author=caller.author, chance=self._chance
                    )
                    return Changed(trigger=trigger, secret=shown)

                return await self._answering.once(unit, keyed=keyed, act=act)

        return await again_after_a_lost_race(attempt)

    async def revise(
        self,
        caller: Caller,
        *,
        trigger_id: UUID,
        revision: Revision,
        condition: Condition,
        keyed: Keyed[Changed] | None = None,
    ) -> Changed | StoredAnswer:
        """Make a trigger what it shall be. Raises ``InvalidError`` and others."""

        def decide(trigger: Trigger, new: NewSecret) -> list[TriggerEvent]:
            return self._revision(trigger, wanted=revision.wanted(trigger), secret=revision.secret, new=new)

        return await self._change(
            caller,
            trigger_id=trigger_id,
            decide=decide,
            secret=revision.secret,
            condition=condition,
            keyed=keyed,
        )

    async def revert(
        self,
        caller: Caller,
        *,
        trigger_id: UUID,
        past: Trigger,
        condition: Condition,
        keyed: Keyed[Changed] | None = None,
    ) -> Changed | StoredAnswer:
        """Lead a trigger back to what it was: its name, its configuration and whether it starts anything.

        Secrets stay: one that was rotated away does not come back. Raises ``InvalidError`` where the
        configuration of then is not accepted any more.
        """
        wanted = Wanted(name=past.name, enabled=past.enabled, config=past.config)

        def decide(trigger: Trigger, new: NewSecret) -> list[TriggerEvent]:
            return self._revision(trigger, wanted=wanted, secret=None, new=new)

        return await self._change(
            caller,
            trigger_id=trigger_id,
            decide=decide,
            condition=condition,
            keyed=keyed,
            cause=EventRef(trigger_id, past.version),
        )

    async def rotate_secret(
        self,
        caller: Caller,
        *,
        trigger_id: UUID,
        secret: str | None,
        overlap: timedelta,
        condition: Condition,
        keyed: Keyed[Changed] | None = None,
    ) -> Changed | StoredAnswer:
        """Put a new secret in force. Raises ``SecretNotUsedError`` where the trigger takes none."""

        def decide(trigger: Trigger, new: NewSecret) -> list[TriggerEvent]:
            if not needs_secret(trigger.config):
                raise SecretNotUsedError
            raise_if_invalid(secret_errors(trigger.config, secret=secret, before=None))
            return triggers.decide_rotation(secret=new, overlap=overlap, now=self._chance.now())

        return await self._change(
            caller, trigger_id=trigger_id, decide=decide, secret=secret, condition=condition, keyed=keyed
        )

    async def delete(self, caller: Caller, *, trigger_id: UUID, condition: Condition) -> None:
        """End a trigger."""

        def decide(trigger: Trigger, _: NewSecret) -> list[TriggerEvent]:
            return triggers.decide_deletion(trigger, reason=DeletionReason.REQUESTED)

        await self._change(caller, trigger_id=trigger_id, decide=decide, condition=condition)

    def _revision(
        self, trigger: Trigger, *, wanted: Wanted, secret: str | None, new: NewSecret
    ) -> list[TriggerEvent]:
        before = trigger.config if trigger.secret_in_force is not None else None
        raise_if_invalid(
            known_config_errors(wanted.config) + secret_errors(wanted.config, secret=secret, before=before)
        )
        kept = Wanted(
            name=wanted.name,
            enabled=wanted.enabled,
            config=without_plain_token(wanted.config),
        )
        return triggers.decide_revision(trigger, wanted=kept, secret=new, now=self._chance.now())

    async def _change(
        self,
        caller: Caller,
        *,
        trigger_id: UUID,
        decide: Decide,
        condition: Condition,
        secret: str | None = None,
        keyed: Keyed[Changed] | None = None,
        cause: EventRef | None = None,
    ) -> Changed | StoredAnswer:
        async def attempt() -> Changed | StoredAnswer:
            async with self._store.unit() as unit:

                async def act() -> Changed:
                    trigger = await self._trigger(unit, caller=caller, trigger_id=trigger_id)
                    require(condition, version=trigger.version)
                    events = decide(trigger, self._new_secret(secret))
                    shown = self._keep_secret(unit, trigger=trigger, events=events, secret=secret)
                    after = await append_trigger_events(
                        unit,
                        trigger=trigger,
                        events=events,
                        author=caller.author,
                        chance=self._chance,
                        cause=cause,
                    )
                    return Changed(trigger=after, secret=shown)

                return await self._answering.once(unit, keyed=keyed, act=act)

        while True:
            try:
                return await again_after_a_lost_race(attempt)
            except NotComputedError as first:
                # Not within the unit of work: others wait for the connection that it holds.
                await config_errors(first.config, threads=self._threads, workspace=caller.workspace)

    def _new_secret(self, given: str | None) -> NewSecret:
        origin = SecretOrigin.GENERATED if given is None else SecretOrigin.SUPPLIED
        return NewSecret(self._chance.new_id(), origin)

    def _made_up(self, config: AnyTriggerConfig) -> str:
        return generate_secret(config, random=self._chance.random_bytes(32))

    def _keep_secret(
        self, unit: Unit, *, trigger: Trigger, events: Sequence[TriggerEvent], secret: str | None
    ) -> str | None:
        """Store what a rotation among the events puts in force, sealed; return it, to be shown once."""
        rotation = next((event for event in events if isinstance(event, SecretRotated)), None)
        if rotation is None:
            return None
        changes = (event.config for event in events if isinstance(event, TriggerConfigChanged))
        config = next(changes, trigger.config)
        shown = secret or self._made_up(config)
        sealed = self._vault.seal_secret(shown, secret_id=rotation.secret_id, trigger_id=trigger.id)
        unit.keep_secret(trigger.id, secret=sealed, now=self._chance.now())
        return shown

    async def _trigger(self, unit: Unit, *, caller: Caller, trigger_id: UUID) -> Trigger:
        trigger = await unit.trigger(trigger_id)
        if trigger is None or trigger.deleted_at or trigger.workspace != caller.workspace:
            raise NotFoundError("trigger")
        return trigger

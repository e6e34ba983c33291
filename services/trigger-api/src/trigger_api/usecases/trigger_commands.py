"""The commands on triggers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from trigger_api.domain import trigger_decisions as decisions
from trigger_api.domain.aggregate import EventRef
from trigger_api.domain.history import state_as_of
from trigger_api.domain.idempotency import StoredResponse
from trigger_api.domain.trigger import (
    TRIGGERS,
    DeletionReason,
    SecretOrigin,
    Trigger,
    TriggerEvent,
)
from trigger_api.domain.trigger_decisions import NewSecret
from trigger_api.domain.trigger_settings import DesiredTrigger, accept, decode_patch, decode_replacement
from trigger_api.ports import (
    ClockAndIds,
    ConcurrentChangeError,
    EventStore,
    NotFoundError,
    SecretNotUsedError,
    TriggerDirectory,
    UnitOfWork,
    Vault,
)
from trigger_api.read_model import TriggerView
from trigger_api.usecases.command import check_if_match, retry_lost_race
from trigger_api.usecases.config_check import config_errors
from trigger_api.usecases.idempotency import Idempotency
from trigger_api.usecases.trigger_command import (
    ChangedTrigger,
    CreateTrigger,
    DeleteTrigger,
    IdempotentCommand,
    PatchTrigger,
    PauseTrigger,
    ReplaceTrigger,
    ResumeTrigger,
    RevertTrigger,
    RotateSecret,
    TriggerCommand,
)
from trigger_contracts.config import AnyTriggerConfig
from trigger_runtime.concurrency import FairThreads
from trigger_validation import FieldError, raise_if_invalid
from trigger_webhooks import generate_secret, needs_secret, secret_errors, secret_warnings


class TriggerCommands:
    """Each raises ``NotFoundError``, ``StaleVersionError``, ``KeyReusedError``, ``ConcurrentChangeError``.

    A request with an idempotency key gets the same response when it comes again, and changes nothing.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        directory: TriggerDirectory,
        vault: Vault,
        clock_and_ids: ClockAndIds,
        threads: FairThreads,
    ) -> None:
        self._store = store
        self._directory = directory
        self._vault = vault
        self._clock_and_ids = clock_and_ids
        self._threads = threads
        self._idempotency = Idempotency(store, vault=vault, clock_and_ids=clock_and_ids)

    @retry_lost_race
    async def create_trigger(self, command: CreateTrigger) -> StoredResponse:
        """Raises ``InvalidError``; ``NotFoundError`` where the workflow does not exist."""
        caller = command.caller
        errors = await config_errors(
            command.desired.config, threads=self._threads, workspace=caller.workspace
        )
        desired = accept(command.desired, config_errors=errors, config_before=None)
        trigger_id = self._clock_and_ids.new_id()
        secret = self._new_secret(desired.config, supplied=desired.secret)
        events = decisions.decide_creation(
            trigger_id,
            workspace=caller.workspace,
            workflow_id=command.workflow_id,
            desired=desired,
            secret=secret,
        )
        async with self._store.unit() as unit:
            earlier = await self._idempotency.earlier_response(unit, command.key)
            if earlier is not None:
                return earlier
            now = self._clock_and_ids.now()
            shown = self._store_secret(unit, secret, trigger_id=trigger_id, events=events, now=now)
            trigger = await unit.append(TRIGGERS, None, events=events, at=now, author=caller.author)
            response = command.render(_changed(trigger, shown=shown))
            return await self._idempotency.store(unit, command.key, response=response)

    @retry_lost_race
    async def replace_trigger(self, command: ReplaceTrigger) -> StoredResponse:
        """Raises ``InvalidError``."""
        seen = await self._seen(command)
        desired = decode_replacement(seen, body=command.body)
        return command.render(await self._revise(command, seen=seen, desired=desired))

    @retry_lost_race
    async def patch_trigger(self, command: PatchTrigger) -> StoredResponse:
        """Raises ``InvalidError``."""
        seen = await self._seen(command)
        desired = decode_patch(seen, patch=command.patch)
        return command.render(await self._revise(command, seen=seen, desired=desired))

    @retry_lost_race
    async def pause_trigger(self, command: PauseTrigger) -> StoredResponse:
        """A trigger that is paused stays so."""
        return await self._change_once(command, decide=_decide_pause)

    @retry_lost_race
    async def resume_trigger(self, command: ResumeTrigger) -> StoredResponse:
        """A trigger that is not paused stays so.

        Raises ``InvalidError`` where an older release has accepted the configuration and this one does not.
        """
        workspace = command.caller.workspace
        seen = await self._directory.trigger(command.trigger_id, workspace=workspace)
        errors = await config_errors(seen.config, threads=self._threads, workspace=workspace) if seen else []
        return await self._change_once(command, decide=partial(_decide_resumption, seen=seen, errors=errors))

    @retry_lost_race
    async def rotate_secret(self, command: RotateSecret) -> StoredResponse:
        """Raises ``SecretNotUsedError`` where the trigger takes none, ``InvalidError``."""
        return await self._change_once(command, decide=partial(self._decide_rotation, command=command))

    @retry_lost_race
    async def revert_trigger(self, command: RevertTrigger) -> StoredResponse:
        """Raises ``NoSuchVersionError``, ``InvalidError`` (the configuration is not accepted any more)."""
        workspace = command.caller.workspace
        history = await self._store.history(TRIGGERS, command.trigger_id, workspace=workspace)
        past = state_as_of(TRIGGERS, history, moment=command.version)
        errors = await config_errors(past.config, threads=self._threads, workspace=workspace)
        desired = DesiredTrigger(name=past.name, enabled=past.enabled, config=past.config)
        cause = EventRef(past.id, past.version)
        decide = partial(self._decide_revision, desired=desired, errors=errors, cause=cause)
        return await self._change_once(command, decide=decide)

    @retry_lost_race
    async def delete_trigger(self, command: DeleteTrigger) -> None:
        """End a trigger."""
        async with self._store.unit() as unit:
            trigger = await self._load(unit, command)
            events = decisions.decide_deletion(trigger, reason=DeletionReason.REQUESTED)
            await self._append(unit, trigger, decision=_Decision(events), command=command)

    async def _seen(self, command: TriggerCommand) -> TriggerView:
        """Return the trigger as the API shows it, to read the command against it."""
        view = await self._directory.trigger(command.trigger_id, workspace=command.caller.workspace)
        if view is None:
            raise NotFoundError(TRIGGERS.name)
        check_if_match(command.if_match, version=view.version)
        return view

    async def _revise(
        self, command: TriggerCommand, *, seen: TriggerView, desired: DesiredTrigger
    ) -> ChangedTrigger:
        # A timetable can take seconds to compute. That is done before a connection is held.
        errors = (
            await config_errors(desired.config, threads=self._threads, workspace=command.caller.workspace)
            if decisions.is_checked_again(seen, desired=desired)
            else ()
        )
        async with self._store.unit() as unit:
            trigger = await self._load(unit, command)
            if trigger.version != seen.version:
                raise ConcurrentChangeError
            decision = self._decide_revision(trigger, desired=desired, errors=errors)
            return await self._append(unit, trigger, decision=decision, command=command)

    async def _change_once(
        self, command: IdempotentCommand, *, decide: Callable[[Trigger], "_Decision"]
    ) -> StoredResponse:
        """Change a trigger as decided; return the earlier response where the command's key has one."""
        async with self._store.unit() as unit:
            earlier = await self._idempotency.earlier_response(unit, command.key)
            if earlier is not None:
                return earlier
            trigger = await self._load(unit, command)
            changed = await self._append(unit, trigger, decision=decide(trigger), command=command)
            return await self._idempotency.store(unit, command.key, response=command.render(changed))

    async def _load(self, unit: UnitOfWork, command: TriggerCommand) -> Trigger:
        trigger = await unit.load(TRIGGERS, command.trigger_id)
        if trigger is None or trigger.deleted_at or trigger.workspace != command.caller.workspace:
            raise NotFoundError(TRIGGERS.name)
        check_if_match(command.if_match, version=trigger.version)
        return trigger

    def _decide_rotation(self, trigger: Trigger, *, command: RotateSecret) -> "_Decision":
        if not needs_secret(trigger.config):
            raise SecretNotUsedError
        raise_if_invalid(secret_errors(trigger.config, secret=command.secret, before=None))
        secret, now = self._new_secret(trigger.config, supplied=command.secret), self._clock_and_ids.now()
        events = decisions.decide_rotation(secret=secret, overlap=command.overlap, now=now)
        return _Decision(events, secret=secret)

    def _decide_revision(
        self,
        trigger: Trigger,
        *,
        desired: DesiredTrigger,
        errors: Sequence[FieldError],
        cause: EventRef | None = None,
    ) -> "_Decision":
        """Decide what makes a trigger as desired."""
        config_before = trigger.config if trigger.secret_in_force is not None else None
        desired = accept(desired, config_errors=errors, config_before=config_before)
        secret, now = self._new_secret(desired.config, supplied=desired.secret), self._clock_and_ids.now()
        events = decisions.decide_revision(trigger, desired=desired, secret=secret, now=now)
        return _Decision(events, secret=secret, cause=cause)

    async def _append(
        self, unit: UnitOfWork, trigger: Trigger, *, decision: "_Decision", command: TriggerCommand
    ) -> ChangedTrigger:
        now, author, events = self._clock_and_ids.now(), command.caller.author, decision.events
        shown = self._store_secret(unit, decision.secret, trigger_id=trigger.id, events=events, now=now)
        after = await unit.append(
            TRIGGERS, trigger, events=events, at=now, author=author, cause=decision.cause
        )
        return _changed(after, shown=shown)

    def _new_secret(self, config: AnyTriggerConfig, *, supplied: str | None) -> NewSecret:
        origin = SecretOrigin.GENERATED if supplied is None else SecretOrigin.SUPPLIED
        text = supplied or generate_secret(config, random=self._clock_and_ids.random_bytes(32))
        return NewSecret(id=self._clock_and_ids.new_id(), origin=origin, text=text)

    def _store_secret(
        self,
        unit: UnitOfWork,
        secret: NewSecret | None,
        *,
        trigger_id: UUID,
        events: Sequence[TriggerEvent],
        now: datetime,
    ) -> str | None:
        """Store a secret that one of the events puts in force, sealed; return it, to be shown once."""
        if secret is None or not decisions.puts_in_force(events, secret=secret):
            return None
        sealed = self._vault.seal_secret(secret.text, secret_id=secret.id, trigger_id=trigger_id)
        unit.store_secret(trigger_id, secret=sealed, at=now)
        return secret.text


@dataclass(frozen=True, slots=True)
class _Decision:
    """What happens to a trigger. ``secret`` is stored where one of the events puts it in force."""

    events: Sequence[TriggerEvent]
    secret: NewSecret | None = None
    cause: EventRef | None = None


def _changed(trigger: Trigger, *, shown: str | None) -> ChangedTrigger:
    warnings = secret_warnings(trigger.config, secret=shown)
    return ChangedTrigger(trigger, secret=shown, warnings=warnings)


def _decide_pause(trigger: Trigger) -> _Decision:
    return _Decision(decisions.decide_pause(trigger))


def _decide_resumption(
    trigger: Trigger, *, seen: TriggerView | None, errors: Sequence[FieldError]
) -> _Decision:
    if seen is None or trigger.version != seen.version:
        # The configuration that was checked is not the one that would be resumed.
        raise ConcurrentChangeError
    raise_if_invalid(errors)
    return _Decision(decisions.decide_resumption(trigger))

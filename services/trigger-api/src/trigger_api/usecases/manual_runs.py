"""Runs that a person asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec

from trigger_api.domain.idempotency import IdempotencyKey, StoredResponse
from trigger_api.domain.input_schema import completed, input_errors
from trigger_api.ports import (
    ClockAndIds,
    EventStore,
    Firings,
    NotFoundError,
    TriggerDirectory,
    TriggerDisabledError,
    Vault,
)
from trigger_api.usecases.command import Caller
from trigger_api.usecases.idempotency import Idempotency
from trigger_contracts.config import AnyTriggerConfig, ManualConfig, trigger_type_of
from trigger_contracts.firings import ManualFiring
from trigger_validation import FieldError, InvalidError, raise_if_invalid, size_errors

MAX_INPUT_BYTES: Final = 1024 * 1024
"""Inputs go through the bus and Temporal, which takes 2 MiB for them and the definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteTrigger:
    """Run a trigger now, whatever its type. ``render`` is given the execution id."""

    caller: Caller
    trigger_id: UUID
    inputs: dict[str, Any] | None
    key: IdempotencyKey | None
    render: Callable[[UUID], StoredResponse]


class ManualRuns:
    """Requests to run a trigger."""

    def __init__(
        self,
        store: EventStore,
        *,
        directory: TriggerDirectory,
        firings: Firings,
        vault: Vault,
        clock_and_ids: ClockAndIds,
    ) -> None:
        self._directory = directory
        self._firings = firings
        self._clock_and_ids = clock_and_ids
        self._idempotency = Idempotency(store, vault=vault, clock_and_ids=clock_and_ids)

    async def execute_trigger(self, command: ExecuteTrigger) -> StoredResponse:
        """Ask for a run; return once the bus has stored the request.

        A key makes the execution id, so that a request whose response was lost runs once however often it is
        repeated. Raises ``InvalidError`` for inputs that do not fit, ``NotFoundError``,
        ``TriggerDisabledError``, ``FiringUnconfirmedError``, ``FiringTooLargeError``, ``KeyReusedError``,
        ``OutcomeUnknownError``.
        """
        call = await self._idempotency.begin_call(command.key, check=self._firing(command))
        if isinstance(call, StoredResponse):
            return call
        firing = msgspec.structs.replace(call.checked, execution_id=call.id_for(command.trigger_id))
        await self._firings.publish(firing)
        return await self._idempotency.end_call(command.key, response=command.render(firing.execution_id))

    async def _firing(self, command: ExecuteTrigger) -> ManualFiring:
        """Return the request.

        It names the workflow's version as the caller could see it: the run waits until the definition that
        it is meant for has come through.
        """
        trigger = await self._directory.runnable(command.trigger_id, workspace=command.caller.workspace)
        if trigger is None:
            raise NotFoundError("trigger")
        if not trigger.enabled:
            raise TriggerDisabledError
        return ManualFiring(
            execution_id=self._clock_and_ids.new_id(),
            workspace=command.caller.workspace,
            trigger_id=trigger.id,
            trigger_type=trigger_type_of(trigger.config),
            trigger_name=trigger.name,
            trigger_version=trigger.version,
            workflow_id=trigger.workflow_id,
            workflow_version=trigger.workflow_version,
            inputs=effective_inputs(trigger.config, inputs=command.inputs),
            requested_at=self._clock_and_ids.now(),
            actor=command.caller.author.actor,
            request_id=command.caller.author.request_id,
        )


def effective_inputs(config: AnyTriggerConfig, *, inputs: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a run gets: the trigger's own inputs, overridden key by key, and its schema's defaults.

    Raises ``InvalidError``.
    """
    effective = inputs or {}
    if isinstance(config, ManualConfig):
        if config.require_inputs and not inputs:
            raise InvalidError([FieldError("/inputs", "This trigger requires inputs.")])
        effective = {**config.inputs, **effective}
        if config.input_schema is not None:
            raise_if_invalid(input_errors(effective, schema=config.input_schema, pointer="/inputs"))
            effective = completed(effective, schema=config.input_schema)
    raise_if_invalid(size_errors(effective, limit=MAX_INPUT_BYTES, pointer="/inputs"))
    return effective

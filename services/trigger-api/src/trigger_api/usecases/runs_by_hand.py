"""Asking for a run now."""

from typing import Any, Final
from uuid import UUID

import msgspec

from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.input_schema import input_errors
from trigger_api.ports import ClockAndIds, EventStore, Firings, NotFoundError, TriggerDisabledError, Vault
from trigger_api.read_model import ReadModel
from trigger_api.usecases.appending import Answering, Caller
from trigger_contracts import ids
from trigger_contracts.config import AnyTriggerConfig, ManualConfig, trigger_type_of
from trigger_contracts.firings import ManualFiring
from trigger_validation import FieldError, InvalidError, raise_if_invalid, size_errors

MAX_INPUT_BYTES: Final = 1024 * 1024
"""Inputs go through the bus and Temporal, which takes 2 MiB for them and the definition."""


class RunsByHand:
    """Requests to run a trigger, whatever its type."""

    def __init__(
        self, store: EventStore, *, read_model: ReadModel, firings: Firings, vault: Vault, chance: ClockAndIds
    ) -> None:
        self._store = store
        self._read_model = read_model
        self._firings = firings
        self._chance = chance
        self._answering = Answering(vault, chance=chance)

    async def execute(
        self,
        caller: Caller,
        *,
        trigger_id: UUID,
        inputs: dict[str, Any] | None,
        keyed: Keyed[UUID] | None = None,
    ) -> UUID | StoredAnswer:
        """Ask for a run; return its execution id once the bus has stored the request.

        A key makes the execution id, so that a request whose answer was lost runs once however often it is
        repeated; the answer is kept only once the bus has the request. Raises ``InvalidError`` for inputs
        that do not fit, ``TriggerDisabledError``, ``FiringNotStoredError``, ``KeyReusedError``.
        """

        async def check() -> ManualFiring:
            return await self._firing(caller, trigger_id=trigger_id, inputs=inputs)

        async def act(firing: ManualFiring, seed: str | None) -> UUID:
            if seed is not None:
                execution_id = ids.manual_execution_id(trigger_id, key=seed)
                firing = msgspec.structs.replace(firing, execution_id=execution_id)
            await self._firings.request(firing)
            return firing.execution_id

        return await self._answering.outside(self._store, keyed=keyed, check=check, act=act)

    async def _firing(
        self, caller: Caller, *, trigger_id: UUID, inputs: dict[str, Any] | None
    ) -> ManualFiring:
        """Return the request.

        It names the workflow's version as the caller could see it: the run waits until the definition that
        it is meant for has come through.
        """
        trigger = await self._read_model.runnable(trigger_id, workspace=caller.workspace)
        if trigger is None:
            raise NotFoundError("trigger")
        if not trigger.enabled:
            raise TriggerDisabledError
        return ManualFiring(
            execution_id=self._chance.new_id(),
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


def effective_inputs(config: AnyTriggerConfig, *, given: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a run gets: the trigger's own inputs, overridden key by key. Raises ``InvalidError``."""
    inputs = given or {}
    if isinstance(config, ManualConfig):
        if config.require_inputs and not given:
            raise InvalidError([FieldError("/inputs", "This trigger requires inputs.")])
        inputs = {**config.inputs, **inputs}
        if config.input_schema is not None:
            raise_if_invalid(input_errors(inputs, schema=config.input_schema, pointer="/inputs"))
    raise_if_invalid(size_errors(inputs, limit=MAX_INPUT_BYTES, pointer="/inputs"))
    return inputs

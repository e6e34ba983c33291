"""``/api/triggers/{id}/…``: what can be done with a trigger apart from changing it."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from trigger_api.entrypoints import request_models as requests
from trigger_api.entrypoints.http import RUN, WRITE, KeyHeader, response_of
from trigger_api.entrypoints.preconditions import ETAG, IfMatch, Preconditions
from trigger_api.entrypoints.response_models import ExecutionAccepted, TriggerDocument, run_accepted
from trigger_api.entrypoints.trigger_renderer import TriggerRenderer
from trigger_api.usecases.command import Caller
from trigger_api.usecases.manual_runs import ExecuteTrigger, ManualRuns
from trigger_api.usecases.trigger_command import PauseTrigger, ResumeTrigger, RevertTrigger, RotateSecret
from trigger_api.usecases.trigger_commands import TriggerCommands
from trigger_runtime.web.operations import Response, Success, operation

_SHOWN: Final = Success(description="The trigger.", headers=ETAG)
RUN_ACCEPTED_HEADERS: Final = {"X-Execution-Id": "The execution's id."}


class TriggerActionHandlers:
    """The handlers, and what they need."""

    def __init__(
        self,
        commands: TriggerCommands,
        *,
        runs: ManualRuns,
        renderer: TriggerRenderer,
        preconditions: Preconditions,
    ) -> None:
        self._commands = commands
        self._runs = runs
        self._renderer = renderer
        self._preconditions = preconditions

    @operation("POST", "/api/triggers/{id}/pause", scope=WRITE, tag="Triggers", success=_SHOWN)
    async def pause_trigger(
        self, caller: Caller, trigger_id: UUID, if_match: IfMatch, key: KeyHeader
    ) -> Response[TriggerDocument]:
        """Let a trigger start nothing until it is resumed."""
        command = PauseTrigger(
            caller=caller,
            trigger_id=trigger_id,
            if_match=self._preconditions.versions(if_match),
            key=key.idempotency_key(caller=caller),
            render=await self._renderer.for_change(trigger_id),
        )
        return response_of(await self._commands.pause_trigger(command))

    @operation("POST", "/api/triggers/{id}/resume", scope=WRITE, tag="Triggers", success=_SHOWN)
    async def resume_trigger(
        self, caller: Caller, trigger_id: UUID, if_match: IfMatch, key: KeyHeader
    ) -> Response[TriggerDocument]:
        """Let a trigger start workflows again."""
        command = ResumeTrigger(
            caller=caller,
            trigger_id=trigger_id,
            if_match=self._preconditions.versions(if_match),
            key=key.idempotency_key(caller=caller),
            render=await self._renderer.for_change(trigger_id),
        )
        return response_of(await self._commands.resume_trigger(command))

    @operation("POST", "/api/triggers/{id}/rotate-secret", scope=WRITE, tag="Triggers", success=_SHOWN)
    async def rotate_secret(
        self,
        caller: Caller,
        trigger_id: UUID,
        if_match: IfMatch,
        key: KeyHeader,
        sent_body: Any,
        body: requests.RotateSecret = requests.RotateSecret(),  # noqa: B008 - frozen
    ) -> Response[TriggerDocument]:
        """Put a new webhook secret in force.

        The old one stays valid for `overlapSeconds`; `previousSecret` tells of its use.
        """
        command = RotateSecret(
            caller=caller,
            trigger_id=trigger_id,
            if_match=self._preconditions.versions(if_match),
            key=key.idempotency_key(caller=caller, body=sent_body),
            render=await self._renderer.for_change(trigger_id),
            secret=body.secret,
            overlap=timedelta(seconds=body.overlap_seconds),
        )
        return response_of(await self._commands.rotate_secret(command))

    @operation("POST", "/api/triggers/{id}/revert", scope=WRITE, tag="Triggers", success=_SHOWN)
    async def revert_trigger(
        self,
        caller: Caller,
        trigger_id: UUID,
        if_match: IfMatch,
        key: KeyHeader,
        sent_body: Any,
        body: requests.Revert,
    ) -> Response[TriggerDocument]:
        """Lead a trigger back to an earlier version.

        Appends the events that lead back there. Secrets stay as they are: one that was rotated away does not
        come back.
        """
        command = RevertTrigger(
            caller=caller,
            trigger_id=trigger_id,
            if_match=self._preconditions.versions(if_match),
            key=key.idempotency_key(caller=caller, body=sent_body),
            render=await self._renderer.for_change(trigger_id),
            version=body.version,
        )
        return response_of(await self._commands.revert_trigger(command))

    @operation(
        "POST",
        "/api/triggers/{id}/execute",
        scope=RUN,
        tag="Triggers",
        success=Success(
            status=202,
            description="The request is stored; this execution will run.",
            headers=RUN_ACCEPTED_HEADERS,
        ),
    )
    async def execute_trigger(
        self,
        caller: Caller,
        trigger_id: UUID,
        key: KeyHeader,
        sent_body: Any,
        body: requests.ExecuteTrigger = requests.ExecuteTrigger(),  # noqa: B008 - frozen
    ) -> Response[ExecutionAccepted]:
        """Run a trigger now, whatever its type."""
        command = ExecuteTrigger(
            caller=caller,
            trigger_id=trigger_id,
            inputs=body.inputs,
            key=key.idempotency_key(caller=caller, body=sent_body),
            render=run_accepted,
        )
        return response_of(await self._runs.execute_trigger(command))

"""``/api/triggers``."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from trigger_api.adapters.postgres_read_model import PostgresReadModel
from trigger_api.domain.history import changes_of, state_as_of
from trigger_api.domain.idempotency import StoredResponse
from trigger_api.domain.trigger import TRIGGERS
from trigger_api.domain.trigger_settings import DesiredTrigger
from trigger_api.entrypoints import request_models as requests
from trigger_api.entrypoints.history_page import event_page
from trigger_api.entrypoints.http import (
    READ,
    WRITE,
    KeyHeader,
    response_of,
    without_shown,
)
from trigger_api.entrypoints.preconditions import ETAG, IfMatch, Preconditions, etag_of
from trigger_api.entrypoints.request_models import AfterId, AsOf, ListEvents, ListTriggers
from trigger_api.entrypoints.response_models import EventPage, TriggerDocument, TriggerPage
from trigger_api.entrypoints.trigger_renderer import TriggerRenderer
from trigger_api.ports import EventStore, NotFoundError
from trigger_api.read_model import Activity, TriggerFilter, view_of
from trigger_api.usecases.command import Caller
from trigger_api.usecases.trigger_command import (
    ChangedTrigger,
    CreateTrigger,
    DeleteTrigger,
    PatchTrigger,
    ReplaceTrigger,
)
from trigger_api.usecases.trigger_commands import TriggerCommands
from trigger_runtime.web.operations import JSON, MERGE_PATCH, Response, Success, operation
from trigger_runtime.web.parameters import encode_cursor

_UNKNOWN: Final = Activity(trigger_count=None)
_SHOWN_ONLY: Final = frozenset(field.encode_name for field in msgspec.structs.fields(TriggerDocument)) - {
    "workflowId",
    "triggerType",
    "name",
    "enabled",
    "config",
}
"""What an answer has, and a request cannot set."""
_SHOWN: Final = Success(description="The trigger.", headers=ETAG)
_ID: Final = {"id": "$response.body#/id"}
_OPERATIONS_ON_IT: Final = dict.fromkeys(
    (
        "getTrigger",
        "replaceTrigger",
        "patchTrigger",
        "deleteTrigger",
        "pauseTrigger",
        "resumeTrigger",
        "rotateSecret",
        "revertTrigger",
        "executeTrigger",
        "listTriggerEvents",
        "getSchedule",
    ),
    _ID,
)


class TriggerHandlers:
    """The handlers, and what they need."""

    def __init__(
        self,
        commands: TriggerCommands,
        *,
        read_model: PostgresReadModel,
        store: EventStore,
        renderer: TriggerRenderer,
        preconditions: Preconditions,
    ) -> None:
        self._commands = commands
        self._read_model = read_model
        self._store = store
        self._renderer = renderer
        self._preconditions = preconditions

    @operation(
        "POST",
        "/api/triggers",
        scope=WRITE,
        tag="Triggers",
        success=Success(
            status=201,
            description="It is created.",
            headers={**ETAG, "Location": "Its address."},
            links=_OPERATIONS_ON_IT,
        ),
        errors=(404,),
    )
    async def create_trigger(
        self, caller: Caller, key: KeyHeader, body: requests.CreateTrigger, sent_body: Any
    ) -> Response[TriggerDocument]:
        """Create a trigger.

        A webhook's secret is in this answer and in no other.
        """
        desired = DesiredTrigger(
            name=body.name,
            enabled=body.enabled,
            config=body.config,
            secret=body.secret if isinstance(body, requests.CreateWebhook) else None,
        )
        command = CreateTrigger(
            caller=caller,
            workflow_id=body.workflow_id,
            desired=desired,
            key=key.idempotency_key(caller=caller, body=sent_body),
            render=self._created,
        )
        return response_of(await self._commands.create_trigger(command))

    @operation("GET", "/api/triggers", scope=READ, tag="Triggers", success=Success(description="A page."))
    async def list_triggers(self, caller: Caller, query: ListTriggers) -> TriggerPage:
        """List triggers, newest first."""
        page = await self._read_model.triggers(
            workspace=caller.workspace,
            where=TriggerFilter(
                workflow_id=query.workflow_id,
                trigger_type=query.type,
                enabled=query.enabled,
                name=query.name,
            ),
            before=query.cursor.id if query.cursor else None,
            limit=query.limit,
        )
        return TriggerPage(
            items=[self._renderer.document(view) for view in page.items],
            next_cursor=encode_cursor(AfterId(page.last)) if page.last else None,
        )

    @operation("GET", "/api/triggers/{id}", scope=READ, tag="Triggers", success=_SHOWN)
    async def get_trigger(self, caller: Caller, trigger_id: UUID, query: AsOf) -> Response[TriggerDocument]:
        """Show a trigger, as it is or as it was."""
        if query.as_of is not None:
            history = await self._store.history(TRIGGERS, trigger_id, workspace=caller.workspace)
            past = state_as_of(TRIGGERS, history, moment=query.as_of)
            if past.deleted_at is not None:
                raise NotFoundError("trigger at that time")
            return Response(content=self._renderer.document(view_of(past, activity=_UNKNOWN)))
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        return Response(content=self._renderer.document(view), headers=etag_of(view.version))

    @operation("PUT", "/api/triggers/{id}", scope=WRITE, tag="Triggers", success=_SHOWN, errors=(409,))
    async def replace_trigger(
        self,
        caller: Caller,
        trigger_id: UUID,
        if_match: IfMatch,
        sent_body: Annotated[Any, requests.PutTrigger],
    ) -> Response[TriggerDocument]:
        """Replace a trigger's name and configuration."""
        body = self._without_shown(sent_body, trigger_id=trigger_id)
        command = ReplaceTrigger(
            caller=caller,
            trigger_id=trigger_id,
            if_match=self._preconditions.versions(if_match, body=sent_body),
            body=body,
            render=await self._renderer.for_change(trigger_id),
        )
        return response_of(await self._commands.replace_trigger(command))

    @operation(
        "PATCH",
        "/api/triggers/{id}",
        scope=WRITE,
        tag="Triggers",
        success=_SHOWN,
        errors=(409,),
        media_types=(JSON, MERGE_PATCH),
    )
    async def patch_trigger(
        self,
        caller: Caller,
        trigger_id: UUID,
        if_match: IfMatch,
        sent_body: Annotated[Any, requests.PatchTrigger],
    ) -> Response[TriggerDocument]:
        """Change a trigger (JSON merge patch)."""
        patch = self._without_shown(sent_body, trigger_id=trigger_id)
        command = PatchTrigger(
            caller=caller,
            trigger_id=trigger_id,
            if_match=self._preconditions.versions(if_match, body=sent_body),
            patch=patch,
            render=await self._renderer.for_change(trigger_id),
        )
        return response_of(await self._commands.patch_trigger(command))

    @operation(
        "DELETE",
        "/api/triggers/{id}",
        scope=WRITE,
        tag="Triggers",
        success=Success(status=204, description="It is gone; its history stays."),
        errors=(400, 409),
    )
    async def delete_trigger(self, caller: Caller, trigger_id: UUID, if_match: IfMatch) -> None:
        """Delete a trigger."""
        versions = self._preconditions.versions(if_match)
        command = DeleteTrigger(caller=caller, trigger_id=trigger_id, if_match=versions)
        await self._commands.delete_trigger(command)

    @operation(
        "GET",
        "/api/triggers/{id}/events",
        scope=READ,
        tag="Triggers",
        success=Success(description="A page of the history."),
    )
    async def list_trigger_events(self, caller: Caller, trigger_id: UUID, query: ListEvents) -> EventPage:
        """Who changed what and when, newest first."""
        history = await self._store.history(TRIGGERS, trigger_id, workspace=caller.workspace)
        if not history:
            raise NotFoundError("trigger")
        return event_page(changes_of(TRIGGERS, history), cursor=query.cursor, limit=query.limit)

    def _without_shown(self, sent_body: Any, *, trigger_id: UUID) -> Any:
        fixed = self._renderer.fixed(trigger_id)
        return without_shown(sent_body, item_id=trigger_id, shown=_SHOWN_ONLY, fixed=fixed)

    def _created(self, changed: ChangedTrigger) -> StoredResponse:
        location = {"Location": f"/api/triggers/{changed.trigger.id}"}
        return self._renderer.response(changed, activity=Activity(), status=201, headers=location)

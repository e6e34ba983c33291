"""The read API."""

import re
from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

from aiohttp import web

from execution_recorder.domain.execution import ExecutionStatus
from execution_recorder.entrypoints.views import (
    CursorKey,
    cursor_key,
    execution_view,
    page_key,
    webhook_log_view,
)
from execution_recorder.ports import (
    ExecutionFilter,
    Executions,
    Owners,
    Page,
    PageRequest,
    StoredExecution,
    StoredWebhookLog,
    WebhookLogFilter,
    WebhookLogs,
)
from trigger_contracts.deliveries import RejectionReason
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response
from trigger_runtime.web.problem import ProblemError, not_found
from trigger_runtime.web.tokens import TokenVerifier

T = TypeVar("T")

_SCOPE: Final = "triggers:read"
_PAGED: Final = frozenset({"from", "to", "limit", "cursor"})
_OF_EXECUTIONS: Final = _PAGED | {"workflowId", "status"}
_OF_LOGS: Final = _PAGED | {"status", "reason"}
_STATUS: Final = re.compile(r"[1-5][0-9]{2}", re.ASCII)


def history_routes(
    *, executions: Executions, webhook_logs: WebhookLogs, owners: Owners, tokens: TokenVerifier
) -> list[web.AbstractRouteDef]:
    """Return the routes. Everything is read within the token's workspace, and nothing outside it exists."""
    history = _History(executions, webhook_logs=webhook_logs, owners=owners, tokens=tokens)
    return [
        web.get("/api/executions", history.list_executions),
        web.get("/api/executions/{id}", history.show_execution),
        web.get("/api/triggers/{id}/executions", history.list_executions_of_trigger),
        web.get("/api/webhook-logs", history.list_webhook_logs),
        web.get("/api/webhook-logs/{id}", history.show_webhook_log),
        web.get("/api/triggers/{id}/webhook-logs", history.list_webhook_logs_of_trigger),
    ]


class _History:
    def __init__(
        self, executions: Executions, *, webhook_logs: WebhookLogs, owners: Owners, tokens: TokenVerifier
    ) -> None:
        self._executions = executions
        self._logs = webhook_logs
        self._owners = owners
        self._tokens = tokens

    async def _workspace(self, request: web.Request) -> str:
        principal = await self._tokens.principal(request, scope=_SCOPE)
        return principal.workspace

    async def show_execution(self, request: web.Request) -> web.Response:
        workspace = await self._workspace(request)
        queries.refuse_unknown(request, known=())
        found = await self._executions.get(queries.path_id(request, what="execution"), workspace=workspace)
        if found is None:
            raise not_found("execution")
        return json_response(execution_view(found))

    async def show_webhook_log(self, request: web.Request) -> web.Response:
        workspace = await self._workspace(request)
        queries.refuse_unknown(request, known=())
        found = await self._logs.get(queries.path_id(request, what="webhook log"), workspace=workspace)
        if found is None:
            raise not_found("webhook log")
        return json_response(webhook_log_view(found))

    async def list_executions(self, request: web.Request) -> web.Response:
        workspace = await self._workspace(request)
        queries.refuse_unknown(request, known=_OF_EXECUTIONS | {"triggerId"})
        page = await self._executions_page(
            request, workspace=workspace, trigger_id=queries.uuid_of(request, "triggerId")
        )
        return _page_response(page, view=execution_view)

    async def list_executions_of_trigger(self, request: web.Request) -> web.Response:
        workspace = await self._workspace(request)
        queries.refuse_unknown(request, known=_OF_EXECUTIONS)
        trigger_id = queries.path_id(request, what="trigger")
        page = await self._executions_page(request, workspace=workspace, trigger_id=trigger_id)
        await self._refuse_others(page, trigger_id=trigger_id, workspace=workspace)
        return _page_response(page, view=execution_view)

    async def list_webhook_logs(self, request: web.Request) -> web.Response:
        workspace = await self._workspace(request)
        queries.refuse_unknown(request, known=_OF_LOGS | {"triggerId"})
        page = await self._logs_page(
            request, workspace=workspace, trigger_id=queries.uuid_of(request, "triggerId")
        )
        return _page_response(page, view=webhook_log_view)

    async def list_webhook_logs_of_trigger(self, request: web.Request) -> web.Response:
        workspace = await self._workspace(request)
        queries.refuse_unknown(request, known=_OF_LOGS)
        trigger_id = queries.path_id(request, what="trigger")
        page = await self._logs_page(request, workspace=workspace, trigger_id=trigger_id)
        await self._refuse_others(page, trigger_id=trigger_id, workspace=workspace)
        return _page_response(page, view=webhook_log_view)

    async def _executions_page(
        self, request: web.Request, *, workspace: str, trigger_id: UUID | None
    ) -> Page[StoredExecution]:
        wanted = ExecutionFilter(
            workspace=workspace,
            trigger_id=trigger_id,
            workflow_id=queries.uuid_of(request, "workflowId"),
            status=queries.choice_of(request, "status", among=list(ExecutionStatus)),
            since=queries.time_of(request, "from"),
            until=queries.time_of(request, "to"),
        )
        return await self._executions.find(wanted, page=_page_request(request))

    async def _logs_page(
        self, request: web.Request, *, workspace: str, trigger_id: UUID | None
    ) -> Page[StoredWebhookLog]:
        wanted = WebhookLogFilter(
            workspace=workspace,
            trigger_id=trigger_id,
            response_status=_response_status(request),
            rejection_reason=queries.choice_of(request, "reason", among=list(RejectionReason)),
            since=queries.time_of(request, "from"),
            until=queries.time_of(request, "to"),
        )
        return await self._logs.find(wanted, page=_page_request(request))

    async def _refuse_others(self, page: Page[T], *, trigger_id: UUID, workspace: str) -> None:
        """Answer 404 for somebody else's trigger. Rows are read by workspace, so any one proves it ours."""
        if not page.items and await self._owners.owner(trigger_id) != workspace:
            raise not_found("trigger")


def _bad(name: str, reason: str) -> ProblemError:
    return ProblemError(400, code="bad_parameter", detail=f"Query parameter {name!r}: {reason}.")


def _response_status(request: web.Request) -> int | None:
    text = request.query.get("status")
    if text is not None and not _STATUS.fullmatch(text):
        raise _bad("status", "Expected an HTTP status, like 202")
    return None if text is None else int(text)


def _page_request(request: web.Request) -> PageRequest:
    cursor = queries.cursor_of(request, CursorKey)
    return PageRequest(limit=queries.limit_of(request), after=None if cursor is None else page_key(cursor))


def _page_response(page: Page[T], *, view: Callable[[T], object]) -> web.Response:
    next_cursor = None if page.next is None else queries.encode_cursor(cursor_key(page.next))
    return json_response({"items": [view(item) for item in page.items], "nextCursor": next_cursor})

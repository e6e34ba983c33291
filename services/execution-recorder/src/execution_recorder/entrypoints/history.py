"""The operations that show executions and webhook requests; everything within the caller's workspace."""

from typing import Final
from uuid import UUID

from execution_recorder.adapters.postgres_executions import PostgresExecutions
from execution_recorder.adapters.postgres_webhook_logs import PostgresWebhookLogs
from execution_recorder.adapters.trigger_workspaces import TriggerWorkspaces
from execution_recorder.read_model import (
    ExecutionDocument,
    ExecutionPage,
    ExecutionsQuery,
    TriggerExecutionsQuery,
    TriggerWebhookLogsQuery,
    WebhookLogDocument,
    WebhookLogPage,
    WebhookLogsQuery,
)
from trigger_runtime.web.operations import Success, operation
from trigger_runtime.web.parameters import NoQuery
from trigger_runtime.web.problem import not_found
from trigger_runtime.web.tokens import Principal

READ: Final = "triggers:read"
_PAGE: Final = Success(description="A page, newest first.")


async def check_workspace(trigger_id: UUID, *, workspace: str, workspaces: TriggerWorkspaces) -> None:
    """Raise ``ProblemError`` 404 for a trigger of another workspace.

    Rows are read by workspace, so a trigger with any row needs no check.
    """
    if await workspaces.workspace_of(trigger_id) != workspace:
        raise not_found("trigger")


class ExecutionHandlers:
    """``/api/executions``."""

    def __init__(self, executions: PostgresExecutions, *, workspaces: TriggerWorkspaces) -> None:
        self._executions = executions
        self._workspaces = workspaces

    @operation("GET", "/api/executions", scope=READ, tag="Executions", success=_PAGE)
    async def list_executions(self, caller: Principal, query: ExecutionsQuery) -> ExecutionPage:
        """List executions."""
        return await self._executions.page(query, workspace=caller.workspace, trigger_id=query.trigger_id)

    @operation(
        "GET",
        "/api/executions/{id}",
        scope=READ,
        tag="Executions",
        success=Success(description="The execution."),
    )
    async def get_execution(
        self,
        caller: Principal,
        execution_id: UUID,
        query: NoQuery,  # noqa: ARG002 - it refuses every parameter
    ) -> ExecutionDocument:
        """Show an execution."""
        execution = await self._executions.get(execution_id, workspace=caller.workspace)
        if execution is None:
            raise not_found("execution")
        return execution

    @operation("GET", "/api/triggers/{id}/executions", scope=READ, tag="Executions", success=_PAGE)
    async def list_trigger_executions(
        self, caller: Principal, trigger_id: UUID, query: TriggerExecutionsQuery
    ) -> ExecutionPage:
        """List the executions of a trigger."""
        page = await self._executions.page(query, workspace=caller.workspace, trigger_id=trigger_id)
        if not page.items:
            await check_workspace(trigger_id, workspace=caller.workspace, workspaces=self._workspaces)
        return page


class WebhookLogHandlers:
    """``/api/webhook-logs``."""

    def __init__(self, webhook_logs: PostgresWebhookLogs, *, workspaces: TriggerWorkspaces) -> None:
        self._logs = webhook_logs
        self._workspaces = workspaces

    @operation("GET", "/api/webhook-logs", scope=READ, tag="Webhook logs", success=_PAGE)
    async def list_webhook_logs(self, caller: Principal, query: WebhookLogsQuery) -> WebhookLogPage:
        """List webhook requests, accepted and refused."""
        return await self._logs.page(query, workspace=caller.workspace, trigger_id=query.trigger_id)

    @operation(
        "GET",
        "/api/webhook-logs/{id}",
        scope=READ,
        tag="Webhook logs",
        success=Success(description="The request and its response."),
    )
    async def get_webhook_log(
        self,
        caller: Principal,
        webhook_log_id: UUID,
        query: NoQuery,  # noqa: ARG002 - it refuses every parameter
    ) -> WebhookLogDocument:
        """Show a webhook request."""
        log = await self._logs.get(webhook_log_id, workspace=caller.workspace)
        if log is None:
            raise not_found("webhook log")
        return log

    @operation("GET", "/api/triggers/{id}/webhook-logs", scope=READ, tag="Webhook logs", success=_PAGE)
    async def list_trigger_webhook_logs(
        self, caller: Principal, trigger_id: UUID, query: TriggerWebhookLogsQuery
    ) -> WebhookLogPage:
        """List the webhook requests to a trigger."""
        page = await self._logs.page(query, workspace=caller.workspace, trigger_id=trigger_id)
        if not page.items:
            await check_workspace(trigger_id, workspace=caller.workspace, workspaces=self._workspaces)
        return page

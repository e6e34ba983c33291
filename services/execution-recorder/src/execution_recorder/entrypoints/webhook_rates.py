"""The operations that show how many requests the webhooks get."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from execution_recorder.adapters.postgres_webhook_rates import PostgresWebhookRates
from execution_recorder.adapters.trigger_workspaces import TriggerWorkspaces
from execution_recorder.domain.webhook_rates import last_hours, window_of
from execution_recorder.entrypoints.history import READ, check_workspace
from execution_recorder.read_model import (
    BusiestQuery,
    BusiestTriggersDocument,
    TriggerRatesDocument,
    TriggerRatesQuery,
)
from trigger_runtime.web.operations import Success, operation
from trigger_runtime.web.tokens import Principal


class WebhookRateHandlers:
    """``/api/webhook-rates``."""

    def __init__(
        self, rates: PostgresWebhookRates, *, workspaces: TriggerWorkspaces, now: Callable[[], datetime]
    ) -> None:
        self._rates = rates
        self._workspaces = workspaces
        self._now = now

    @operation(
        "GET",
        "/api/webhook-rates",
        scope=READ,
        tag="Webhook rates",
        success=Success(description="The busiest first."),
    )
    async def list_busiest_triggers(self, caller: Principal, query: BusiestQuery) -> BusiestTriggersDocument:
        """List the busiest triggers of the last hours."""
        window = last_hours(query.hours, now=self._now())
        return await self._rates.busiest(window, workspace=caller.workspace, limit=query.limit)

    @operation(
        "GET",
        "/api/triggers/{id}/webhook-rates",
        scope=READ,
        tag="Webhook rates",
        success=Success(description="The counts, oldest first."),
    )
    async def get_trigger_webhook_rates(
        self, caller: Principal, trigger_id: UUID, query: TriggerRatesQuery
    ) -> TriggerRatesDocument:
        """Count a trigger's requests by minute or by hour."""
        window = window_of(query.span, since=query.since, until=query.until, now=self._now())
        rates = await self._rates.of_trigger(trigger_id, window=window, workspace=caller.workspace)
        if not rates.items:
            await check_workspace(trigger_id, workspace=caller.workspace, workspaces=self._workspaces)
        return rates

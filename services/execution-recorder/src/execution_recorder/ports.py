"""What the use cases and routes need from a store; ``adapters`` has it on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from execution_recorder.domain.execution import ExecutionRecord
from execution_recorder.domain.webhook_log import WebhookLog
from execution_recorder.domain.webhook_rates import Span
from trigger_contracts.deliveries import ClaimCheck

T = TypeVar("T")

LISTED_BYTES: Final = 16 * 1024
"""A body, payload, outputs or error over this is left out of lists: a page of 200 would be 200 MiB."""


class UnstorableError(Exception):
    """The store refuses the values themselves; trying again cannot help."""


class PageKey(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page ended: the time and the id of its last item."""

    at: datetime
    id: UUID


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """At most ``limit`` items that come after ``after``, newest first."""

    limit: int
    after: PageKey | None = None


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Items, and where the next page begins; ``next`` is ``None`` on the last page."""

    items: Sequence[T]
    next: PageKey | None


class ExecutionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions of a workspace; ``since`` is inclusive, ``until`` exclusive, by acceptance."""

    workspace: str
    trigger_id: UUID | None = None
    workflow_id: UUID | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class WebhookLogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests of a workspace; ``since`` is inclusive, ``until`` exclusive, by arrival."""

    workspace: str
    trigger_id: UUID | None = None
    response_status: int | None = None
    rejection_reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class StoredExecution(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the history. ``payload``, ``outputs``, ``error`` are JSON text, ``UNSET`` where left out."""

    id: UUID
    trigger_id: UUID
    trigger_type: str
    trigger_name: str | None
    workflow_id: UUID
    workflow_version: int | None
    status: str
    payload: str | UnsetType | None = UNSET
    outputs: str | UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET
    cause_kind: str
    cause_id: str
    temporal_workflow_id: str | None
    temporal_run_id: str | None
    accepted_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class StoredWebhookLog(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log. ``request_body`` is ``UNSET`` where left out; its length never is."""

    id: UUID
    trigger_id: UUID | None
    workflow_id: UUID | None
    execution_id: UUID | None
    request_id: str
    request_method: str
    request_path: str
    request_headers: str
    request_query: str
    request_body: bytes | UnsetType = UNSET
    request_body_bytes: int
    request_body_sha256: str
    response_status: int
    response_body: str
    rejection_reason: str | None
    error: str | None
    ip_address: str | None
    user_agent: str | None
    processing_time_ms: float
    created_at: datetime


class OutcomeCount(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one span that ended in one way, and the milliseconds that all of them took."""

    starts_at: datetime
    outcome: str
    requests: int
    processing_time_ms: float


class TriggerTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger's requests in a window, and all of them (``before``) in the window before it."""

    trigger_id: UUID
    requests: int
    accepted: int
    before: int


class Recording(Protocol):
    """Writing. Each call is one transaction, may be repeated, and may run beside others."""

    async def record(self, *, logs: Sequence[WebhookLog], executions: Sequence[ExecutionRecord]) -> None:
        """Add and count the log rows that are not there yet, and fold the records into the executions.

        Raises ``UnstorableError``, or ``DatabaseUnavailableError`` when trying later can help.
        """


class BodyLostError(Exception):
    """A body is gone from its store, or is not what was stored; trying again cannot help."""


class BodyUnavailableError(Exception):
    """A body cannot be read now; trying later can help."""


class Bodies(Protocol):
    """The bodies that are too large for messages."""

    async def fetch(self, claim: ClaimCheck) -> bytes:
        """Return exactly the bytes that were claimed. Raises ``BodyUnavailableError``, ``BodyLostError``."""


class Pruning(Protocol):
    """Forgetting. May run in several processes at once."""

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete requests that came, and executions that ended, before a time; return how many.

        At most ``limit`` of each in one call. Raises ``DatabaseUnavailableError``.
        """

    async def prune_rates(self, span: Span, *, before: datetime, limit: int) -> int:
        """Delete counts of spans that started before a time, as ``prune`` does."""


class OwnersUnknownError(Exception):
    """Whose a trigger is cannot be told now."""


class Owners(Protocol):
    """Whose a trigger is. Raises ``OwnersUnknownError``."""

    async def owner(self, trigger_id: UUID) -> str | None:
        """Return a trigger's workspace, ``None`` where nobody has such one."""


class Executions(Protocol):
    """Reading executions. Raises ``DatabaseUnavailableError``."""

    async def get(self, execution_id: UUID, *, workspace: str) -> StoredExecution | None:
        """Return one, whole; ``None`` where the workspace has none such."""

    async def find(self, wanted: ExecutionFilter, *, page: PageRequest) -> Page[StoredExecution]:
        """Return a page, newest first, without what is over ``LISTED_BYTES``."""


class WebhookLogs(Protocol):
    """Reading the log. Raises ``DatabaseUnavailableError``."""

    async def get(self, log_id: UUID, *, workspace: str) -> StoredWebhookLog | None:
        """Return one, whole; ``None`` where the workspace has none such."""

    async def find(self, wanted: WebhookLogFilter, *, page: PageRequest) -> Page[StoredWebhookLog]:
        """Return a page, newest first, without bodies over ``LISTED_BYTES``."""


class WebhookRates(Protocol):
    """Reading the counts. A span is in a range by its start. Raises ``DatabaseUnavailableError``."""

    async def of_trigger(
        self, trigger_id: UUID, *, workspace: str, span: Span, since: datetime, until: datetime
    ) -> Sequence[OutcomeCount]:
        """Return the counts from ``since`` to before ``until``, oldest first."""

    async def first(self, *, workspace: str, span: Span) -> datetime | None:
        """Return the start of a workspace's first span that is counted and not forgotten."""

    async def busiest(
        self, *, workspace: str, span: Span, before: datetime, since: datetime, until: datetime, limit: int
    ) -> Sequence[TriggerTraffic]:
        """Return the traffic from ``since`` to before ``until``, and from ``before`` to before ``since``.

        At most ``limit`` triggers, the busiest first.
        """

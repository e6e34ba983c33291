"""``/api/triggers/…/test``: what would decide about a sample. Nothing starts, nothing is recorded."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from trigger_api.domain.trigger_settings import DesiredTrigger
from trigger_api.entrypoints.http import READ
from trigger_api.entrypoints.request_models import CreateTrigger, CreateWebhook
from trigger_api.read_model import Document
from trigger_api.usecases.command import Caller
from trigger_api.usecases.sample_tests import Sample, SampleTests
from trigger_contracts.samples import DeliveryExplained, DeliverySample
from trigger_runtime.web.operations import Success, operation
from trigger_validation import FieldError, InvalidError

_Texts = dict[Annotated[str, Meta(max_length=256)], str | list[str]]
_SUCCESS: Final = Success(description="Whether it would run, and why.")


class SampleDeliveryBody(Document, frozen=True, kw_only=True):
    """A request to the webhook. ``body`` is text, or a JSON value that is sent as ``application/json``."""

    method: Annotated[str, Meta(max_length=32)] = "POST"
    headers: _Texts = msgspec.field(default_factory=dict)
    query: _Texts = msgspec.field(default_factory=dict)
    body: Any = msgspec.UNSET
    body_base64: str | None = None
    """The exact bytes, in place of ``body``."""
    client_address: Annotated[str, Meta(max_length=100)] | None = None


class SampleBody(Document, frozen=True, kw_only=True):
    """What the trigger is tested with: what its type takes. A schedule takes nothing."""

    delivery: SampleDeliveryBody | None = None
    webhook_log_id: UUID | None = None
    """A delivery that the webhook log has: its sender is not asked."""
    event: dict[str, Any] | None = None
    """A CloudEvent as JSON."""
    inputs: dict[str, Any] | None = None


class DraftSampleBody(SampleBody, frozen=True, kw_only=True):
    """The same with a trigger that is not saved, as ``POST /api/triggers`` takes it."""

    trigger: CreateTrigger


class CheckDocument(Document, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that decides: it ``passed``, ``failed``, or was ``not_asked``. ``actual`` is what it saw."""

    name: str
    outcome: str
    path: str | None = None
    expected: Any = msgspec.UNSET
    actual: Any = msgspec.UNSET
    detail: str | None = None


class SampleResult(Document, frozen=True, kw_only=True):
    """What would decide, in its order, and the payload that a run would get."""

    would_run: bool
    checks: list[CheckDocument]
    payload: Any


class SampleTestHandlers:
    """The handlers, and what they need."""

    def __init__(self, tests: SampleTests) -> None:
        self._tests = tests

    @operation(
        "POST", "/api/triggers/{id}/test", scope=READ, tag="Triggers", success=_SUCCESS, errors=(404, 503)
    )
    async def test_trigger(self, caller: Caller, trigger_id: UUID, body: SampleBody) -> SampleResult:
        """Test a trigger with a sample.

        Every check is asked, also behind the first that fails. Nothing starts, and nothing is recorded.
        """
        return _result(await self._tests.test_saved(caller, trigger_id, sample=_sample(body)))

    @operation("POST", "/api/triggers/test", scope=READ, tag="Triggers", success=_SUCCESS, errors=(503,))
    async def test_draft(self, caller: Caller, body: DraftSampleBody) -> SampleResult:
        """Test a trigger that is not saved with a sample."""
        draft = body.trigger
        desired = DesiredTrigger(
            name=draft.name,
            enabled=draft.enabled,
            config=draft.config,
            secret=draft.secret if isinstance(draft, CreateWebhook) else None,
        )
        explained = await self._tests.test_draft(
            caller, desired, workflow_id=draft.workflow_id, sample=_sample(body)
        )
        return _result(explained)


def _sample(body: SampleBody) -> Sample:
    return Sample(
        delivery=None if body.delivery is None else _delivery(body.delivery),
        log_id=body.webhook_log_id,
        event=body.event,
        inputs=body.inputs,
    )


def _delivery(sent: SampleDeliveryBody) -> DeliverySample:
    headers = tuple(_pairs(sent.headers))
    body = _bytes(sent)
    is_labelled = any(name.lower() == "content-type" for name, _ in headers)
    if sent.body is not msgspec.UNSET and not isinstance(sent.body, str) and not is_labelled:
        headers = (*headers, ("content-type", "application/json"))
    return DeliverySample(
        method=sent.method.upper(),
        headers=headers,
        query=tuple(_pairs(sent.query)),
        body=body,
        client_address=sent.client_address,
    )


def _bytes(sent: SampleDeliveryBody) -> bytes:
    if sent.body_base64 is not None:
        if sent.body is not msgspec.UNSET:
            raise InvalidError([FieldError("/delivery/bodyBase64", "Give body or bodyBase64, not both.")])
        try:
            return base64.b64decode(sent.body_base64, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidError([FieldError("/delivery/bodyBase64", "This is not base64.")]) from None
    if sent.body is msgspec.UNSET:
        return b""
    return sent.body.encode() if isinstance(sent.body, str) else msgspec.json.encode(sent.body)


def _pairs(fields: Mapping[str, str | list[str]]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        for one in [value] if isinstance(value, str) else value:
            yield name, one


def _result(explained: DeliveryExplained) -> SampleResult:
    return SampleResult(
        would_run=explained.would_run,
        checks=[
            CheckDocument(
                name=check.name,
                outcome=check.outcome,
                path=check.path,
                expected=check.expected,
                actual=check.actual,
                detail=check.detail,
            )
            for check in explained.checks
        ],
        payload=explained.payload,
    )

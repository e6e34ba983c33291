"""Tests a trigger with a sample: what would decide, and what a run would get. Nothing starts."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from trigger_api.domain.trigger_settings import DesiredTrigger
from trigger_api.ports import ClockAndIds, NotFoundError, SampleDoor, TriggerDirectory, Vault
from trigger_api.usecases.command import Caller
from trigger_api.usecases.config_check import config_errors
from trigger_api.usecases.manual_runs import effective_inputs
from trigger_contracts import streams
from trigger_contracts.codec import MalformedMessageError
from trigger_contracts.config import EventConfig, ManualConfig, SealedSecret, TriggerState, WebhookConfig
from trigger_contracts.events import parse
from trigger_contracts.payloads import schedule_payload
from trigger_contracts.samples import (
    MAX_SAMPLE_BYTES,
    DeliveryExplained,
    DeliverySample,
    ExplainDelivery,
    SampleCheck,
)
from trigger_expressions import Expression, ExpressionError
from trigger_matching import ALL_WORKSPACES, Check, Outcome, all_checks, event_checks
from trigger_runtime.concurrency import FairThreads
from trigger_validation import FieldError, InvalidError, raise_if_invalid, size_errors
from trigger_webhooks import generate_secret, needs_secret, secret_errors, without_plain_token

_SECONDS: Final = 3.0
_MAX_BODY_BYTES: Final = 8 * MAX_SAMPLE_BYTES
"""Of a delivery, as its sender sends it: on the bus it is a third longer."""
_EVENT: Final = '{"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.created"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a trigger is tested with: the one that its type takes. ``log_id`` is a recorded delivery."""

    delivery: DeliverySample | None = None
    log_id: UUID | None = None
    event: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None


class SampleTimeoutError(Exception):
    """A condition, or the wait for others, took too long."""


class SampleTests:
    """Raises ``InvalidError``, ``SampleUnavailableError``, ``SampleTimeoutError``."""

    def __init__(
        self,
        *,
        directory: TriggerDirectory,
        door: SampleDoor,
        vault: Vault,
        threads: FairThreads,
        clock_and_ids: ClockAndIds,
    ) -> None:
        self._directory = directory
        self._door = door
        self._vault = vault
        self._threads = threads
        self._clock_and_ids = clock_and_ids

    async def test_saved(self, caller: Caller, trigger_id: UUID, *, sample: Sample) -> DeliveryExplained:
        """Test a trigger as it is saved. Raises ``NotFoundError``."""
        view = await self._directory.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        state = TriggerState(
            id=view.id,
            workspace=caller.workspace,
            workflow_id=view.workflow_id,
            name=view.name,
            enabled=view.enabled,
            config=view.config,
            version=view.version,
            created_at=view.created_at,
            updated_at=view.updated_at,
        )
        return await self._test(state, sample=sample, draft=None)

    async def test_draft(
        self, caller: Caller, desired: DesiredTrigger, *, workflow_id: UUID, sample: Sample
    ) -> DeliveryExplained:
        """Test a trigger that is not saved. Its errors are those of its creation, below ``/trigger``."""
        errors = await config_errors(desired.config, threads=self._threads, workspace=caller.workspace)
        errors += secret_errors(desired.config, secret=desired.secret, before=None)
        raise_if_invalid(FieldError(f"/trigger{error.pointer}", error.detail) for error in errors)
        trigger_id, now = self._clock_and_ids.new_id(), self._clock_and_ids.now()
        secrets: tuple[SealedSecret, ...] = ()
        if needs_secret(desired.config):
            text = desired.secret or generate_secret(
                desired.config, random=self._clock_and_ids.random_bytes(32)
            )
            secrets = (
                self._vault.seal_secret(text, secret_id=self._clock_and_ids.new_id(), trigger_id=trigger_id),
            )
        state = TriggerState(
            id=trigger_id,
            workspace=caller.workspace,
            workflow_id=workflow_id,
            name=desired.name,
            enabled=desired.enabled,
            config=without_plain_token(desired.config),
            secrets=secrets,
            version=1,
            created_at=now,
            updated_at=now,
        )
        return await self._test(state, sample=sample, draft=state)

    async def _test(
        self, state: TriggerState, *, sample: Sample, draft: TriggerState | None
    ) -> DeliveryExplained:
        match state.config:
            case WebhookConfig():
                return await self._delivery(state, sample=sample, draft=draft)
            case EventConfig():
                return await self._event(state, sample=sample)
            case ManualConfig() as config:
                _require_only(sample, kind="inputs")
                return _ran(state, payload=effective_inputs(config, inputs=sample.inputs))
            case config:
                _require_only(sample, kind="")
                payload = schedule_payload(self._clock_and_ids.now(), configured_input=config.input)
                return _ran(state, payload=payload)

    async def _delivery(
        self, state: TriggerState, *, sample: Sample, draft: TriggerState | None
    ) -> DeliveryExplained:
        _require_only(sample, kind="webhookLogId" if sample.log_id is not None else "delivery")
        delivery = sample.delivery
        if sample.log_id is not None:
            delivery = await self._door.recorded(
                sample.log_id, trigger_id=state.id, workspace=state.workspace
            )
        if delivery is None:
            detail = 'Give a delivery. Example: {"headers": {"X-Event": "push"}, "body": {"ref": "main"}}'
            raise InvalidError([FieldError("/delivery", detail)])
        if (size := len(delivery.body)) > _MAX_BODY_BYTES:
            detail = f"This is {size} bytes; {_MAX_BODY_BYTES} are allowed."
            raise InvalidError([FieldError("/delivery/body", detail)])
        return await self._door.explain(
            ExplainDelivery(trigger_id=state.id, workspace=state.workspace, draft=draft, sample=delivery)
        )

    async def _event(self, state: TriggerState, *, sample: Sample) -> DeliveryExplained:
        _require_only(sample, kind="event")
        if sample.event is None:
            raise InvalidError([FieldError("/event", f"Give an event. Example: {_EVENT}")])
        raise_if_invalid(size_errors(sample.event, limit=MAX_SAMPLE_BYTES, pointer="/event"))
        work = partial(_event_explained, state, document=sample.event)
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._threads.run(work, owner=state.workspace)
        except TimeoutError as error:
            raise SampleTimeoutError from error


def _event_explained(state: TriggerState, *, document: dict[str, Any]) -> DeliveryExplained:
    data, subject = msgspec.json.encode(document), f"{streams.EVENTS_PREFIX}{document.get('type')}"
    try:
        event = parse(data, subject=subject)
        config = state.config
        text = config.expression if isinstance(config, EventConfig) else None
        condition = None if text is None else Expression(text)
    except MalformedMessageError as error:
        raise InvalidError([FieldError("/event", f"{str(error)[:1].upper()}{str(error)[1:]}.")]) from error
    except ExpressionError as error:
        raise InvalidError([FieldError("/trigger/config/expression", f"{error}.")]) from error
    checks = all_checks(event_checks(state, event, condition=condition, open_to=(ALL_WORKSPACES,)))
    shown = tuple([_shown(check, has_workspace=event.workspace is not None) for check in checks])
    would_run = all(check.outcome is not Outcome.FAILED for check in checks)
    return DeliveryExplained(would_run=would_run, checks=shown, payload=event.document)


def _shown(check: Check, *, has_workspace: bool) -> SampleCheck:
    detail, outcome = check.error, check.outcome
    if check.name == "workspace" and not has_workspace:
        outcome = Outcome.NOT_ASKED
        detail = "An event without a workspace reaches those that the deployment names (EVENT_WORKSPACES)."
    return SampleCheck(
        name=check.name,
        outcome=outcome.value,
        path=check.path,
        expected=check.expected,
        actual=check.actual,
        detail=detail,
    )


def _ran(state: TriggerState, *, payload: dict[str, Any]) -> DeliveryExplained:
    """Return what is decided by nothing but whether the trigger is enabled."""
    outcome = Outcome.PASSED if state.enabled else Outcome.FAILED
    check = SampleCheck(name="enabled", outcome=outcome.value, expected=True, actual=state.enabled)
    return DeliveryExplained(would_run=state.enabled, checks=(check,), payload=payload)


def _require_only(sample: Sample, *, kind: str) -> None:
    """Raise ``InvalidError`` for a sample that the trigger's type does not take."""
    samples = {
        "delivery": sample.delivery,
        "webhookLogId": sample.log_id,
        "event": sample.event,
        "inputs": sample.inputs,
    }
    takes = f"It takes {kind}." if kind else "A schedule takes none."
    raise_if_invalid(
        FieldError(f"/{name}", f"This trigger takes no such sample. {takes}")
        for name, value in samples.items()
        if value is not None and name != kind
    )

"""Frozen payloads: what was once written stays readable, and is written the same.

``golden/<Name>.<version>[.<variant>].json`` files are added, never edited.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from trigger_contracts import (
    backfills,
    condition_failures,
    config,
    deliveries,
    executions,
    firings,
    run_states,
    samples,
    schedule_requests,
    schedules,
    secret_uses,
    workflow_io,
)
from trigger_contracts.codec import Codec, Message, encode, tag_of
from trigger_contracts.config import (
    AuthType,
    Change,
    DstPolicy,
    EventConfig,
    HttpMethod,
    ManualConfig,
    OverlapPolicy,
    ResponseFormat,
    ScheduleConfig,
    SealedSecret,
    TriggerChanged,
    TriggerChanged2,
    TriggerState,
    TriggerType,
    WebhookConfig,
    WorkflowChanged,
    WorkflowState,
)
from trigger_contracts.definition import (
    DefinitionSettings,
    Edge,
    InputNode,
    OutputConfig,
    OutputNode,
    TransformConfig,
    TransformNode,
    WorkflowDefinition,
)
from trigger_contracts.deliveries import (
    AcceptedDelivery,
    BodyReading,
    ClaimCheck,
    DeliveriesAccepted,
    DeliveriesAccepted2,
    DeliveriesRejected,
    DeliveriesRejected2,
    LargeDeliveryAccepted,
    LargeDeliveryAccepted2,
    RejectedDelivery,
    RejectionReason,
)
from trigger_contracts.executions import Cause, CauseKind, Execution, ExecutionError
from trigger_contracts.webhook_config import (
    IdempotencyKeySource,
    LabelSeparator,
    MissingOrigin,
    OnDisabled,
    RateLimit,
    SignatureAlgorithm,
    SignatureEncoding,
    SignatureLabels,
    TimestampFormat,
    WebhookResponse,
)
from trigger_contracts.webhook_providers import WebhookProvider

GOLDEN: Final = Path(__file__).with_name("golden")

TRIGGER = UUID("0199c2d4-8a10-7c3e-9b1f-5d2e8a7c4f01")
WORKFLOW = UUID("0199c2d4-7f00-7d11-8a2b-3c4d5e6f7a02")
EXECUTION = UUID("0199c2d5-1b3c-7e4d-8f5a-6b7c8d9e0f03")
SECRET = UUID("0199c2d4-8a11-7b22-9c33-4d55e6f7a804")
DELIVERY = UUID("0199c2d5-1b3b-7a2c-8d4e-5f6071829305")
CREATED = datetime(2026, 11, 2, 8, 30, 0, 125000, UTC)
CHANGED = datetime(2026, 11, 23, 9, 15, 42, 500000, UTC)
NEXT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


def trigger(name: str, trigger_config: config.AnyTriggerConfig, **more: Any) -> TriggerState:
    return TriggerState(
        id=TRIGGER,
        workspace="acme",
        workflow_id=WORKFLOW,
        name=name,
        enabled=more.pop("enabled", True),
        config=trigger_config,
        version=3,
        created_at=CREATED,
        updated_at=CHANGED,
        **more,
    )


def change(event: str) -> Change:
    return Change(event=event, version=3, at=CHANGED, actor="user-42", request_id="req-7f3a")


DEFINITION = WorkflowDefinition(
    nodes={
        "in": InputNode(name="Input", position={"x": 0, "y": 120.5}),
        "pick": TransformNode(
            name="Pick",
            config=TransformConfig(
                output={
                    "branch": "{{trigger.payload.body.ref}}",
                    "by": "{{trigger.payload.body.pusher.name}}",
                }
            ),
            style={"color": "#0a7"},
        ),
        "out": OutputNode(name="Output", config=OutputConfig(value="{{nodes.pick.output}}")),
    },
    edges=(
        Edge(id="e1", source="in", target="pick"),
        Edge(id="e2", source="pick", target="out", source_handle="right"),
    ),
    entry_point="in",
    settings=DefinitionSettings(timeout=300, max_concurrent_nodes=10),
)
CAUSE = Cause(kind=CauseKind.DELIVERY, id=str(DELIVERY))
WHO = Execution(
    id=EXECUTION,
    workspace="acme",
    trigger_id=TRIGGER,
    trigger_type=TriggerType.WEBHOOK,
    trigger_name="GitHub push",
    workflow_id=WORKFLOW,
    cause=CAUSE,
    accepted_at=CHANGED,
)
PAYLOAD = {"body": {"ref": "refs/heads/main", "forced": False, "commits": [{"message": "Fix café ☕"}]}}
FAILURE = ExecutionError(code="template_error", message="nothing at trigger.payload.body.ref", node="pick")
FACT: dict[str, Any] = {
    "execution": WHO,
    "at": CHANGED,
    "temporal_workflow_id": f"execution-{EXECUTION}",
    "temporal_run_id": "b2f0c1de-4a8b-4c3d-9e5f-0a1b2c3d4e5f",
}
SCHEDULED: dict[str, Any] = {
    "trigger_id": TRIGGER,
    "trigger_version": 3,
    "schedule_id": f"trigger-{TRIGGER}",
    "at": CHANGED,
}
REQUEST: dict[str, Any] = {
    "id": DELIVERY,
    "request_id": "req-7f3a",
    "received_at": CHANGED,
    "method": "POST",
    "path": f"/api/webhooks/{TRIGGER}",
    "query": (("tag", "a"), ("tag", "b")),
    "headers": (("X-GitHub-Event", "push"), ("X-Hub-Signature-256", "[redacted]")),
    "client_address": "203.0.113.9",
    "user_agent": "GitHub-Hookshot/044aadd",
}
INPUT: dict[str, Any] = {
    "workspace": "acme",
    "trigger_id": TRIGGER,
    "trigger_type": TriggerType.WEBHOOK,
    "trigger_name": "GitHub push",
    "workflow_id": WORKFLOW,
}

MESSAGES: dict[str, Message] = {
    "TriggerChanged.1.options.schedule": TriggerChanged(
        change=change("TriggerConfigChanged"),
        trigger=trigger(
            "Daily report",
            ScheduleConfig(
                cron_expression="0 9 * * 1-5",
                timezone="America/New_York",
                overlap_policy=OverlapPolicy.SKIP,
                catchup_window_seconds=3600,
                jitter_seconds=90,
                start_at=CREATED,
                end_at=NEXT,
            ),
        ),
    ),
    "TriggerChanged.1.timetable.schedule": TriggerChanged(
        change=change("ScheduleChanged"),
        trigger=trigger(
            "Payday",
            ScheduleConfig(
                cron_expression="0 9 LW * *",
                timezone="Europe/Berlin",
                additional_expressions=("30 2 15W * *", "0 9 * * FRI#2"),
                excluded_dates=(date(2026, 12, 25), date(2027, 1, 1)),
                dst_policy=DstPolicy.SHIFT,
            ),
        ),
    ),
    "TriggerChanged.1.options.webhook": TriggerChanged(
        change=change("TriggerConfigChanged"),
        trigger=trigger(
            "Bank",
            WebhookConfig(
                method=HttpMethod.HEAD,
                auth_type=AuthType.HMAC,
                signature_header="X-Bank-Signature",
                signature_prefix="v1=",
                signature_encoding=SignatureEncoding.BASE64,
                algorithm=SignatureAlgorithm.SHA512,
                signed_content="{id}.{timestamp}.{body}",
                timestamp_header="X-Bank-Time",
                id_header="X-Bank-Id",
                tolerance_seconds=60,
                verify_token="sha256:" + "ab" * 32,
                idempotency_key=IdempotencyKeySource(body="data.id"),
                allowed_ips=("192.0.2.0/24", "2001:db8::1"),
                rate_limit=RateLimit(requests=10, per_seconds=60, burst=20),
                on_disabled=OnDisabled.IGNORE,
                missing_origin=MissingOrigin.REJECT,
                custom_headers={"X-Seen": "yes"},
                response=WebhookResponse(status=200, headers={"X-A": "b"}, body={"received": True}),
            ),
        ),
    ),
    "TriggerChanged.2.labels.webhook": TriggerChanged2(
        change=change("TriggerCreated"),
        trigger=trigger(
            "Shop",
            WebhookConfig(
                auth_type=AuthType.HMAC,
                signature_header="Shop-Signature",
                signed_content="{timestamp}.{body}",
                timestamp_format=TimestampFormat.MILLISECONDS,
                signature_labels=SignatureLabels(
                    signature="v1", timestamp="t", separator=LabelSeparator.SEMICOLON
                ),
            ),
        ),
    ),
    "TriggerChanged.2.header.webhook": TriggerChanged2(
        change=change("TriggerCreated"),
        trigger=trigger("Key", WebhookConfig(auth_type=AuthType.API_KEY, api_key_header="Authorization")),
    ),
    "TriggerChanged.2.filters.webhook": TriggerChanged2(
        change=change("TriggerCreated"),
        trigger=trigger(
            "Pushes to main",
            WebhookConfig(
                filters={"body.ref": "refs/heads/main", 'headers["x-github-event"]': "push"},
                expression="payload.body.commits.size() > 0",
            ),
        ),
    ),
    "TriggerChanged.2.once.schedule": TriggerChanged2(
        change=change("TriggerCreated"),
        trigger=trigger(
            "Nightly",
            ScheduleConfig(
                cron_expression="30 1 * * *", timezone="America/New_York", dst_policy=DstPolicy.ONCE
            ),
        ),
    ),
    "TriggerChanged.2.basic.webhook": TriggerChanged2(
        change=change("TriggerCreated"), trigger=trigger("Old", WebhookConfig(auth_type=AuthType.BASIC))
    ),
    "TriggerChanged.1.provider.webhook": TriggerChanged(
        change=change("TriggerCreated"),
        trigger=trigger("Stripe", WebhookConfig(provider=WebhookProvider.STRIPE)),
    ),
    "DescribeSchedule.1": schedule_requests.DescribeSchedule(trigger_id=TRIGGER),
    "ScheduleDescribed.1": schedule_requests.ScheduleDescribed(
        trigger_id=TRIGGER,
        schedule_id=f"trigger-{TRIGGER}",
        status=schedule_requests.ScheduleStatus.RUNNING,
        next_fire_times=(NEXT,),
        recent_fire_times=(CREATED, CHANGED),
        running_workflow_ids=("scheduled-1",),
    ),
    "ScheduleDescribed.1.dropped": schedule_requests.ScheduleDescribed(
        trigger_id=TRIGGER,
        schedule_id=f"trigger-{TRIGGER}",
        status=schedule_requests.ScheduleStatus.RUNNING,
        dropped_fires=schedule_requests.DroppedFires(
            missed_catchup_window=1, skipped_overlap=2, buffer_full=3
        ),
    ),
    "RunSchedule.1": schedule_requests.RunSchedule(
        trigger_id=TRIGGER, execution_id=EXECUTION, requested_at=CHANGED, request_id="req-7f3a"
    ),
    "ScheduleRunStarted.1": schedule_requests.ScheduleRunStarted(
        trigger_id=TRIGGER, execution_id=EXECUTION, workflow_id=f"execution-{EXECUTION}"
    ),
    "PreviewBackfill.1": schedule_requests.PreviewBackfill(
        trigger_id=TRIGGER, start_at=CREATED, end_at=CHANGED
    ),
    "BackfillPreviewed.1": schedule_requests.BackfillPreviewed(
        trigger_id=TRIGGER, fire_times=(CREATED,), execution_ids=(EXECUTION,)
    ),
    "BackfillSchedule.1": schedule_requests.BackfillSchedule(
        trigger_id=TRIGGER,
        start_at=CREATED,
        end_at=CHANGED,
        overlap_policy=OverlapPolicy.ALLOW_ALL,
        expected_fires=1,
    ),
    "BackfillStarted.1": schedule_requests.BackfillStarted(
        trigger_id=TRIGGER, fire_times=(CREATED,), execution_ids=(EXECUTION,)
    ),
    "RequestFailed.1.refused": schedule_requests.RequestFailed(
        reason="the end is before the start", code=schedule_requests.FailureCode.REFUSED
    ),
    "BackfillRequested.1": backfills.BackfillRequested(
        trigger_id=TRIGGER, request_id=SECRET, requested_at=CHANGED, fire_times=(NEXT,)
    ),
    "BackfillRunClaimed.1": backfills.BackfillRunClaimed(temporal_run_id="run-1"),
    "ExecutionStarted.1.backfill": executions.ExecutionStarted(
        execution=msgspec.structs.replace(
            WHO,
            trigger_type=TriggerType.SCHEDULE,
            cause=executions.Cause(
                kind=executions.CauseKind.SCHEDULE, id="2026-11-24T07:00:00Z", backfill=SECRET
            ),
        ),
        at=CHANGED,
        temporal_workflow_id="w",
        temporal_run_id="r",
        workflow_version=3,
        payload=PAYLOAD,
    ),
    "ExplainDelivery.1": samples.ExplainDelivery(
        trigger_id=TRIGGER,
        workspace="acme",
        draft=trigger("Draft", WebhookConfig(filters={"body.ref": "main"})),
        sample=samples.DeliverySample(
            method="POST",
            query=(("env", "prod"),),
            headers=(("content-type", "application/json"),),
            body=b'{"ref":"main"}',
            client_address="192.0.2.7",
        ),
    ),
    "DeliveryExplained.1": samples.DeliveryExplained(
        would_run=False,
        checks=(
            samples.SampleCheck(name="enabled", outcome="passed", expected=True, actual=True),
            samples.SampleCheck(
                name="filter", outcome="failed", path="body.ref", expected="main", actual="dev"
            ),
            samples.SampleCheck(name="expression", outcome="not_asked", detail="why"),
        ),
        payload={"body": {"ref": "dev"}},
    ),
    "GetDelivery.1": samples.GetDelivery(log_id=DELIVERY, trigger_id=TRIGGER, workspace="acme"),
    "RecordedDelivery.1": samples.RecordedDelivery(
        sample=samples.DeliverySample(method="PUT", path="/api/webhooks/x", body=b"x", is_recorded=True)
    ),
    "RequestFailed.1": schedule_requests.RequestFailed(reason="Temporal cannot be reached"),
    "PreviousSecretUsed.1": secret_uses.PreviousSecretUsed(trigger_id=TRIGGER, secret_id=SECRET, at=CHANGED),
    "ConditionFailed.1": condition_failures.ConditionFailed(
        trigger_id=TRIGGER,
        trigger_version=3,
        expression_sha256=condition_failures.expression_digest("event.data.total > 100"),
        failures=4,
        last_failed_at=CHANGED,
        detail="there is no event.data.total",
    ),
    "TriggerChanged.1.schedule": TriggerChanged(
        change=change("ScheduleChanged"),
        trigger=trigger(
            "Daily report",
            ScheduleConfig(
                cron_expression="0 9 * * 1-5",
                timezone="America/New_York",
                overlap_policy=OverlapPolicy.BUFFER_ONE,
                catchup_window_seconds=60,
                input={"report": "daily", "limit": 10},
            ),
        ),
    ),
    "TriggerChanged.1.webhook": TriggerChanged(
        change=change("SecretRotated"),
        trigger=trigger(
            "GitHub push",
            WebhookConfig(
                method=HttpMethod.POST,
                auth_type=AuthType.HMAC,
                require_signature=True,
                allowed_origins=("https://github.com",),
                response_format=ResponseFormat.JSON,
            ),
            secrets=(
                SealedSecret(id=SECRET, key_id="k2", nonce=bytes(range(12)), ciphertext=bytes(range(40))),
                SealedSecret(
                    id=DELIVERY,
                    key_id="k1",
                    nonce=bytes(range(12, 24)),
                    ciphertext=bytes(range(40, 80)),
                    valid_until=NEXT,
                ),
            ),
        ),
    ),
    "TriggerChanged.1.event": TriggerChanged(
        change=change("TriggerPaused"),
        trigger=trigger(
            "Big order",
            EventConfig(event_type="order.*", source="/shop", filters={"data.country": "NL", "data.n": 3}),
            enabled=False,
        ),
    ),
    "TriggerChanged.1.manual": TriggerChanged(
        change=change("TriggerDeleted"),
        trigger=trigger(
            "By hand",
            ManualConfig(
                input_schema={"type": "object", "required": ["n"]},
                require_inputs=True,
                inputs={"n": 1},
                description="Runs the report now",
            ),
            deleted_at=CHANGED,
        ),
    ),
    "WorkflowChanged.1": WorkflowChanged(
        change=change("DefinitionChanged"),
        workflow=WorkflowState(
            id=WORKFLOW,
            workspace="acme",
            name="Deploy report",
            definition=DEFINITION,
            version=3,
            created_at=CREATED,
            updated_at=CHANGED,
        ),
    ),
    "DeliveriesAccepted.1": DeliveriesAccepted(
        deliveries=(
            AcceptedDelivery(
                **REQUEST,
                trigger_id=TRIGGER,
                workspace="acme",
                workflow_id=WORKFLOW,
                trigger_name="GitHub push",
                trigger_version=3,
                body=b'{"ref":"refs/heads/main"}\xff',
                body_sha256="a5ea9499b23694144c3805fd0e1a0943a04ab4a9897c321b6ae07d94ad21828a",
                response_status=202,
                response_body='{"success":true}',
                processing_ms=1.9,
                secret_id=SECRET,
                execution_id=EXECUTION,
                idempotency_key="72d3162e-cc78-11e3-81ab-4c9367dc0958",
            ),
        )
    ),
    "LargeDeliveryAccepted.1": LargeDeliveryAccepted(
        delivery=AcceptedDelivery(
            **REQUEST,
            trigger_id=TRIGGER,
            workspace="acme",
            workflow_id=WORKFLOW,
            trigger_name="GitHub push",
            trigger_version=3,
            body_sha256="8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90",
            response_status=202,
            response_body='{"success":true}',
            processing_ms=14.2,
            secret_id=SECRET,
            execution_id=EXECUTION,
        ),
        claim=ClaimCheck(
            key=DELIVERY,
            size=2 * 1024 * 1024,
            sha256="8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90",
        ),
    ),
    "DeliveriesAccepted.2": DeliveriesAccepted2(
        deliveries=(
            AcceptedDelivery(
                **REQUEST,
                trigger_id=TRIGGER,
                workspace="acme",
                workflow_id=WORKFLOW,
                trigger_name="GitHub push",
                trigger_version=3,
                body=b'{"ref":"refs/heads/main"}\xff',
                body_sha256="a5ea9499b23694144c3805fd0e1a0943a04ab4a9897c321b6ae07d94ad21828a",
                response_status=202,
                response_body='{"success":true}',
                processing_ms=1.9,
                secret_id=SECRET,
                execution_id=EXECUTION,
                idempotency_key="72d3162e-cc78-11e3-81ab-4c9367dc0958",
                reading=BodyReading(json_fields=("payload",), raw_body=True),
            ),
        )
    ),
    "LargeDeliveryAccepted.2": LargeDeliveryAccepted2(
        delivery=AcceptedDelivery(
            **REQUEST,
            trigger_id=TRIGGER,
            workspace="acme",
            workflow_id=WORKFLOW,
            trigger_name="GitHub push",
            trigger_version=3,
            body_sha256="8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90",
            response_status=202,
            response_body='{"success":true}',
            processing_ms=14.2,
            secret_id=SECRET,
            execution_id=EXECUTION,
            reading=BodyReading(raw_body=True),
        ),
        claim=ClaimCheck(
            key=DELIVERY,
            size=2 * 1024 * 1024,
            sha256="8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90",
        ),
    ),
    "DeliveriesRejected.1": DeliveriesRejected(
        deliveries=(
            RejectedDelivery(
                **REQUEST,
                trigger_id=TRIGGER,
                workspace="acme",
                workflow_id=WORKFLOW,
                body_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                response_status=401,
                response_body='{"status":401}',
                processing_ms=0.4,
                reason=RejectionReason.SIGNATURE_INVALID,
            ),
            RejectedDelivery(
                **REQUEST,
                trigger_id=None,
                workspace=None,
                workflow_id=None,
                body_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                response_status=404,
                response_body='{"status":404}',
                processing_ms=0.1,
                reason=RejectionReason.UNKNOWN_TRIGGER,
            ),
        ),
        dropped=17,
    ),
    "DeliveriesRejected.2": DeliveriesRejected2(
        deliveries=(
            RejectedDelivery(
                **REQUEST,
                trigger_id=TRIGGER,
                workspace="acme",
                workflow_id=WORKFLOW,
                trigger_name="GitHub push",
                trigger_version=3,
                body=b'{"ref":"refs/heads/main"}',
                body_sha256="090ba1b9ca860d37bb4ca7492549a8a347caac3490f763399e6498622c9b47f9",
                response_status=202,
                response_body='{"success":true}',
                processing_ms=0.3,
                visible_names=("code",),
                reason=RejectionReason.REPEATED,
                execution_id=EXECUTION,
                idempotency_key="72d3162e-cc78-11e3-81ab-4c9367dc0958",
            ),
            RejectedDelivery(
                **REQUEST,
                trigger_id=TRIGGER,
                workspace="acme",
                workflow_id=WORKFLOW,
                body_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                response_status=418,
                response_body='{"status":418}',
                processing_ms=0.1,
                reason="a_reason_of_a_later_release",
            ),
        ),
        dropped=17,
    ),
    "ManualFiring.1": firings.ManualFiring(
        execution_id=EXECUTION,
        workspace="acme",
        trigger_id=TRIGGER,
        trigger_type=TriggerType.MANUAL,
        trigger_name="By hand",
        trigger_version=3,
        workflow_id=WORKFLOW,
        inputs={"n": 5},
        requested_at=CHANGED,
        actor="user-42",
        request_id="req-7f3a",
    ),
    "ExecutionStarted.1": executions.ExecutionStarted(**FACT, workflow_version=3, payload=PAYLOAD),
    "ExecutionCompleted.1": executions.ExecutionCompleted(**FACT, outputs={"branch": "refs/heads/main"}),
    "ExecutionFailed.1": executions.ExecutionFailed(**FACT, error=FAILURE),
    "ExecutionCancelled.1": executions.ExecutionCancelled(**FACT),
    "ExecutionTimedOut.1": executions.ExecutionTimedOut(
        **FACT, error=ExecutionError(code="timeout", message="over its 300 s")
    ),
    "ExecutionTerminated.1": executions.ExecutionTerminated(**FACT),
    "ExecutionTerminated.1.reason": executions.ExecutionTerminated(
        **FACT, error=ExecutionError(code="terminated", message="no longer needed")
    ),
    "DescribeRuns.1": run_states.DescribeRuns(
        runs=(
            run_states.RecordedRun(execution_id=EXECUTION),
            run_states.RecordedRun(
                execution_id=EXECUTION,
                temporal_workflow_id=FACT["temporal_workflow_id"],
                temporal_run_id=FACT["temporal_run_id"],
            ),
        )
    ),
    "RunsDescribed.1": run_states.RunsDescribed(running=(EXECUTION,), ended=(TRIGGER,), unknown=(DELIVERY,)),
    "ScheduleSynced.1": schedules.ScheduleSynced(**SCHEDULED, next_fire_times=(NEXT,)),
    "ScheduleSyncFailed.1": schedules.ScheduleSyncFailed(**SCHEDULED, reason="unknown time zone"),
    "ScheduleSyncFailed.1.goes_on": schedules.ScheduleSyncFailed(
        **SCHEDULED, reason="unknown time zone", next_fire_times=(NEXT,)
    ),
    "ScheduleRemoved.1": schedules.ScheduleRemoved(**SCHEDULED),
}
CODECS: tuple[Codec[Any], ...] = (
    config.TRIGGERS,
    config.WORKFLOWS,
    deliveries.DELIVERIES,
    firings.MANUAL,
    executions.FACTS,
    schedules.FACTS,
    schedule_requests.EVERY_REQUEST,
    schedule_requests.EVERY_REPLY,
    secret_uses.USES,
    samples.EVERY_SAMPLE_MESSAGE,
    backfills.REQUESTS,
    backfills.CLAIMS,
    condition_failures.FAILURES,
    run_states.REQUESTS,
    run_states.REPLIES,
)
# What crosses Temporal has no tag: the name of the workflow or activity says what it is.
PARTS: dict[str, msgspec.Struct] = {
    "TriggeredInput.1.run": workflow_io.TriggeredInput(
        **INPUT,
        run=workflow_io.TriggeredRun(
            execution_id=EXECUTION, cause=CAUSE, accepted_at=CHANGED, payload=PAYLOAD
        ),
    ),
    "TriggeredInput.1.scheduled": workflow_io.TriggeredInput(
        **{**INPUT, "trigger_type": TriggerType.SCHEDULE, "trigger_name": "Daily report"},
        scheduled=workflow_io.ScheduledRun(input={"report": "daily"}),
    ),
    "IdentifyFireInput.1": workflow_io.IdentifyFireInput(
        trigger_id=TRIGGER, nominal_time=NEXT, started_at=CHANGED
    ),
    "FireIdentity.1": workflow_io.FireIdentity(backfill=SECRET),
    "PrepareInput.1": workflow_io.PrepareInput(execution=WHO, payload=PAYLOAD),
    "PreparedExecution.1": workflow_io.PreparedExecution(workflow_version=3, definition=DEFINITION),
    "OrchestratorInput.1": workflow_io.OrchestratorInput(
        execution=WHO, workflow_version=3, definition=DEFINITION, payload=PAYLOAD
    ),
    "OrchestratorResult.1": workflow_io.OrchestratorResult(outputs={"branch": "refs/heads/main"}),
    "CompleteInput.1.completed": workflow_io.CompleteInput(
        execution=WHO, outcome=workflow_io.Completed(outputs=[1, None])
    ),
    "CompleteInput.1.failed": workflow_io.CompleteInput(
        execution=WHO, outcome=workflow_io.Failed(error=FAILURE)
    ),
    "CompleteInput.1.cancelled": workflow_io.CompleteInput(execution=WHO, outcome=workflow_io.Cancelled()),
    "CompleteInput.1.timed_out": workflow_io.CompleteInput(
        execution=WHO, outcome=workflow_io.TimedOut(error=FAILURE)
    ),
}


def every(kind: type) -> set[type]:
    """Return the contracts' subclasses of a class, and theirs: other tests may define some of their own."""
    subclasses: list[type] = kind.__subclasses__()
    below = [one for one in subclasses if one.__module__.startswith("trigger_contracts.")]
    return {one for direct in below for one in {direct, *every(direct)}}


def comes_back(golden: Any, *, written: Any) -> bool:
    """Tell whether everything in a golden payload is written as it was.

    What is written beside it is a newer, optional field with its default: that the payload without it
    decodes to the same value is what the caller compares first.
    """
    if isinstance(golden, dict) and isinstance(written, dict):
        return all(key in written and comes_back(golden[key], written=written[key]) for key in golden)
    if isinstance(golden, list) and isinstance(written, list):
        return len(golden) == len(written) and all(
            comes_back(one, written=other) for one, other in zip(golden, written, strict=True)
        )
    return type(golden) is type(written) and golden == written


@pytest.mark.parametrize(
    ("golden", "written", "expected"),
    [
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "newer": None}], "newer": 0}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": 1}, {"a": 2}, False),
        ({"a": None}, {"a": {}}, False),
        ({"a": 1}, {"a": True}, False),
        ([1], [1, 2], False),
        ([2, 1], [1, 2], False),
    ],
)
def test_the_test_of_coming_back(golden: Any, written: Any, expected: bool) -> None:
    assert comes_back(golden, written=written) is expected


def codec_of(message: Message) -> Codec[Any]:
    (codec,) = [one for one in CODECS if tag_of(type(message)) in one._tags]
    return codec


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_reads_and_writes_as_it_did(name: str) -> None:
    data = (GOLDEN / f"{name}.json").read_bytes()
    assert codec_of(MESSAGES[name]).decode(data) == MESSAGES[name]
    assert comes_back(msgspec.json.decode(data), written=msgspec.json.decode(encode(MESSAGES[name])))


@pytest.mark.parametrize("name", PARTS)
def test_what_crosses_temporal_reads_and_writes_as_it_did(name: str) -> None:
    data = (GOLDEN / f"{name}.json").read_bytes()
    assert msgspec.json.decode(data, type=type(PARTS[name])) == PARTS[name]
    written = msgspec.json.decode(msgspec.json.encode(PARTS[name]))
    assert comes_back(msgspec.json.decode(data), written=written)


@pytest.mark.parametrize("name", MESSAGES)
def test_unknown_fields_are_ignored_at_every_depth(name: str) -> None:
    free = {"payload", "outputs", "inputs", "input", "inputSchema", "filters"}  # any JSON: all is known

    def below(value: dict[str, Any]) -> dict[str, Any]:
        return {key: item if key in free else with_more(item) for key, item in value.items()}

    def with_more(value: Any) -> Any:
        match value:
            case dict() if "message" in value or "id" in value or "version" in value:
                return below(value) | {"fromTheFuture": [1]}
            case dict():
                return below(value)
            case list():
                return [with_more(item) for item in value]
        return value

    document = msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes())
    more = msgspec.json.encode(with_more(document))
    assert b"fromTheFuture" in more
    assert codec_of(MESSAGES[name]).decode(more) == MESSAGES[name]


def test_every_message_has_a_golden_payload_and_every_payload_a_message() -> None:
    tags = {tag_of(kind) for kind in every(Message) if "/" in tag_of(kind)}
    assert {tag_of(type(message)) for message in MESSAGES.values()} == tags
    assert {".".join(name.split(".")[:2]).replace(".", "/") for name in MESSAGES} == tags
    assert {path.stem for path in GOLDEN.iterdir()} == {*MESSAGES, *PARTS}


def test_only_types_that_are_never_sent_have_no_version() -> None:
    without = {kind.__name__ for kind in every(Message) if "/" not in tag_of(kind)}
    assert without == {"ExecutionFact", "ScheduleFact"}


def test_every_trigger_type_has_a_golden_payload() -> None:
    variants = {name.rpartition(".")[2] for name in MESSAGES if name.startswith("TriggerChanged")}
    assert variants == {str(one) for one in TriggerType}
    for message in MESSAGES.values():
        if isinstance(message, TriggerChanged | TriggerChanged2):
            written = config.trigger_changed(change=message.change, trigger=message.trigger)
            assert tag_of(type(written)) == tag_of(type(message))
            kind = config.trigger_type_of(message.trigger.config)
            assert msgspec.to_builtins(message.trigger.config)["triggerType"] == kind


def test_everything_that_crosses_temporal_has_a_golden_payload() -> None:
    top = {
        *("TriggeredInput", "IdentifyFireInput", "FireIdentity"),
        *("PrepareInput", "PreparedExecution", "OrchestratorInput"),
    }
    assert {name.split(".")[0] for name in PARTS} == {*top, "OrchestratorResult", "CompleteInput"}


def test_every_codec_knows_every_message_once() -> None:
    known = [tag for codec in CODECS for tag in codec._tags]
    assert sorted(known) == sorted({tag_of(kind) for kind in every(Message) if "/" in tag_of(kind)})
    assert set(deliveries.ACCEPTED._tags) < set(deliveries.DELIVERIES._tags)

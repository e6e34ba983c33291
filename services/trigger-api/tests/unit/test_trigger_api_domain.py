"""Decisions and folds, without anything that could be away."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_api.domain import config_rules, definition_rules
from trigger_api.domain import trigger as triggers
from trigger_api.domain import trigger_decisions as decisions
from trigger_api.domain.aggregate import Author, Recorded, fold
from trigger_api.domain.json_values import identical, merge, merge_sent
from trigger_api.domain.trigger import TRIGGERS, Trigger, TriggerEvent
from trigger_api.domain.trigger_settings import DesiredTrigger
from trigger_api.usecases.manual_runs import effective_inputs
from trigger_contracts.config import (
    AuthType,
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    TriggerType,
    WebhookConfig,
)
from trigger_contracts.definition import Edge, InputNode, OutputConfig, OutputNode, WorkflowDefinition
from trigger_contracts.webhook_config import (
    IdempotencyKeySource,
    SignatureAlgorithm,
    WebhookResponse,
)
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_validation import InvalidError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Author(actor="ada", request_id="r")
CREATED = triggers.TriggerCreated(
    trigger_id=UUID(int=1),
    workspace="acme",
    workflow_id=UUID(int=2),
    name="Hook",
    enabled=True,
    config=WebhookConfig(auth_type=AuthType.HMAC),
    secret_id=UUID(int=3),
)


def history(*events: TriggerEvent) -> list[Recorded[TriggerEvent]]:
    return [
        Recorded(event=event, version=version, at=NOW + timedelta(hours=version), author=ADA)
        for version, event in enumerate(events, 1)
    ]


def folded(*events: TriggerEvent) -> Trigger:
    found = fold(TRIGGERS, history(CREATED, *events))
    assert found is not None
    return found


def test_the_state_is_the_fold_of_the_events() -> None:
    trigger = folded(
        triggers.TriggerRenamed(name="New"),
        triggers.TriggerPaused(),
        triggers.TriggerConfigChanged(config=WebhookConfig()),
        triggers.TriggerResumed(),
    )
    assert (trigger.name, trigger.enabled, trigger.version) == ("New", True, 5)
    assert trigger.config == WebhookConfig()
    assert trigger.created_at == NOW + timedelta(hours=1)
    assert trigger.updated_at == NOW + timedelta(hours=5)
    assert trigger.type is TriggerType.WEBHOOK


def test_a_history_begins_with_a_creation() -> None:
    assert fold(TRIGGERS, []) is None
    with pytest.raises(ValueError, match="first event"):
        fold(TRIGGERS, history(triggers.TriggerPaused()))


GENERATED = decisions.NewSecret(id=UUID(int=9), origin=triggers.SecretOrigin.GENERATED, text="made")
SUPPLIED = decisions.NewSecret(id=UUID(int=9), origin=triggers.SecretOrigin.SUPPLIED, text="chosen")


def rotated(number: int, *, hours: int) -> triggers.SecretRotated:
    return triggers.SecretRotated(
        secret_id=UUID(int=number),
        previous_valid_until=NOW + timedelta(hours=hours),
        origin=triggers.SecretOrigin.GENERATED,
    )


def test_rotation_keeps_older_secrets_for_their_overlap_only() -> None:
    once = folded(
        rotated(4, hours=10),
    )
    assert [(secret.id.int, secret.valid_until) for secret in once.secrets] == [
        (4, None),
        (3, NOW + timedelta(hours=10)),
    ]
    twice = folded(
        rotated(4, hours=10),
        rotated(5, hours=20),
    )
    assert [(secret.id.int, secret.valid_until) for secret in twice.secrets] == [
        (5, None),
        (4, NOW + timedelta(hours=20)),
        (3, NOW + timedelta(hours=10)),
    ], "a second rotation does not prolong the first"
    at_once = folded(rotated(4, hours=2))
    assert [secret.id.int for secret in at_once.secrets] == [4]


def test_a_deleted_trigger_keeps_no_secret_and_is_deleted_once() -> None:
    gone = folded(triggers.TriggerDeleted(reason=triggers.DeletionReason.REQUESTED))
    assert gone.secrets == ()
    assert gone.deleted_at is not None
    assert decisions.decide_deletion(gone, reason=triggers.DeletionReason.REQUESTED) == []


def test_a_revision_says_what_was_meant() -> None:
    trigger = folded()
    desired = DesiredTrigger(name="Hook", enabled=True, config=trigger.config)
    assert decisions.decide_revision(trigger, desired=desired, secret=GENERATED, now=NOW) == []
    desired = DesiredTrigger(name="B", enabled=False, config=WebhookConfig(auth_type=AuthType.BEARER))
    events = decisions.decide_revision(trigger, desired=desired, secret=GENERATED, now=NOW)
    assert [type(event).__name__ for event in events] == [
        "TriggerRenamed",
        "TriggerConfigChanged",
        "TriggerPaused",
    ], "a secret in force is kept"
    supplied = decisions.decide_revision(
        trigger,
        desired=DesiredTrigger(name="Hook", enabled=True, config=trigger.config),
        secret=SUPPLIED,
        now=NOW,
    )
    assert [type(event).__name__ for event in supplied] == ["SecretRotated"], "its user chose it"
    with pytest.raises(decisions.TriggerTypeFixedError):
        other = DesiredTrigger(name="B", enabled=True, config=ManualConfig())
        decisions.decide_revision(trigger, desired=other, secret=GENERATED, now=NOW)


def definition(**edges: str) -> WorkflowDefinition:
    return WorkflowDefinition(
        nodes={"in": InputNode(), "out": OutputNode(config=OutputConfig(value=1)), "x": InputNode()},
        edges=tuple(Edge(source=source, target=target) for source, target in edges.items()),
        entry_point="in",
    )


def test_a_definition_is_a_graph_that_reaches_an_output() -> None:
    assert definition_rules.field_errors_of(definition(**{"in": "out"})) == []
    assert "No output node" in definition_rules.field_errors_of(definition(**{"in": "x"}))[0].detail
    assert "circle" in definition_rules.field_errors_of(definition(**{"in": "out", "out": "in"}))[0].detail
    assert "circle" in definition_rules.field_errors_of(definition(**{"in": "out", "x": "x"}))[0].detail


@given(st.integers(1, 400))
def test_a_long_chain_is_checked_without_recursing(length: int) -> None:
    nodes: dict[str, Any] = {f"n{number}": InputNode() for number in range(length)}
    nodes["out"] = OutputNode(config=OutputConfig(value=1))
    names = list(nodes)
    edges = tuple(Edge(source=a, target=b) for a, b in itertools.pairwise(names))
    chain = WorkflowDefinition(nodes=nodes, edges=edges, entry_point="n0")
    assert definition_rules.field_errors_of(chain) == []


@pytest.mark.parametrize(
    ("config", "pointers"),
    [
        (ScheduleConfig(cron_expression="0 9 * * *", timezone="Europe/Amsterdam"), []),
        (
            ScheduleConfig(cron_expression="0 9 * * 9", timezone="europe/amsterdam"),
            ["/config/cronExpression", "/config/timezone"],
        ),
        (ScheduleConfig(cron_expression="0 9 * * *", timezone="localtime"), ["/config/timezone"]),
        (EventConfig(event_type="order.*"), []),
        (EventConfig(event_type="a", filters={"a b": 1, "c": 2}), ["/config/filters/a b"]),
        (EventConfig(event_type="order.>"), ["/config/eventType"]),
        (EventConfig(event_type=".*"), ["/config/eventType"]),
        (EventConfig(event_type="com.example.bitbucket.repo:push"), []),
        (EventConfig(event_type="https://example.com/types/*"), ["/config/eventType"]),
        (EventConfig(event_type="bestellung.geändert.*"), []),
        (WebhookConfig(allowed_origins=("https://a.example:8443", "http://[::1]:80", "null")), []),
        (WebhookConfig(allowed_origins=("https://A.example",)), ["/config/allowedOrigins/0"]),
        (WebhookConfig(allowed_origins=("https://u@a.example",)), ["/config/allowedOrigins/0"]),
        (WebhookConfig(allowed_origins=("ftp://a.example",)), ["/config/allowedOrigins/0"]),
        (WebhookConfig(allowed_origins=("https://a.example:x",)), ["/config/allowedOrigins/0"]),
        (
            ScheduleConfig(cron_expression="@daily", start_at=NOW, end_at=NOW),
            ["/config/endAt"],
        ),
        (WebhookConfig(allowed_ips=("192.0.2.1/24", "::1")), ["/config/allowedIps/0"]),
        (WebhookConfig(custom_headers={"Content-Length": "1"}), ["/config/customHeaders/Content-Length"]),
        (
            WebhookConfig(response=WebhookResponse(status=204, body="x", headers={"Via": "a"})),
            ["/config/response/headers/Via", "/config/response/body"],
        ),
        (WebhookConfig(idempotency_key=IdempotencyKeySource()), ["/config/idempotencyKey"]),
        (WebhookConfig(algorithm=SignatureAlgorithm.SHA1), ["/config/algorithm"]),
        (
            WebhookConfig(auth_type=AuthType.HMAC, signed_content="{timestamp}{body}"),
            ["/config/timestampHeader"],
        ),
        (
            WebhookConfig(auth_type=AuthType.HMAC, timestamp_header="X-Time"),
            ["/config/signedContent"],
        ),
        (WebhookConfig(auth_type=AuthType.HMAC, signed_content="{id}"), ["/config/signedContent"]),
        (
            WebhookConfig(provider=WebhookProvider.STRIPE, auth_type=AuthType.BEARER, signature_header="X"),
            ["/config/signatureHeader", "/config/authType"],
        ),
        (ManualConfig(input_schema={"$ref": "http://127.0.0.1:1/x"}), ["/config/inputSchema"]),
        (
            ManualConfig(input_schema={"properties": {"n": {"type": "integer"}}}, inputs={"n": "x"}),
            ["/config/inputs/n"],
        ),
        (ManualConfig(input_schema={"required": ["n"]}, inputs={"m": 1}), []),
    ],
)
def test_configurations_beyond_their_shape(config: Any, pointers: list[str]) -> None:
    assert [error.pointer for error in config_rules.field_errors_of(config)] == pointers


def test_inputs_of_a_run() -> None:
    config = ManualConfig(inputs={"a": 1, "b": 2}, input_schema={"required": ["a"]})
    assert effective_inputs(config, inputs={"b": 3}) == {"a": 1, "b": 3}
    assert effective_inputs(WebhookConfig(), inputs={"x": 1}) == {"x": 1}
    assert effective_inputs(WebhookConfig(), inputs=None) == {}
    with pytest.raises(InvalidError):
        effective_inputs(ManualConfig(input_schema={"required": ["a"]}), inputs={})


def test_what_was_shown_and_sent_back_keeps_its_nulls_and_a_patch_removes_by_them() -> None:
    current = {"name": "a", "config": {"input": {"x": None, "y": 1}, "expression": "e"}}
    assert merge_sent(current, {"id": "1", **current}) == current
    changed = {"id": "1", "name": "b", "config": {"input": {"x": None, "y": 2}, "expression": None}}
    expected: dict[str, Any] = {"name": "b", "config": {"input": {"x": None, "y": 2}}}
    assert merge_sent(current, changed) == expected
    assert merge_sent(current, {"config": {"input": {"x": None}}}) == {
        "name": "a",
        "config": {"input": {"y": 1}, "expression": "e"},
    }
    assert merge_sent(current, ["id"]) == ["id"]


def test_json_is_compared_with_its_types_and_without_the_order_of_members() -> None:
    assert identical({"a": 1, "b": [{"c": 2, "d": 3}]}, {"b": [{"d": 3, "c": 2}], "a": 1})
    assert not identical([1, 2], [2, 1])
    assert not identical({"a": 1}, {"a": 1.0})
    assert not identical({"a": 1}, {"a": True})
    assert not identical({"a": None}, {})


def test_merge_patch_follows_the_rfcs_own_examples() -> None:
    examples: list[tuple[Any, Any, Any]] = [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]
    for target, patch, result in examples:
        assert merge(target, patch) == result, (target, patch)

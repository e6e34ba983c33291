"""An aggregate is described once: a third one needs its module, and nothing of the fold or the statements."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from trigger_api.adapters import event_log
from trigger_api.domain.aggregate import (
    Aggregate,
    Author,
    DomainEvent,
    EventCodec,
    Parent,
    Recorded,
    SealedSecrets,
    UnreadableEventError,
    fold,
    record,
)
from trigger_api.domain.history import changes_of, state_as_of
from trigger_api.domain.workflow import WORKFLOWS
from trigger_contracts.codec import Message

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Author(actor="ada", request_id="r")
LABEL_ID = UUID(int=7)


class LabelAdded(DomainEvent, frozen=True, kw_only=True, tag="LabelAdded"):
    label_id: UUID
    workflow_id: UUID
    text: str


class LabelRenamed(DomainEvent, frozen=True, kw_only=True, tag="LabelRenamed"):
    text: str
    reason: str


class Label(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    workspace: str
    workflow_id: UUID
    text: str
    version: int
    deleted_at: datetime | None = None


class LabelChanged(Message, frozen=True, kw_only=True, tag="LabelChanged/1"):
    text: str
    version: int


def evolve(label: Label | None, recorded: Recorded[Any]) -> Label:
    event = recorded.event
    if label is None:
        return Label(
            id=event.label_id,
            workspace="acme",
            workflow_id=event.workflow_id,
            text=event.text,
            version=recorded.version,
        )
    return msgspec.structs.replace(label, text=event.text, version=recorded.version)


def message_of(label: Label, recorded: Recorded[Any], _: SealedSecrets) -> LabelChanged:
    return LabelChanged(text=label.text, version=recorded.version)


LABELS: Aggregate[Label, LabelAdded | LabelRenamed] = Aggregate(
    name="label",
    events=EventCodec(
        LabelAdded | LabelRenamed,
        upcasts={("LabelRenamed", 1): lambda fields: {**fields, "reason": "not recorded"}},
    ),
    evolve=evolve,
    facts=lambda label: {"text": label.text},
    table="labels",
    columns={
        "id": lambda label: label.id,
        "workspace": lambda label: label.workspace,
        "workflow_id": lambda label: label.workflow_id,
        "text": lambda label: label.text,
        "version": lambda label: label.version,
    },
    subject=lambda label_id: f"labels.{label_id}",
    message=message_of,
    parent=Parent(WORKFLOWS, column="workflow_id"),
)
EVENTS = (
    LabelAdded(label_id=LABEL_ID, workflow_id=UUID(int=1), text="draft"),
    LabelRenamed(text="final", reason="review"),
)


def history() -> list[Recorded[LabelAdded | LabelRenamed]]:
    return [recorded for recorded, _ in record(LABELS, None, events=EVENTS, at=NOW, author=ADA)]


def test_a_third_aggregate_is_recorded_and_folded() -> None:
    assert [recorded.version for recorded in history()] == [1, 2]
    states = [state for _, state in record(LABELS, None, events=EVENTS, at=NOW, author=ADA)]
    assert fold(LABELS, history()) == states[-1]
    assert [state.text for state in states] == ["draft", "final"]
    assert fold(LABELS, []) is None


def test_a_third_aggregates_events_are_read_from_every_schema_version() -> None:
    codec = LABELS.events
    for recorded in history():
        stored = codec.encode(recorded.event)
        version = codec.schema_version(recorded.event)
        assert codec.decode(recorded.name, schema_version=version, data=stored) == recorded.event
    older = '{"type": "LabelRenamed", "text": "final"}'
    assert codec.decode("LabelRenamed", schema_version=1, data=older) == LabelRenamed(
        text="final", reason="not recorded"
    )
    with pytest.raises(UnreadableEventError):
        codec.decode("LabelRenamed", schema_version=3, data=older)


def test_a_third_aggregate_has_a_history() -> None:
    assert state_as_of(LABELS, history(), moment=1).text == "draft"
    assert [changes for _, changes in changes_of(LABELS, history())] == [
        {"/text": {"to": "draft"}},
        {"/text": {"from": "draft", "to": "final"}},
    ]


def test_a_third_aggregate_is_appended_with_as_many_values_as_parameters() -> None:
    recorded = history()[0]
    label = fold(LABELS, [recorded])
    assert label is not None
    values = event_log.append_values(LABELS, label, recorded=recorded, message=b"{}")
    for statement in (event_log.append_statement(LABELS), event_log.begin_statement(LABELS)):
        parameters = {int(number) for number in re.findall(r"\$([0-9]+)", statement)}
        assert parameters == set(range(1, len(values) + 1))
        assert "INSERT INTO trigger_api.labels (id, workspace, workflow_id, text, version)" in statement
    assert values[-5:] == (LABEL_ID, "acme", UUID(int=1), "draft", 1)
    assert "WHERE id = $17 AND workspace = $4" in event_log.begin_statement(LABELS), "its workflow must exist"

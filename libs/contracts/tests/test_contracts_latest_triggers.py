"""The fold of the triggers: the newest state counts, and what cannot be read is not served as it was."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.config import (
    Change,
    EventConfig,
    ScheduleConfig,
    TriggerChanged,
    TriggerState,
    WebhookConfig,
)
from trigger_contracts.latest_triggers import LatestTriggers, Removed, Unreadable

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ID = UUID("0199c2d4-8a10-7c3e-9b1f-5d2e8a7c4f01")
SUBJECT = streams.config_trigger(ID)


def state(version: int, **changes: Any) -> TriggerState:
    fields: dict[str, Any] = {
        "id": ID,
        "workspace": "acme",
        "workflow_id": ID,
        "name": f"version {version}",
        "enabled": True,
        "config": WebhookConfig(),
        "version": version,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return TriggerState(**{**fields, **changes})


def message(of: TriggerState) -> bytes:
    change = Change(event="changed", version=of.version, at=NOW, actor="a", request_id="r")
    return encode(TriggerChanged(change=change, trigger=of))


def newer_contract(version: int) -> bytes:
    """Return a state as a newer release may write it."""
    document = msgspec.json.decode(message(state(version)))
    return msgspec.json.encode(document | {"message": "TriggerChanged/3"})


@pytest.fixture
def latest() -> LatestTriggers:
    return LatestTriggers()


def test_a_change_is_reported_and_a_repetition_is_not(latest: LatestTriggers) -> None:
    assert latest.get(ID) is None
    assert latest.apply(SUBJECT, data=message(state(1))) == state(1)
    assert latest.apply(SUBJECT, data=message(state(1))) is None
    assert latest.apply(SUBJECT, data=message(state(2))) == state(2)
    assert latest.apply(SUBJECT, data=message(state(1))) is None
    assert latest.get(ID) == state(2)
    assert list(latest.states()) == [state(2)]


def test_the_order_does_not_matter(latest: LatestTriggers) -> None:
    gone = state(3, deleted_at=NOW)
    for order in permutations([state(1), state(2, enabled=False), gone]):
        one = LatestTriggers()
        for item in order:
            one.apply(SUBJECT, data=message(item))
        assert one.get(ID) == Removed(trigger_id=ID, version=3, tombstone=gone)
        assert (list(one.states()), list(one.tombstones())) == ([], [gone])


def test_other_kinds_are_known_by_their_version_alone() -> None:
    latest = LatestTriggers(kinds=(ScheduleConfig, EventConfig))
    found = latest.apply(SUBJECT, data=message(state(2)))
    assert found == Removed(trigger_id=ID, version=2, tombstone=None)
    event = state(1, config=EventConfig(event_type="order.created"))
    assert latest.apply(SUBJECT, data=message(event)) is None
    assert (list(latest.states()), list(latest.tombstones())) == ([], [])
    schedule = state(3, config=ScheduleConfig(cron_expression="0 9 * * *"))
    assert latest.apply(SUBJECT, data=message(schedule)) == schedule


@pytest.mark.parametrize("data", [b"", b"not json", b"{}", b"[" * 100_000, b"\xff", newer_contract(4)])
def test_what_cannot_be_read_hides_the_state_before_it(latest: LatestTriggers, data: bytes) -> None:
    latest.apply(SUBJECT, data=message(state(3)))
    found = latest.apply(SUBJECT, data=data)
    assert isinstance(found, Unreadable)
    assert (found.trigger_id, found.subject) == (ID, SUBJECT)
    assert found.reason
    assert latest.get(ID) == found
    assert list(latest.states()) == []
    assert list(latest.unreadable()) == [found]
    # What came before stays hidden when it is repeated; what is newer is served again.
    assert latest.apply(SUBJECT, data=message(state(3))) is None
    assert latest.apply(SUBJECT, data=message(state(5))) == state(5)
    assert list(latest.unreadable()) == []


def test_a_late_older_state_does_not_show_through_the_unreadable_one(latest: LatestTriggers) -> None:
    latest.apply(SUBJECT, data=message(state(3)))
    assert isinstance(latest.apply(SUBJECT, data=newer_contract(6)), Unreadable)
    for late in (4, 5):
        assert latest.apply(SUBJECT, data=message(state(late))) is None
    # The same state in words that can be read, as after the newer release was taken back.
    assert latest.apply(SUBJECT, data=message(state(6))) == state(6)


def test_an_unreadable_state_that_is_older_than_what_is_known_changes_nothing(latest: LatestTriggers) -> None:
    latest.apply(SUBJECT, data=message(state(6)))
    assert latest.apply(SUBJECT, data=newer_contract(6)) is None
    assert latest.apply(SUBJECT, data=newer_contract(5)) is None
    assert latest.get(ID) == state(6)


def test_a_trigger_that_was_never_readable_is_unreadable_and_not_unknown(latest: LatestTriggers) -> None:
    latest.apply(SUBJECT, data=newer_contract(1))
    assert isinstance(latest.get(ID), Unreadable)
    assert latest.apply(SUBJECT, data=message(state(1))) == state(1)


def test_a_deleted_trigger_does_not_come_back_through_an_unreadable_state(latest: LatestTriggers) -> None:
    latest.apply(SUBJECT, data=message(state(2, deleted_at=NOW)))
    latest.apply(SUBJECT, data=b"damaged")
    assert latest.apply(SUBJECT, data=message(state(1))) is None
    assert isinstance(latest.get(ID), Unreadable)


def test_a_state_under_the_subject_of_another_trigger_hides_that_one_only(latest: LatestTriggers) -> None:
    other = uuid4()
    latest.apply(SUBJECT, data=message(state(1)))
    found = latest.apply(streams.config_trigger(other), data=message(state(9)))
    assert isinstance(found, Unreadable)
    assert found.trigger_id == other
    assert latest.get(ID) == state(1)


@pytest.mark.parametrize("subject", ["config.trigger.x", f"config.workflow.{ID}", "", str(ID)])
def test_a_subject_that_names_no_trigger_changes_nothing(latest: LatestTriggers, subject: str) -> None:
    found = latest.apply(subject, data=message(state(1)))
    assert isinstance(found, Unreadable)
    assert found.trigger_id is None
    assert latest.get(ID) is None
    assert list(latest.unreadable()) == []

"""Events in the log: read by every later release, and by no earlier one that would misunderstand them."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from trigger_api.domain import trigger as triggers
from trigger_api.domain.aggregate import UnreadableEventError
from trigger_api.domain.trigger import TRIGGERS
from trigger_contracts.config import EventConfig, ManualConfig, ScheduleConfig, WebhookConfig

OPTIONS_OF_VERSION = {2: "50be1ec2c3168863"}
"""A digest of all options, by the schema version of the two events that hold configurations.

One that is added takes a new version of both (``domain/trigger.py``).
"""


def digest() -> str:
    kinds = (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig)
    names = sorted(f"{kind.__name__}.{name}" for kind in kinds for name in kind.__struct_fields__)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def test_an_option_that_is_added_takes_a_new_version_of_the_events_that_hold_it() -> None:
    config = ManualConfig()
    created = triggers.TriggerCreated(
        trigger_id=UUID(int=1), workspace="w", workflow_id=UUID(int=2), name="n", enabled=True, config=config
    )
    changed = triggers.TriggerConfigChanged(config=config)
    versions = {TRIGGERS.events.schema_version(event) for event in (created, changed)}
    assert versions == {max(OPTIONS_OF_VERSION)}
    assert OPTIONS_OF_VERSION[max(OPTIONS_OF_VERSION)] == digest()


def test_every_older_version_is_read_as_the_newest() -> None:
    rotated = {
        "type": "SecretRotated",
        "secretId": str(UUID(int=1)),
        "previousValidUntil": "2026-01-01T00:00:00Z",
    }
    event = TRIGGERS.events.decode(
        "SecretRotated", schema_version=1, data=msgspec.json.encode(rotated).decode()
    )
    assert event == triggers.SecretRotated(
        secret_id=UUID(int=1),
        previous_valid_until=datetime(2026, 1, 1, tzinfo=UTC),
        origin=triggers.SecretOrigin.GENERATED,
    )
    assert (
        TRIGGERS.events.decode("SecretRotated", schema_version=2, data=TRIGGERS.events.encode(event)) == event
    )
    old = '{"type": "TriggerConfigChanged", "config": {"triggerType": "webhook"}}'
    assert TRIGGERS.events.decode("TriggerConfigChanged", schema_version=1, data=old) == (
        triggers.TriggerConfigChanged(config=WebhookConfig())
    )


@pytest.mark.parametrize(
    ("name", "version", "data"),
    [
        ("SecretRotated", 3, "{}"),
        ("TriggerTeleported", 1, '{"type": "TriggerTeleported"}'),
        ("TriggerRenamed", 1, '{"type": "TriggerRenamed"}'),
    ],
)
def test_what_is_not_known_is_no_guess(name: str, version: int, data: str) -> None:
    with pytest.raises(UnreadableEventError, match=name):
        TRIGGERS.events.decode(name, schema_version=version, data=data)

"""Events in the log: read by every later release, and by no earlier one that would misunderstand them."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from trigger_api.domain import trigger as triggers
from trigger_api.domain.aggregate import UnreadableEventError, name_of
from trigger_api.domain.trigger import TRIGGERS
from trigger_contracts.config import (
    AnyTriggerConfig,
    AuthType,
    DstPolicy,
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    WebhookConfig,
)
from trigger_contracts.option_versions import LATER_OPTIONS, options_version
from trigger_contracts.webhook_config import (
    SignatureLabels,
    TimestampFormat,
)

OPTIONS_OF_VERSION_2 = "50be1ec2c3168863"
"""A digest of the options that a release reads which knows version 2 of the events with configurations."""
LATER = [
    ScheduleConfig(cron_expression="@daily", dst_policy=DstPolicy.ONCE),
    WebhookConfig(auth_type=AuthType.BASIC),
    WebhookConfig(auth_type=AuthType.API_KEY, api_key_header="X-Token"),
    WebhookConfig(timestamp_format=TimestampFormat.RFC_3339),
    WebhookConfig(signature_labels=SignatureLabels(signature="v1")),
]


def events_with(config: AnyTriggerConfig) -> list[triggers.TriggerEvent]:
    created = triggers.TriggerCreated(
        trigger_id=UUID(int=1), workspace="w", workflow_id=UUID(int=2), name="n", enabled=True, config=config
    )
    return [created, triggers.TriggerConfigChanged(config=config)]


def schema_versions(config: AnyTriggerConfig) -> set[int]:
    return {TRIGGERS.events.schema_version(event) for event in events_with(config)}


def test_the_options_that_older_releases_know_stay_the_same_ones() -> None:
    kinds = (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig)
    names = [f"{kind.__name__}.{name}" for kind in kinds for name in kind.__struct_fields__]
    older = sorted(name for name in names if name not in {f"WebhookConfig.{one}" for one in LATER_OPTIONS})
    assert hashlib.sha256("\n".join(older).encode()).hexdigest()[:16] == OPTIONS_OF_VERSION_2


def test_the_release_before_reads_every_event_without_a_later_option() -> None:
    shifted = ScheduleConfig(cron_expression="@daily", dst_policy=DstPolicy.SHIFT)
    for config in (shifted, WebhookConfig(auth_type=AuthType.HMAC, id_header="X-Id"), ManualConfig()):
        assert schema_versions(config) == {2}


@pytest.mark.parametrize("config", LATER)
def test_a_later_option_hides_the_event_and_the_message_from_the_release_before(
    config: ScheduleConfig | WebhookConfig,
) -> None:
    assert schema_versions(config) == {3}
    assert options_version(config) == 2
    for event in events_with(config):
        stored = TRIGGERS.events.encode(event)
        assert TRIGGERS.events.decode(name_of(event), schema_version=3, data=stored) == event


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

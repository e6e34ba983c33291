"""Identities: the same wherever and whenever they are made."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_contracts import ids, workflow_io
from trigger_contracts.schedules import schedule_id

TRIGGER = UUID("0199c2d4-8a10-7c3e-9b1f-5d2e8a7c4f01")
OTHER = UUID("0199c2d4-8a10-7c3e-9b1f-5d2e8a7c4f02")
MILLISECONDS = st.integers(0, 2**48 - 1)
RANDOMNESS = st.binary(min_size=10, max_size=10)


def test_the_example_of_the_rfc() -> None:
    # RFC 9562, appendix A.6.
    made = ids.uuid7(unix_ms=0x017F22E279B0, randomness=bytes.fromhex("0cc318c4dc0c0c07398f"))
    assert made == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@given(unix_ms=MILLISECONDS, randomness=RANDOMNESS)
def test_the_layout_of_version_7(unix_ms: int, randomness: bytes) -> None:
    made = ids.uuid7(unix_ms=unix_ms, randomness=randomness)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == unix_ms
    free = (1 << 80) - 1 - (0xF << 76) - (0x3 << 62)
    assert made.int & free == int.from_bytes(randomness, "big") & free


@given(first=MILLISECONDS, second=MILLISECONDS, one=RANDOMNESS, two=RANDOMNESS)
def test_their_order_is_the_order_of_time(first: int, second: int, one: bytes, two: bytes) -> None:
    earlier, later = ids.uuid7(unix_ms=first, randomness=one), ids.uuid7(unix_ms=second, randomness=two)
    if first != second:
        assert (first < second) == (earlier < later) == (str(earlier) < str(later))


@pytest.mark.parametrize(
    ("unix_ms", "randomness"), [(-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9)), (0, bytes(11)), (0, b"")]
)
def test_what_fits_no_version_7(unix_ms: int, randomness: bytes) -> None:
    with pytest.raises(ValueError, match="48-bit"):
        ids.uuid7(unix_ms=unix_ms, randomness=randomness)


def test_frozen_execution_ids() -> None:
    """A redelivered message must meet the execution that an older version has started for it."""
    nominal = datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert [
        str(made)
        for made in (
            ids.delivery_execution_id(TRIGGER, key="72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ids.delivery_execution_id(TRIGGER, key="schlüssel ☕"),
            ids.event_execution_id(TRIGGER, source="/shop", event_id="e-1"),
            ids.fire_execution_id(TRIGGER, nominal_time=nominal),
        )
    ] == [
        "8b06ca6e-9aa4-58cd-a0fc-f5662401f7d6",
        "b1806fda-3429-5c64-94b8-541a3dc0af4a",
        "5f50f6a7-4905-53fb-961b-95ce776034e5",
        "86bf1919-2f38-50ba-b327-4446917fee9a",
    ]


def test_what_differs_has_another_id() -> None:
    nominal = datetime(2026, 11, 24, 14, tzinfo=UTC)
    made = [
        ids.delivery_execution_id(TRIGGER, key="a"),
        ids.delivery_execution_id(TRIGGER, key="b"),
        ids.delivery_execution_id(OTHER, key="a"),
        ids.delivery_execution_id(TRIGGER, key=""),
        ids.event_execution_id(TRIGGER, source="a", event_id="b"),
        ids.event_execution_id(OTHER, source="a", event_id="b"),
        ids.event_execution_id(TRIGGER, source="b", event_id="a"),
        ids.event_execution_id(TRIGGER, source="a\nb", event_id="c"),
        ids.event_execution_id(TRIGGER, source="a", event_id="b\nc"),
        ids.fire_execution_id(TRIGGER, nominal_time=nominal),
        ids.fire_execution_id(OTHER, nominal_time=nominal),
        ids.fire_execution_id(TRIGGER, nominal_time=nominal + timedelta(seconds=1)),
    ]
    assert len(set(made)) == len(made)
    assert {one.version for one in made} == {5}


def test_a_nominal_time_is_an_instant_not_a_notation() -> None:
    utc = datetime(2026, 11, 24, 14, tzinfo=UTC)
    elsewhere = utc.astimezone(timezone(timedelta(hours=-5)))
    assert ids.fire_execution_id(TRIGGER, nominal_time=utc) == ids.fire_execution_id(
        TRIGGER, nominal_time=elsewhere
    )
    with pytest.raises(ValueError, match="zone"):
        ids.fire_execution_id(TRIGGER, nominal_time=utc.replace(tzinfo=None))


def test_names_in_temporal() -> None:
    assert workflow_io.execution_workflow_id(TRIGGER) == f"execution-{TRIGGER}"
    assert workflow_io.scheduled_workflow_id(TRIGGER) == f"scheduled-{TRIGGER}"
    assert schedule_id(TRIGGER) == f"trigger-{TRIGGER}"

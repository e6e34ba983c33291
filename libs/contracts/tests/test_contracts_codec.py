"""Bytes to messages: what is refused, and how; and every value survives the way there and back."""

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from trigger_contracts import (
    condition_failures,
    config,
    executions,
    schedule_requests,
    schedules,
    secret_uses,
)
from trigger_contracts.codec import Codec, MalformedMessageError, Message, UnknownMessageError, encode, tag_of
from trigger_contracts.deliveries import DELIVERIES, DeliveriesAccepted
from trigger_contracts.firings import MANUAL
from trigger_contracts.webhook_config import WebhookResponse

CODECS: tuple[Codec[Any], ...] = (
    config.TRIGGERS,
    config.WORKFLOWS,
    DELIVERIES,
    MANUAL,
    executions.FACTS,
    schedules.FACTS,
    schedule_requests.DESCRIBE_REQUESTS,
    schedule_requests.DESCRIBE_REPLIES,
    secret_uses.USES,
    condition_failures.FAILURES,
)
REMOVED = schedules.ScheduleRemoved(
    trigger_id=UUID(int=1),
    trigger_version=1,
    schedule_id="trigger-1",
    at=datetime(2026, 1, 31, 9, tzinfo=UTC),
)


@pytest.mark.parametrize(
    "tag",
    [
        "ScheduleRemoved/2",
        "ScheduleRemoved/",
        "ScheduleRemoved",
        "Later/1",
        "",
        "TriggerChanged/1",
        "x" * 5000,
    ],
)
def test_a_name_or_version_from_the_future_is_unknown(tag: str) -> None:
    data = msgspec.json.encode({**msgspec.to_builtins(REMOVED), "message": tag, "more": {"deep": [1]}})
    with pytest.raises(UnknownMessageError) as caught:
        schedules.FACTS.decode(data)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"1",
        b'"ScheduleRemoved/1"',
        b"{}",
        b'{"message": 5}',
        b'{"message": null}',
        b'{"message": ["ScheduleRemoved/1"]}',
        b'{"message": "ScheduleRemoved/1"}',
        b'{"message": "\xff"}',
        b'{"message": "\\ud800"}',
        b"\xff\xfe\x00",
        b'{"message": "ScheduleRemoved/1", "x": NaN}',
        b"[" * 100_000,
        b'{"message": "ScheduleRemoved/1", "x": ' + b"[" * 100_000,
        b'{"message": "ScheduleRemoved/1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda data: repr(data[:40]),
)
def test_what_is_no_message_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        schedules.FACTS.decode(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("triggerId", "no-uuid"),
        ("triggerId", None),
        ("triggerVersion", "1"),
        ("triggerVersion", 1.5),
        ("at", "2026-01-31T09:00:00"),
        ("at", 1769850000),
        ("scheduleId", 5),
    ],
)
def test_a_field_of_a_wrong_type_is_malformed(field: str, value: object) -> None:
    document = msgspec.to_builtins(REMOVED)
    assert schedules.FACTS.decode(msgspec.json.encode(document)) == REMOVED
    with pytest.raises(MalformedMessageError):
        schedules.FACTS.decode(msgspec.json.encode({**document, field: value}))
    with pytest.raises(MalformedMessageError):
        schedules.FACTS.decode(
            msgspec.json.encode({name: item for name, item in document.items() if name != field})
        )


def test_a_truncated_message_is_malformed() -> None:
    data = encode(REMOVED)
    for length in range(len(data)):
        with pytest.raises(MalformedMessageError):
            schedules.FACTS.decode(data[:length])


def test_messages_are_immutable_and_have_names() -> None:
    with pytest.raises(AttributeError):
        REMOVED.trigger_version = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        schedules.ScheduleRemoved(UUID(int=1), 1, "x", REMOVED.at)  # type: ignore[call-arg]
    assert tag_of(schedules.ScheduleRemoved) == "ScheduleRemoved/1"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# A day from the calendar's ends: another zone's clock must not put a time outside of it.
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: C901 - one line for each kind of type
    """Return a strategy for all that a type allows."""
    match kind:
        case inspect.Metadata(type=inner):
            return values(inner)
        case inspect.AnyType():
            return JSON
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(
                kind.ge if kind.ge is not None else -(2**63), kind.le if kind.le is not None else 2**63 - 1
            )
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.StrType(pattern=str() as pattern):
            longest = kind.max_length or 1000
            matching = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
            return matching.filter(lambda text: (kind.min_length or 0) <= len(text) <= longest)
        case inspect.StrType():
            return st.text(min_size=kind.min_length or 0, max_size=min(kind.max_length or 20, 20))
        case inspect.BytesType():
            return st.binary(max_size=40)
        case inspect.UUIDType():
            return st.uuids()
        case inspect.DateTimeType():
            return TIMES
        case inspect.DateType():
            return st.dates()
        case inspect.EnumType(cls=cls):
            assert issubclass(cls, Enum)
            return st.sampled_from(list(cls))
        case inspect.UnionType(types=types):
            return st.one_of([values(one) for one in types])
        case inspect.VarTupleType(item_type=item):
            return st.lists(values(item), max_size=3).map(tuple)
        case inspect.TupleType(item_types=items):
            return st.tuples(*(values(item) for item in items))
        case inspect.DictType():
            return st.dictionaries(
                values(kind.key_type), values(kind.value_type), min_size=kind.min_length or 0, max_size=3
            )
        case inspect.StructType(cls=cls):
            return st.builds(cls, **{field.name: of_field(field) for field in kind.fields})
    raise AssertionError(f"no values for {kind}")


def of_field(field: inspect.Field) -> st.SearchStrategy[Any]:
    if field.default is msgspec.UNSET:
        return st.just(msgspec.UNSET) | values(field.type)
    return values(field.type)


def kinds() -> dict[str, tuple[Codec[Any], type[Message]]]:
    found: dict[str, tuple[Codec[Any], type[Message]]] = {}
    for codec in CODECS:
        union = inspect.type_info(codec._decoder.type)
        members = union.types if isinstance(union, inspect.UnionType) else (union,)
        for member in members:
            assert isinstance(member, inspect.StructType)
            assert issubclass(member.cls, Message)
            found[member.cls.__name__] = (codec, member.cls)
    return found


KINDS = kinds()


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_message_survives_the_way_there_and_back(name: str, data: st.DataObject) -> None:
    codec, kind = KINDS[name]
    message = data.draw(values(inspect.type_info(kind)))
    assert codec.decode(encode(message)) == message
    assert encode(codec.decode(encode(message))) == encode(message)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200) | JSON.map(msgspec.json.encode))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for codec in CODECS:
        with pytest.raises((MalformedMessageError, UnknownMessageError)):
            codec.decode(data)


def test_a_reader_without_claim_checks_parks_what_has_one() -> None:
    """It must not take the empty body for the body, and must not give the message up either."""
    older: Codec[DeliveriesAccepted] = Codec(DeliveriesAccepted)
    data = (Path(__file__).with_name("golden") / "LargeDeliveryAccepted.1.json").read_bytes()
    with pytest.raises(UnknownMessageError):
        older.decode(data)


def test_a_response_without_a_status_says_nothing_of_it() -> None:
    """A release that knew only 202 takes it for the default, as before; what is set is written."""
    assert msgspec.json.encode(WebhookResponse(body="a")) == b'{"headers":{},"body":"a"}'
    assert msgspec.json.decode(b'{"body":"a"}', type=WebhookResponse).status is msgspec.UNSET
    assert msgspec.json.decode(b'{"status":202}', type=WebhookResponse).status == 202
    for status in (199, 300):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(f'{{"status":{status}}}', type=WebhookResponse)

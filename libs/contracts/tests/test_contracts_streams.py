"""Streams and subjects: no two overlap, nothing from outside becomes a wildcard, the server takes them."""

import asyncio
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from uuid import UUID

import nats
import pytest
from nats.js import api

from trigger_contracts import streams
from trigger_contracts.executions import NAME_OF, AnyExecutionFact

ID = UUID("0199c2d4-8a10-7c3e-9b1f-5d2e8a7c4f01")


EVENT_TYPES = [
    "a",
    "order.created",
    "A-Z_0.9",
    "com.example.bitbucket.repo:push",
    "https://example.com/types/order",
    "team@example",
    "ä",
    "日本.作成",
    "٣",
    "$SYS",
    "a/b",
    "a+b=c;d,e'f\"g\\h|i",
    "x" * 500,
    ".".join(["a"] * 250),
    "日" * 500,
]


def overlap(one: str, two: str) -> bool:
    """Tell whether a subject can match both patterns."""
    left, right = one.split("."), two.split(".")
    for position in range(max(len(left), len(right))):
        a = left[position] if position < len(left) else None
        b = right[position] if position < len(right) else None
        if a == ">" or b == ">":
            return a is not None and b is not None
        if a is None or b is None or (a != b and "*" not in (a, b)):
            return False
    return True


def matches(subject: str, *, pattern: str) -> bool:
    return overlap(subject, pattern)


def home(subject: str) -> str:
    (found,) = [
        stream.name
        for stream in streams.ALL
        if any(matches(subject, pattern=pattern) for pattern in stream.subjects)
    ]
    return found


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.b", "a.c", False),
        (">", "a", True),
        ("*.b", "a.*", True),
    ],
)
def test_the_test_of_overlap(one: str, two: str, expected: bool) -> None:
    assert overlap(one, two) is expected
    assert overlap(two, one) is expected


def test_no_two_streams_take_the_same_subject() -> None:
    for one, two in combinations(streams.ALL, 2):
        assert one.name != two.name
        for left in one.subjects:
            for right in two.subjects:
                assert not overlap(left, right), (one.name, two.name)
    assert len(set(streams.ALL)) == len(streams.ALL) == 14


def test_every_subject_has_its_stream() -> None:
    assert home(streams.config_trigger(ID)) == "CONFIG"
    assert home(streams.config_workflow(ID)) == "CONFIG"
    assert home(streams.schedule(ID)) == "SCHEDULES"
    assert home(streams.event("order.created")) == "EVENTS"
    assert {home(streams.execution(name)) for name in NAME_OF.values()} == {"EXECUTIONS"}
    assert home(streams.DELIVERIES_ACCEPTED) == "DELIVERIES"
    assert home(streams.DELIVERIES_REJECTED) == "REJECTIONS"
    assert home(streams.FIRINGS_MANUAL) == "FIRINGS"
    assert home(streams.EVENTS_REFUSED) == "REFUSED_EVENTS"
    assert home(streams.dead_letter(stream="EVENTS", durable=streams.DISPATCH_EVENTS)) == "DEAD_LETTERS"
    assert matches(streams.config_trigger(ID), pattern=streams.CONFIG_TRIGGERS)
    assert matches(streams.event("a.b"), pattern=streams.EVENTS_ALL)
    assert len(set(NAME_OF.values())) == len(NAME_OF) == len(AnyExecutionFact.__args__)


def test_durable_names_are_unique_and_say_whose_they_are() -> None:
    durables = {
        name: value
        for name, value in vars(streams).items()
        if name.startswith(("DISPATCH_", "RECORD_", "SYNC_"))
    }
    assert len(durables) == 8
    assert len(set(durables.values())) == 8
    services = ("orchestrator-worker-", "execution-recorder-", "scheduler-sync-")
    assert all(value.startswith(services) for value in durables.values())


@pytest.mark.parametrize("text", EVENT_TYPES, ids=lambda text: repr(text[:20]))
def test_what_can_be_an_event_type(text: str) -> None:
    assert streams.is_event_type(text)
    assert streams.event(text) == f"events.{text}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "*",
        ">",
        "a.*",
        "a.>",
        "a b",
        "a\n",
        "a\r\nPUB x 1",
        "a\x00",
        "a\x7fb",
        "a\u00a0b",
        "a\u2028b",
        "a*b",
        "a>b",
        "x" * 501,
        "a" * 5000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_cannot_be_one(text: str) -> None:
    assert not streams.is_event_type(text)
    with pytest.raises(ValueError, match="event type") as caught:
        streams.event(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["", "*", ">", "a.b", "a.*", "a b", "ä", "x" * 65, "a\n"])
def test_no_token_is_a_wildcard(text: str) -> None:
    with pytest.raises(ValueError, match="token"):
        streams.execution(text)
    with pytest.raises(ValueError, match="token"):
        streams.dead_letter(stream=text, durable="d")
    with pytest.raises(ValueError, match="token"):
        streams.dead_letter(stream="S", durable=text)


def test_what_must_not_be_lost_is_never_dropped() -> None:
    for stream in streams.ALL:
        if stream in (streams.REJECTIONS, streams.REFUSED_EVENTS):
            continue  # what anyone outside can fill, and no run depends on
        assert stream.max_bytes == -1 or stream.max_bytes >= 1024**3
        if stream.when_full is streams.WhenFull.DROP_OLD:
            # Only the limit per subject can be reached there: every subject keeps its last state.
            assert stream.max_per_subject > 0, stream.name
            assert (stream.max_bytes, stream.max_age_seconds) == (-1, 0), stream.name


def test_a_flood_of_refusals_takes_room_from_nothing_else() -> None:
    assert streams.REJECTIONS.subjects == (streams.DELIVERIES_REJECTED,)
    assert streams.REJECTIONS.when_full is streams.WhenFull.DROP_OLD
    assert (streams.REJECTIONS.max_bytes, streams.REJECTIONS.max_age_seconds) == (1024**3, 14 * 24 * 3600)
    assert streams.REFUSED_EVENTS.subjects == (streams.EVENTS_REFUSED,)
    assert streams.REFUSED_EVENTS.when_full is streams.WhenFull.DROP_OLD
    assert streams.REFUSED_EVENTS.max_bytes == 128 * 1024**2
    assert streams.DELIVERIES.subjects == (streams.DELIVERIES_ACCEPTED,)
    assert streams.DELIVERIES.when_full is streams.WhenFull.REFUSE_NEW


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "nats.conf"
    config.write_text(
        f'host: "127.0.0.1", port: {port}, jetstream: {{store_dir: "{tmp_path}", sync_interval: always}}'
    )
    binary = Path(sysconfig.get_path("scripts")) / "nats-server"
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([binary, "--config", config], stdout=log, stderr=log) as process,
    ):
        yield f"nats://127.0.0.1:{port}"
        process.kill()


@pytest.mark.integration
async def test_the_server_takes_them_all_and_keeps_the_last_states(nats_url: str) -> None:
    async def quiet(_error: Exception) -> None:
        """The server may not listen yet."""

    async with asyncio.timeout(20):
        client = await nats.connect(
            nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0, error_cb=quiet
        )
        js = client.jetstream()
        for stream in streams.ALL:
            await js.add_stream(
                api.StreamConfig(
                    name=stream.name,
                    subjects=list(stream.subjects),
                    discard=api.DiscardPolicy(stream.when_full),
                    max_age=stream.max_age_seconds,
                    max_bytes=stream.max_bytes,
                    max_msgs_per_subject=stream.max_per_subject,
                    duplicate_window=stream.duplicate_window_seconds,
                )
            )
        for number in range(10):
            await js.publish(streams.config_trigger(ID), str(number).encode())
            await js.publish(streams.schedule(ID), str(number).encode())
        assert (await js.stream_info("CONFIG")).state.messages == 4
        assert (await js.stream_info("SCHEDULES")).state.messages == 1
        assert (await js.get_last_msg("SCHEDULES", streams.schedule(ID))).data == b"9"
        for subject in (
            streams.DELIVERIES_ACCEPTED,
            streams.FIRINGS_MANUAL,
            streams.execution("started"),
            streams.event("order.created"),
            streams.dead_letter(stream="EVENTS", durable=streams.DISPATCH_EVENTS),
        ):
            assert (await js.publish(subject, b"x")).stream == home(subject)
        for event_type in EVENT_TYPES:
            sequence = (await js.publish(streams.event(event_type), b"x")).seq
            assert (await js.get_msg("EVENTS", sequence)).subject == f"events.{event_type}"
        await client.close()

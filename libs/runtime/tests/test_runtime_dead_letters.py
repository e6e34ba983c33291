"""Dead letters on a real server: what an operator can do with them, from the command line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from nats.js import api

from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer
from trigger_runtime.bus.dead_letter_store import (
    DeadLetter,
    DeadLetterStore,
    NotRequeuedError,
    UnknownLetterError,
)
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import Subscription
from trigger_runtime.metrics import Metrics

pytestmark = pytest.mark.integration

Run = Callable[..., Awaitable[tuple[int, str, str]]]


class MalformedError(Exception):
    pass


@pytest.fixture
async def run(nats_url: str, tmp_path: Any) -> Run:
    """Run ``dead-letters`` as an operator does; return exit status, output and errors."""
    program = tmp_path / "worker.py"
    program.write_text(
        "import sys\n"
        "from trigger_runtime.command_line import run\n"
        "from trigger_runtime.settings import ServiceSettings\n"
        "class Settings(ServiceSettings, frozen=True, kw_only=True):\n"
        "    http_port: int = 1\n"
        "sys.exit(run('worker', settings=Settings, build=None, dead_letters='DEAD'))\n"
    )

    async def start(*arguments: str, url: str = nats_url) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(program), "dead-letters", *arguments),
            env={"NATS_URL": url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()

    return start


@pytest.fixture
async def store(bus: Bus) -> DeadLetterStore:
    return DeadLetterStore(bus, stream="DEAD", owner="worker")


async def dead_letter(bus: Bus, metrics: Metrics, *, durable: str = "worker-things", count: int) -> None:
    """Let a consumer give up on the first messages of the stream."""
    received: list[Received] = []
    done = asyncio.Event()

    async def give_up(item: Received) -> None:
        received.append(item)
        if len(received) == count:
            done.set()
        raise MalformedError(f"not a thing: {item.sequence}")

    subscription = Subscription(
        stream="THINGS",
        durable=durable,
        subjects=["things.>"],
        dead_letter_subject=f"dead.THINGS.{durable}",
        dead_letter_on=(MalformedError,),
        concurrency=1,
    )
    consumer = Consumer(bus, subscription=subscription, handle=give_up, metrics=metrics)
    await consumer.start()
    async with asyncio.timeout(20):
        await done.wait()
    # It ends when the handlers have, and so the letters are stored.
    await consumer.stop()


async def all_of(store: DeadLetterStore) -> list[DeadLetter]:
    return [letter async for letter in store.letters()]


async def things(bus: Bus) -> list[tuple[bytes, dict[str, str]]]:
    last = (await bus.stream_state("THINGS")).last_sequence
    messages = [await bus.js.get_msg("THINGS", sequence) for sequence in range(1, last + 1)]
    return [(message.data or b"", dict(message.headers or {})) for message in messages]


async def test_a_letter_says_which_message_it_was_and_why(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    await bus.publish("things.a", b'{"n": 1}', headers={"Ce-Type": "a"}, message_id="m1")
    await bus.publish("things.b", b"\xff")
    await dead_letter(bus, metrics, count=2)
    first, second = await all_of(store)
    assert (first.subject, first.durable, first.stream, first.message_sequence, first.attempts) == (
        *("things.a", "worker-things", "THINGS"),
        *(1, 1),
    )
    assert first.reason == "MalformedError: not a thing: 1"
    assert (first.data, first.headers) == (b'{"n": 1}', {"Ce-Type": "a"})
    status, output, _ = await run("list")
    assert status == 0
    assert [line.split()[0] for line in output.splitlines()] == ["1", "2"]
    assert "things.a" in output
    assert "not a thing: 2" in output
    status, output, _ = await run("show", "1")
    shown = msgspec.json.decode(output)
    assert (shown["data"], shown["headers"], shown["subject"]) == ({"n": 1}, {"Ce-Type": "a"}, "things.a")
    _, output, _ = await run("show", "2")
    assert msgspec.json.decode(output)["dataBase64"] == "/w=="
    assert second.data == b"\xff"


async def test_a_long_list_comes_in_pages(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    for number in range(5):
        await bus.publish("things.a", b"%d" % number)
    await dead_letter(bus, metrics, count=5)
    status, output, errors = await run("list", "--limit", "2", "--json")
    assert status == 0
    assert [msgspec.json.decode(line)["letter"] for line in output.splitlines()] == [1, 2]
    assert "--after 2" in errors
    _, output, errors = await run("list", "--after", "2", "--json")
    assert [msgspec.json.decode(line)["letter"] for line in output.splitlines()] == [3, 4, 5]
    assert errors == ""
    assert len(await all_of(store)) == 5


async def test_a_requeued_message_is_on_its_subject_again_and_its_letter_is_gone(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    await bus.publish("things.a", b"one", headers={"Ce-Type": "a"})
    await bus.publish("things.b", b"two")
    await dead_letter(bus, metrics, count=2)
    status, output, errors = await run("requeue", "1")
    assert (status, errors) == (0, "")
    assert output == "requeued 1 worker-things things.a\n1 requeued\n"
    assert [letter.sequence for letter in await all_of(store)] == [2]
    *_, (data, headers) = await things(bus)
    assert data == b"one"
    assert headers["Ce-Type"] == "a"
    assert headers["Requeued-Letter"] == "1"
    assert not any(name.startswith("Dead-") for name in headers)


async def test_requeueing_twice_makes_one_message(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one dies between the confirmation and the deletion of the letter."""
    await bus.publish("things.a", b"one")
    await dead_letter(bus, metrics, count=1)

    async def killed(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(store, "_delete", killed)
        with pytest.raises(asyncio.CancelledError):
            await store.requeue(1)
    assert len(await all_of(store)) == 1
    assert (await run("requeue", "1"))[0] == 0
    assert [data for data, _ in await things(bus)] == [b"one", b"one"]
    assert await all_of(store) == []
    status, _, errors = await run("requeue", "1")
    assert (status, errors) == (1, "letter 1: there is no dead letter 1\n")


async def test_all_requeues_those_that_were_there_and_not_what_comes_back(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    for number in range(3):
        await bus.publish("things.a", b"%d" % number)
    await dead_letter(bus, metrics, count=3)
    status, output, _ = await run("requeue", "--all")
    assert status == 0
    assert output.splitlines()[-1] == "3 requeued"
    await dead_letter(bus, metrics, count=3)
    assert [letter.sequence for letter in await all_of(store)] == [4, 5, 6]
    # What was requeued before, and failed again, has a letter like any other.
    assert all("Requeued-Letter" not in letter.headers for letter in await all_of(store))


async def test_letters_are_chosen_by_reason_and_durable(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    for number in range(2):
        await bus.publish("things.a", b"%d" % number)
    await dead_letter(bus, metrics, count=2)
    await dead_letter(bus, metrics, durable="worker-others", count=2)
    status, output, _ = await run(
        "drop", "--reason", "MalformedError: not a thing: 1", "--durable", "worker-things"
    )
    assert status == 0
    assert output.splitlines()[-1] == "1 dropped"
    assert sorted((letter.durable, letter.message_sequence) for letter in await all_of(store)) == [
        ("worker-others", 1),
        ("worker-others", 2),
        ("worker-things", 2),
    ]


async def test_a_service_sees_only_its_own_letters(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    await bus.publish("things.a", b"one")
    await dead_letter(bus, metrics, durable="other-service-things", count=1)
    assert await all_of(store) == []
    with pytest.raises(UnknownLetterError):
        await store.drop(1)
    status, output, errors = await run("list")
    assert (status, output, errors) == (0, "", "no dead letters\n")
    status, _, errors = await run("show", "1")
    assert (status, errors) == (1, "worker: letter 1 is one of other-service-things, not of worker\n")
    status, output, errors = await run("drop", "1")
    assert (status, output) == (1, "0 dropped, 1 not\n")
    assert "one of other-service-things" in errors
    assert len(await all_of(DeadLetterStore(bus, stream="DEAD"))) == 1


async def test_what_no_consumer_wrote_is_no_letter(bus: Bus, store: DeadLetterStore, run: Run) -> None:
    await bus.publish("dead.THINGS.worker-things", b"by hand")
    await bus.publish("dead.THINGS.worker-things", b"", headers={"Dead-Subject": "x", "Dead-Sequence": "²"})
    await bus.publish("dead.more.than.three", b"", headers={"Dead-Subject": "x", "Dead-Sequence": "1"})
    assert await all_of(store) == []
    assert (await run("requeue", "--all"))[1] == "0 requeued\n"
    status, _, errors = await run("drop", "1")
    assert status == 1
    assert "no consumer wrote it (dead.THINGS.worker-things)" in errors


async def test_an_old_state_is_not_requeued_as_the_latest(bus: Bus, store: DeadLetterStore, run: Run) -> None:
    await bus.js.add_stream(api.StreamConfig(name="STATES", subjects=["states.>"], max_msgs_per_subject=4))
    await bus.publish("states.a", b"new")
    headers = {"Dead-Subject": "states.a", "Dead-Sequence": "1", "Dead-Reason": "old"}
    await bus.publish("dead.STATES.worker-states", b"old", headers=headers)
    with pytest.raises(NotRequeuedError, match="latest state"):
        await store.requeue(1)
    assert await bus.last("STATES", subject="states.a") == b"new"
    status, output, errors = await run("requeue", "1")
    assert status == 1
    assert output == "0 requeued, 1 not\n"
    assert "latest state" in errors
    assert (await run("drop", "1"))[0] == 0
    assert await all_of(store) == []


async def test_data_that_found_no_room_in_the_letter_comes_from_the_stream(
    bus: Bus, store: DeadLetterStore, run: Run
) -> None:
    await bus.publish("things.a", b"large")
    headers = {"Dead-Subject": "things.a", "Dead-Sequence": "1", "Dead-Data-Left-In": "THINGS"}
    gone = {**headers, "Dead-Sequence": "99"}
    await bus.publish("dead.THINGS.worker-things", b"", headers=headers)
    await bus.publish("dead.THINGS.worker-things", b"", headers=gone)
    assert msgspec.json.decode((await run("show", "1"))[1])["dataLeftIn"] == "THINGS"
    status, output, errors = await run("requeue", "1", "2")
    assert status == 1
    assert output.splitlines() == ["requeued 1 worker-things things.a", "1 requeued, 1 not"]
    assert "no longer has message 99" in errors
    assert [data for data, _ in await things(bus)] == [b"large", b"large"]


async def test_without_the_bus_it_says_so(run: Run, store: DeadLetterStore) -> None:
    status, output, errors = await run("list", url="nats://me:p@ss@127.0.0.1:1")
    assert (status, output) == (1, "")
    assert "the bus cannot be used: no connection to 127.0.0.1:1 within 10 s (NATS_URL)" in errors
    assert "ss@" not in errors


async def test_an_empty_reason_chooses_no_letter(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    """A script's unset variable must not stand for every letter."""
    await bus.publish("things.a", b"one")
    await dead_letter(bus, metrics, count=1)
    for action in ("drop", "requeue"):
        for reason in ("", " "):
            status, output, errors = await run(action, "--reason", reason)
            assert (status, output) == (2, "")
            assert "--all does that" in errors
    assert [letter.sequence for letter in await all_of(store)] == [1]


async def test_a_durable_without_letters_is_told_from_no_letters_at_all(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    await bus.publish("things.a", b"one")
    await dead_letter(bus, metrics, count=1)
    status, output, errors = await run("list", "--durable", "worker-thing")
    assert (status, output) == (0, "")
    assert errors == "no dead letters of worker-thing; there are some of worker-things\n"
    status, output, errors = await run("drop", "--durable", "worker-thing", "--reason", "X")
    assert (status, output) == (0, "0 dropped\n")
    assert errors == (
        "no dead letters of worker-thing whose reason begins with 'X'; there are some of worker-things\n"
    )
    status, output, errors = await run("list", "--durable", "worker-things", "--after", "1")
    assert (status, output, errors) == (0, "", "no dead letters of worker-things behind 1\n")
    for action in (("list",), ("drop", "--all"), ("requeue", "--reason", "M")):
        status, output, errors = await run(*action, "--durable", "other-service-things")
        assert (status, output) == (2, "")
        assert (
            errors
            == "worker: 'other-service-things' is no durable of worker: their names begin with worker-\n"
        )
    assert [letter.sequence for letter in await all_of(store)] == [1]


async def test_a_letter_chosen_by_its_number_is_not_chosen_by_its_durable_too(
    bus: Bus, metrics: Metrics, store: DeadLetterStore, run: Run
) -> None:
    await bus.publish("things.a", b"one")
    await dead_letter(bus, metrics, count=1)
    status, output, errors = await run("drop", "1", "--durable", "worker-others")
    assert (status, output) == (2, "")
    assert "--durable goes with --reason or --all" in errors
    assert [letter.sequence for letter in await all_of(store)] == [1]


@pytest.mark.parametrize("number", ["abc", "0", "1.5", "99999999999999999999999", "²"])
async def test_what_is_no_number_of_a_letter_is_refused_in_words(
    run: Run, store: DeadLetterStore, number: str
) -> None:
    for arguments in (("show", number), ("drop", number), ("list", "--after", number)):
        status, output, errors = await run(*arguments)
        assert (status, output) == (2, "")
        assert f"{number!r} is no number from 1, for example 17" in errors


@pytest.mark.parametrize("arguments", [["requeue"], ["drop", "--all", "1"], ["list", "--limit", "0"], []])
async def test_a_wrong_command_line_does_nothing(
    run: Run, store: DeadLetterStore, arguments: list[str]
) -> None:
    status, output, errors = await run(*arguments)
    assert (status, output) == (2, "")
    assert "usage" in errors

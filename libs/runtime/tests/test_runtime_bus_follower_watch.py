"""Whether a follower is behind: its stream knows, whatever the follower believes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from trigger_runtime.bus.connection import Bus, StoredMessage
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.follower_watch import FollowerWatch
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import RetryLaterError

pytestmark = pytest.mark.integration


class Directory:
    """What was applied; ``gate`` holds the next batch back while it is not set."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.position: int | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def where(self) -> int | None:
        return self.position

    async def apply(self, batch: Sequence[Received]) -> None:
        await self.gate.wait()
        self.seen += [item.data for item in batch]
        self.position = batch[-1].sequence


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def directory() -> Directory:
    return Directory()


@pytest.fixture
async def follower(bus: Bus, directory: Directory) -> AsyncIterator[Follower]:
    follower = Follower(
        bus,
        name="things",
        stream="THINGS",
        subjects=["things.a.*", "things.b"],
        position=directory.where,
        apply=directory.apply,
    )
    yield follower
    await follower.stop()


@pytest.fixture
async def watch(
    follower: Follower, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FollowerWatch]:
    monkeypatch.setattr("trigger_runtime.bus.follower_watch._WAIT_SECONDS", 0.5)
    monkeypatch.setattr("trigger_runtime.bus.follower_watch._SECONDS_BETWEEN", 0.05)
    watch = FollowerWatch(follower, name="things", registry=registry)
    yield watch
    await watch.stop()


def behind(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("follower_behind_seconds", {"follower": "things"})


async def test_what_is_stored_is_applied_when_it_is_current(
    bus: Bus, follower: Follower, watch: FollowerWatch, directory: Directory
) -> None:
    await follower.start()
    await watch.current()
    for number in range(20):
        await bus.publish(f"things.a.{number}", b"%d" % number)
        await watch.current()
        assert directory.seen[-1] == b"%d" % number


async def test_what_is_not_followed_holds_up_nothing(
    bus: Bus, follower: Follower, watch: FollowerWatch, directory: Directory
) -> None:
    await bus.publish("things.b", b"1")
    await follower.start()
    await bus.publish("things.other", b"2")
    await watch.current()
    assert directory.seen == [b"1"]


async def test_one_that_never_attached_is_not_current(
    bus: Bus, follower: Follower, watch: FollowerWatch
) -> None:
    with pytest.raises(RetryLaterError, match="behind"):
        await watch.current()
    await bus.publish("things.b", b"1")
    await follower.start()
    await watch.current()


async def test_a_frozen_one_is_behind_and_says_so_until_it_goes_on(
    bus: Bus,
    follower: Follower,
    watch: FollowerWatch,
    directory: Directory,
    registry: CollectorRegistry,
    eventually: Any,
) -> None:
    await follower.start()
    await watch.start()
    await watch.current()
    assert watch.check() is None
    assert behind(registry) == 0
    directory.gate.clear()
    await bus.publish("things.b", b"1")
    with pytest.raises(RetryLaterError, match="behind"):
        await watch.current()
    assert "behind its stream for" in str(watch.check())
    assert (behind(registry) or 0) > 0
    directory.gate.set()
    await eventually(lambda: watch.check() is None)
    assert behind(registry) == 0


async def test_one_whose_consumer_is_lost_is_behind_until_it_has_another(
    bus: Bus, follower: Follower, watch: FollowerWatch, directory: Directory, eventually: Any
) -> None:
    await follower.start()
    await watch.current()
    for info in await bus.js.consumers_info("THINGS"):
        await bus.js.delete_consumer("THINGS", info.name)
    await bus.publish("things.b", b"1")

    async def current() -> bool:
        try:
            await watch.current()
        except RetryLaterError:
            return False
        return True

    await eventually(current, seconds=30)
    assert directory.seen == [b"1"]


async def test_a_stream_that_cannot_be_asked_leaves_it_open(
    bus: Bus, follower: Follower, watch: FollowerWatch
) -> None:
    await follower.start()
    await watch.current()
    await bus.js.delete_stream("THINGS")
    with pytest.raises(RetryLaterError):
        await watch.current()
    assert watch.check() is not None


async def test_those_who_ask_together_share_a_question_that_was_asked_after_them(
    bus: Bus, follower: Follower, watch: FollowerWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, last_stored = 0, Bus.last_stored

    async def counting(bus: Bus, stream: str, **given: Any) -> StoredMessage | None:
        nonlocal asked
        asked += 1
        return await last_stored(bus, stream, **given)

    await follower.start()
    await follower.caught_up()
    monkeypatch.setattr(Bus, "last_stored", counting)
    await asyncio.gather(*(watch.current() for _ in range(100)))
    # A question each subject: the first caller's, and one that the others share.
    assert asked <= 2 * 2

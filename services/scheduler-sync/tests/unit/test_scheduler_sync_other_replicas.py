"""What other replicas have published, and which of them leads."""

import msgspec
import pytest
from schedule_doubles import AT, Replica, trigger
from structlog.testing import capture_logs

from scheduler_sync.usecases.status_publisher import PublishedFacts
from trigger_contracts.config import ScheduleConfig
from trigger_contracts.schedules import ScheduleSynced, ScheduleSyncFailed, schedule_id


async def test_what_another_replica_has_published_is_not_published_again() -> None:
    states = [trigger(), trigger(enabled=False), trigger(config=ScheduleConfig(cron_expression="@noon"))]
    before = Replica(*states)
    await before.resync()
    assert len(before.facts) == 3
    after = Replica(*states)
    after.temporal.schedules = before.temporal.schedules
    for sequence, fact in enumerate(before.facts, start=1):
        after.published.apply(fact, sequence=sequence)
    with capture_logs() as logs:
        assert (await after.resync()).left == 1
    assert not after.facts
    assert "schedule refused" not in [entry["event"] for entry in logs]
    # Of another version, or taken back, it is to be published.
    for state in states[:2]:
        after.published.forget(state.id, sequence=9)
    await after.resync()
    assert [type(fact) for fact in after.facts] == [ScheduleSynced] * 2


async def test_a_replica_that_lost_the_leadership_begins_nothing_more() -> None:
    states = [trigger() for _ in range(40)]
    replica = Replica(*states)

    class Frozen:
        def is_leader(self) -> bool:
            return len(replica.temporal.schedules) < 3

    result = await replica.resync(Frozen())
    assert len(replica.temporal.schedules) < 3 + 32, "what was begun is finished"
    assert result.left == 40 - len(replica.temporal.schedules)
    assert result.outage is None
    assert (await replica.resync()).left == 0


@pytest.mark.parametrize(("expression", "kind"), [("@daily", ScheduleSynced), ("@noon", ScheduleSyncFailed)])
async def test_a_fact_of_a_newer_version_stands(expression: str, kind: type) -> None:
    state = trigger(config=ScheduleConfig(cron_expression=expression))
    replica = Replica(state)
    replica.facts_stream.newer_version = 2

    async def changed_meanwhile() -> None:
        replica.configuration.states[state.id] = msgspec.structs.replace(state, version=2)

    replica.facts_stream.before_refusal = changed_meanwhile
    await replica.resync()
    assert not replica.facts
    replica.configuration.followed = dict(replica.configuration.states)
    await replica.resync()
    assert [(type(fact), fact.trigger_version) for fact in replica.facts] == [(kind, 2)]


async def test_a_fact_of_a_version_that_is_gone_does_not_stand() -> None:
    """The configuration's database was restored, and the bus has what was said before."""
    state = trigger()
    replica = Replica(state)
    replica.facts_stream.newer_version = 9
    await replica.resync()
    assert [fact.trigger_version for fact in replica.facts] == [1]
    await replica.resync()
    assert len(replica.facts) == 1


def test_a_later_fact_is_not_forgotten_for_an_earlier_one() -> None:
    """What this replica publishes comes back by the stream, after what others have published since."""
    published, state = PublishedFacts(), trigger()

    def fact(version: int) -> ScheduleSynced:
        return ScheduleSynced(
            trigger_id=state.id,
            trigger_version=version,
            schedule_id=schedule_id(state.id),
            at=AT,
            next_fire_times=(),
        )

    published.apply(fact(2), sequence=8)
    published.apply(fact(1), sequence=7)
    assert published.is_synced(state.id, version=2, times=())
    assert not published.forget(state.id, sequence=7)
    published.apply(fact(1), sequence=9)
    assert published.is_synced(state.id, version=1, times=())
    published.forget_all()
    assert not published.is_synced(state.id, version=1, times=())

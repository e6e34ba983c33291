"""The busiest triggers of a minute: named where they are few, together where they are many."""

from uuid import UUID, uuid4

from webhook_ingress.domain.trigger_rates import Outcome, TriggerRates


def shown(rates: TriggerRates, *, count: int, now: float) -> list[tuple[UUID | None, str, int]]:
    return [(one.trigger_id, one.outcome.value, one.requests) for one in rates.busiest(count, now=now)]


def test_the_busiest_of_the_last_minute_come_first() -> None:
    rates, triggers = TriggerRates(), [uuid4() for _ in range(5)]
    for number, trigger_id in enumerate(triggers):
        for _ in range(number + 1):
            rates.note(trigger_id, outcome=Outcome.TAKEN, now=1000.0)
    rates.note(triggers[0], outcome=Outcome.REFUSED, now=1059.9)
    assert shown(rates, count=2, now=1059.9) == [(None, "taken", 0), (None, "refused", 0)]
    assert shown(rates, count=2, now=1060.0) == [
        (triggers[4], "taken", 5),
        (triggers[3], "taken", 4),
        (None, "taken", 6),
        (None, "refused", 1),
    ]


def test_what_is_over_is_forgotten() -> None:
    rates, trigger_id = TriggerRates(), uuid4()
    rates.note(trigger_id, outcome=Outcome.TAKEN, now=1000.0)
    rates.note(trigger_id, outcome=Outcome.TAKEN, now=1060.0)
    assert shown(rates, count=1, now=1100.0)[0] == (trigger_id, "taken", 1)
    assert shown(rates, count=1, now=1120.0)[0] == (trigger_id, "taken", 1)
    assert shown(rates, count=1, now=1500.0) == [(None, "taken", 0), (None, "refused", 0)]


def test_many_ids_are_counted_together() -> None:
    rates = TriggerRates()
    for number in range(12_000):
        rates.note(UUID(int=number), outcome=Outcome.REFUSED, now=1000.0)
    loads = shown(rates, count=20, now=1060.0)
    assert len(loads) == 22
    assert sum(requests for _, _, requests in loads) == 12_000

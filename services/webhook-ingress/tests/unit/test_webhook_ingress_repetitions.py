"""A repeated accepted key has its execution's id before any rate limit, and passes no limit."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from trigger_contracts import ids
from trigger_contracts.webhook_config import IdempotencyKeySource, RateLimit, WebhookResponse
from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.accepted_keys import AcceptedKeys
from webhook_ingress.ports import UnavailableError

Make = Callable[..., Any]

ONE = RateLimit(requests=1, per_seconds=3600)


def test_a_repetition_over_the_limit_is_answered_as_before_and_starts_nothing(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger(rate_limit=ONE))
    keyed = make_request(("Idempotency-Key", "k 1"), trigger_id=door.trigger.id)
    first = door.send(keyed)
    execution_id = ids.delivery_execution_id(door.trigger.id, key="k 1")
    for _ in range(5):
        again = door.send(keyed)
        assert (again.status, again.body) == (202, first.body)
        assert dict(again.headers)["X-Execution-Id"] == str(execution_id)
    assert len(door.accepted) == 1
    assert {(one.reason, one.execution_id, one.idempotency_key) for one in door.rejected} == {
        ("repeated", execution_id, "k 1")
    }
    assert door.outcomes == ["accepted", *["repeated"] * 5]
    other = make_request(("Idempotency-Key", "k 2"), trigger_id=door.trigger.id)
    assert door.send(other).status == 429


def test_repetitions_use_nothing_of_the_limit_up(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger(rate_limit=RateLimit(requests=2, per_seconds=3600)))
    first = make_request(("Idempotency-Key", "a"), trigger_id=door.trigger.id)
    assert [door.send(first).status for _ in range(10)] == [202] * 10
    assert door.send(make_request(("Idempotency-Key", "b"), trigger_id=door.trigger.id)).status == 202
    assert door.send(make_request(trigger_id=door.trigger.id)).status == 429


def test_a_repetition_has_the_triggers_own_response(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    source = IdempotencyKeySource(body="data.id")
    response = WebhookResponse(status=200, body="seen")
    door = make_door(make_trigger(rate_limit=ONE, idempotency_key=source, response=response))
    request = make_request(trigger_id=door.trigger.id)
    sent = [door.send(request, body=b'{"data":{"id":7}}') for _ in range(3)]
    assert {(one.status, one.body) for one in sent} == {(200, b"seen")}
    assert len(door.accepted) == 1


def test_a_providers_repetition_has_its_acknowledgement(signed_door: Make) -> None:
    door, first = signed_door(WebhookProvider.STRIPE, rate_limit=ONE)
    again = door.send(door.sent[0], body=door.accepted[0].body)
    assert (again.status, again.body) == (first.status, first.body)
    assert [one.reason for one in door.rejected] == ["repeated"]


def test_what_was_recorded_of_it_is_no_repetition(signed_door: Make, make_request: Make) -> None:
    door, _ = signed_door(WebhookProvider.STRIPE, rate_limit=ONE)
    (record,) = door.accepted
    again = door.send(make_request(*record.headers, trigger_id=door.trigger.id), body=record.body)
    assert again.status == 401


def test_what_was_not_accepted_is_no_repetition(
    make_trigger: Make, make_request: Make, make_door: Make, make_secret: Make
) -> None:
    door = make_door(make_trigger(rate_limit=RateLimit(requests=2, per_seconds=3600)))
    keyed = make_request(("Idempotency-Key", "k"), trigger_id=door.trigger.id)
    door.problem = UnavailableError("away")
    assert door.send(keyed).status == 503
    door.problem = None
    assert door.send(keyed).status == 202
    assert len(door.accepted) == 1, "the first was never stored"
    # Another trigger's key of the same text is another key.
    other = make_door(make_trigger(rate_limit=ONE))
    assert other.send(make_request(("Idempotency-Key", "k"), trigger_id=other.trigger.id)).status == 202
    assert len(other.accepted) == 1


def test_without_a_limit_every_repetition_goes_to_the_bus(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger())
    keyed = make_request(("Idempotency-Key", "k"), trigger_id=door.trigger.id)
    assert [door.send(keyed).status for _ in range(3)] == [202] * 3
    assert len(door.accepted) == 3


def test_keys_are_forgotten_by_count_and_by_age() -> None:
    keys = AcceptedKeys(most=3, seconds=10.0)
    a, b, c, d = (uuid4() for _ in range(4))
    for one in (a, b, c):
        keys.add(one, now=0.0)
    assert keys.has(a, now=1.0)
    keys.add(d, now=2.0)
    assert [keys.has(one, now=3.0) for one in (a, b, c, d)] == [True, False, True, True]
    assert not keys.has(a, now=10.0), "asking does not make it younger"
    assert keys.has(d, now=11.9)
    assert not keys.has(d, now=12.0)
    assert len(keys) == 1

"""Who may call from where, and how often."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import MissingOrigin, RateLimit
from webhook_ingress.domain.rate_limit import RateLimits, take
from webhook_ingress.domain.sender import AllowedOrigins

Make = Callable[..., Any]


def test_the_address_is_checked_before_the_signature_and_after_the_switch(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger(allowed_ips=("192.0.2.0/24",)))
    elsewhere = make_request(trigger_id=door.trigger.id, client_address="198.51.100.1", method="PUT")
    response = door.send(elsewhere)
    assert (response.status, door.rejected[-1].reason) == (403, Reason.IP_NOT_ALLOWED)
    assert door.rejected[-1].body == b"", "it was not read"
    assert door.send(make_request(trigger_id=door.trigger.id)).status == 403
    here = make_request(trigger_id=door.trigger.id, client_address="::ffff:192.0.2.7")
    assert door.send(here).status == 202


@pytest.mark.parametrize(
    ("present", "allowed", "missing", "expected"),
    [
        ((), ("https://a.example",), MissingOrigin.ALLOW, True),
        ((), ("https://a.example",), MissingOrigin.REJECT, False),
        ((), ("*",), MissingOrigin.REJECT, False),
        ((), (), MissingOrigin.REJECT, True),
        (("https://a.example",), ("https://a.example",), MissingOrigin.REJECT, True),
        (("null",), ("https://a.example",), MissingOrigin.ALLOW, False),
        (("null",), ("null",), MissingOrigin.REJECT, True),
    ],
)
def test_a_missing_origin_is_judged_as_configured(
    present: Any, allowed: Any, missing: MissingOrigin, expected: bool
) -> None:
    assert AllowedOrigins(allowed, missing=missing).admit(present) is expected


def test_a_burst_and_then_one_by_one() -> None:
    limit = RateLimit(requests=2, per_seconds=10, burst=3)
    drains_at, rates = None, []
    for now in (0.0, 0.0, 0.0, 0.0, 4.9, 5.0, 5.0, 10.0, 40.0, 40.0, 40.0, 40.0):
        drains_at, rate = take(limit, drains_at=drains_at, now=now)
        rates.append((rate.is_exceeded, rate.remaining, rate.retry_after, rate.reset_after))
    assert rates == [
        (False, 2, 0, 5),
        (False, 1, 0, 10),
        (False, 0, 0, 15),
        (True, 0, 5, 15),
        (True, 0, 1, 11),
        (False, 0, 0, 15),
        (True, 0, 5, 15),
        (False, 0, 0, 15),
        (False, 2, 0, 5),
        (False, 1, 0, 10),
        (False, 0, 0, 15),
        (True, 0, 5, 15),
    ]


@given(
    requests=st.integers(1, 1000),
    per_seconds=st.integers(1, 86_400),
    burst=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 1e5), max_size=60),
)
def test_no_sequence_gets_more_than_its_share(
    requests: int, per_seconds: int, burst: int, gaps: list[float]
) -> None:
    limit = RateLimit(requests=requests, per_seconds=per_seconds, burst=burst)
    drains_at, now, let_in = None, 0.0, []
    for gap in gaps:
        now += gap
        drains_at, rate = take(limit, drains_at=drains_at, now=now)
        if not rate.is_exceeded:
            let_in.append(now)
    for first, begin in enumerate(let_in):
        for last, end in enumerate(let_in[first:], start=1):
            assert last <= burst + (end - begin) * requests / per_seconds + 1e-3


def test_a_sender_that_waits_for_retry_after_is_let_in() -> None:
    limit = RateLimit(requests=3, per_seconds=60)
    drains_at, now = None, 17.3
    for _ in range(50):
        drains_at, rate = take(limit, drains_at=drains_at, now=now)
        if rate.is_exceeded:
            now += rate.retry_after
            drains_at, rate = take(limit, drains_at=drains_at, now=now)
            assert not rate.is_exceeded


def test_memory_is_bounded_and_nothing_is_forgotten_early() -> None:
    limits = RateLimits()
    slow = uuid4()
    limit = RateLimit(requests=1, per_seconds=86_400)
    assert not limits.take(slow, limit=limit, now=0.0).is_exceeded
    for number in range(10_000):
        limits.take(uuid4(), limit=RateLimit(requests=1), now=number * 0.01)
    assert len(limits) < 1300
    assert limits.take(slow, limit=limit, now=100.0).is_exceeded


def test_too_many_requests_are_429_and_only_good_ones_count(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger(rate_limit=RateLimit(requests=2, per_seconds=60)))
    good = make_request(trigger_id=door.trigger.id)
    for _ in range(20):
        assert door.send(make_request(trigger_id=door.trigger.id, method="PUT")).status == 405
    first = dict(door.send(good).headers)
    assert first["RateLimit-Policy"] == '"webhook";q=2;w=60'
    assert first["RateLimit"] == '"webhook";r=1;t=30'
    assert door.send(good).status == 202
    response = door.send(good)
    assert (response.status, dict(response.headers)["Retry-After"]) == (429, "30")
    assert dict(response.headers)["RateLimit"] == '"webhook";r=0;t=60'
    assert (door.rejected[-1].reason, door.rejected[-1].response_status) == (Reason.RATE_LIMITED, 429)
    door.seconds += 30
    assert door.send(good).status == 202
    assert len(door.accepted) == 3

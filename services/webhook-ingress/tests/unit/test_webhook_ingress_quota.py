"""Requests to nobody: so many in a minute are recorded, the others counted."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from webhook_ingress.domain.rate_limit import Quota

Make = Callable[..., Any]


def test_a_quota_fills_up_again_with_time() -> None:
    quota = Quota(60)
    assert [quota.take(10.0) for _ in range(62)].count(True) == 60
    assert quota.take(11.0)
    assert not quota.take(11.0)
    assert [quota.take(1000.0) for _ in range(100)].count(True) == 60


def test_only_requests_without_an_owner_use_the_quota_up(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger())
    for _ in range(100):
        assert door.send(make_request(trigger_id=uuid4())).status == 404
        assert door.send(make_request(trigger_id=door.trigger.id, method="PUT")).status == 405
    reasons = [one.reason for one in door.rejected]
    assert (reasons.count("unknown_trigger"), reasons.count("method_not_allowed")) == (60, 100)
    assert door.unrecorded == 40
    assert door.outcomes.count("unknown_trigger") == 100

"""A request that came in one piece is answered by callbacks: with the same answer and the same record."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from trigger_contracts.config import AuthType, HttpMethod
from trigger_contracts.webhook_config import RateLimit
from webhook_ingress.domain.request import BodyProblem
from webhook_ingress.ports import DeliveryTooLargeError, UnavailableError

Make = Callable[..., Any]

BODY = b'{"a": 1}'
SECRET = b"s3cret-s3cret-s3cret"


def outcome(answer: Any, door: Any) -> Any:
    records = [msgspec.to_builtins(one) for one in (*door.accepted, *door.rejected)]
    for record in records:
        # Random even with the same clock and the same bytes: none here, but they are not what is compared.
        record.pop("id")
    return answer, records, door.outcomes, door.uses


@pytest.mark.parametrize(
    ("config", "headers", "body"),
    [
        ({}, [], BODY),
        ({}, [], BodyProblem.TOO_LARGE),
        ({"method": HttpMethod.PUT}, [], BODY),
        ({"auth_type": AuthType.HMAC}, [], BODY),
        ({"auth_type": AuthType.HMAC}, [("X-Signature", "right")], BODY),
        ({"auth_type": AuthType.HMAC}, [("X-Signature", "sha256=" + "0" * 64)], BODY),
        ({"auth_type": AuthType.API_KEY}, [("X-API-Key", SECRET.decode())], BODY),
        ({"allowed_ips": ("192.0.2.1",)}, [], BODY),
        ({"rate_limit": RateLimit(requests=1, per_seconds=60)}, [], BODY),
        ({"enabled": False}, [], BODY),
        ({}, [("Idempotency-Key", "k")], BODY),
        ({}, [("Idempotency-Key", "")], BODY),
    ],
)
@pytest.mark.parametrize("problem", [None, UnavailableError("away"), DeliveryTooLargeError()])
def test_both_ways_end_the_same(
    make_trigger: Make,
    make_secret: Make,
    make_request: Make,
    make_door: Make,
    sign: Make,
    config: dict[str, Any],
    headers: list[tuple[str, str]],
    body: Any,
    problem: Exception | None,
) -> None:
    trigger = make_trigger(secrets=(make_secret(SECRET),), **config)
    given = [(name, f"sha256={sign(SECRET, BODY)}" if value == "right" else value) for name, value in headers]
    request = make_request(*given, trigger_id=trigger.id)
    found = []
    for way in ("knock", "knock_whole"):
        door = make_door(trigger)
        door.problem = problem
        found.append(outcome(getattr(door, way)(request, body=body), door))
    assert found[0] == found[1]


def test_a_trigger_that_is_not_there(make_trigger: Make, make_request: Make, make_door: Make) -> None:
    door = make_door(make_trigger())
    answer = door.knock_whole(make_request(trigger_id=None), body=BODY)
    assert answer.status == 404
    # Whether the body came along with the head does not show in the record.
    (record,) = door.rejected
    assert record.body == b""

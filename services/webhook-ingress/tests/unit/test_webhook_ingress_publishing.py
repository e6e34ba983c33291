"""What the bus says to a delivery, and what the sender then gets."""

from collections.abc import Callable
from typing import Any

import pytest

from webhook_ingress.domain.request import BodyProblem
from webhook_ingress.ports import DeliveryTooLargeError, UnavailableError

Make = Callable[..., Any]

BODY = b'{"a": 1}'


@pytest.mark.parametrize(
    ("problem", "status", "outcome", "recorded"),
    [
        (None, 202, "accepted", 0),
        (UnavailableError("away"), 503, "unavailable", 0),
        (DeliveryTooLargeError(), 413, "body_too_large", 1),
    ],
)
def test_the_response_is_what_became_of_the_delivery(
    make_trigger: Make,
    make_request: Make,
    make_door: Make,
    problem: Exception | None,
    status: int,
    outcome: str,
    recorded: int,
) -> None:
    door = make_door(make_trigger())
    door.problem = problem
    response = door.send(make_request(trigger_id=door.trigger.id), body=BODY)
    assert (response.status, door.outcomes, len(door.rejected)) == (status, [outcome], recorded)


def test_a_body_that_did_not_come_is_never_published(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    for body, status in [
        (BodyProblem.TOO_LARGE, 413),
        (BodyProblem.INCOMPLETE, 400),
        (BodyProblem.TOO_SLOW, 408),
    ]:
        door = make_door(make_trigger())
        assert door.send(make_request(trigger_id=door.trigger.id), body=body).status == status
        assert (len(door.accepted), len(door.rejected)) == (0, 1)


def test_the_body_of_a_request_to_no_trigger_is_not_recorded(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger())
    response = door.send(make_request(trigger_id=None), body=BODY)
    assert response.status == 404
    # Whether the body came along with the head does not show in the record.
    (record,) = door.rejected
    assert record.body == b""

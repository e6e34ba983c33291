"""The message that holds refusals: the oldest version whose readers know every reason in it."""

from typing import Any

import msgspec
import pytest

from trigger_contracts.deliveries import DELIVERIES, RejectionReason
from webhook_ingress.adapters.batch import encoded_rejection, rejected_message
from webhook_ingress.domain.request import BodyProblem

FIRST = "signature_invalid"


@pytest.fixture
def refusal(make_trigger: Any, make_request: Any, make_door: Any) -> Any:
    door = make_door(make_trigger())
    door.send(make_request(trigger_id=door.trigger.id), body=BodyProblem.TOO_LARGE)
    return door.rejected[0]


@pytest.mark.parametrize(
    ("reasons", "version"),
    [
        ([FIRST], 1),
        ([FIRST, "unknown_trigger", "handshake"], 1),
        ([FIRST, RejectionReason.REPEATED], 2),
        (["of_a_later_release"], 2),
        (["path_unknown", FIRST], 2),
    ],
)
def test_a_batch_is_of_the_first_version_while_its_readers_know_every_reason(
    refusal: Any, reasons: list[str], version: int
) -> None:
    rejections = [encoded_rejection(msgspec.structs.replace(refusal, reason=reason)) for reason in reasons]
    data = rejected_message(rejections, dropped=3)
    assert msgspec.json.decode(data)["message"] == f"DeliveriesRejected/{version}"
    message: Any = DELIVERIES.decode(data)
    assert [one.reason for one in message.deliveries] == reasons
    assert message.dropped == 3

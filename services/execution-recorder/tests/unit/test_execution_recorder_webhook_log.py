"""Log rows: what a table can hold, of whatever was sent."""

import json
from typing import Any

import pytest

from execution_recorder.domain.storable_text import storable
from execution_recorder.domain.webhook_log import detail_of, log_of, record_of_delivery


def test_unstorable_characters_are_replaced() -> None:
    assert storable("a\x00b\ud800c\udfffd\U0001f600é") == "a\ufffdb\ufffdc\ufffdd\U0001f600é"


def test_an_accepted_delivery(given: Any) -> None:
    delivery = given.accepted()
    log, record = log_of(delivery), record_of_delivery(delivery)
    assert (log.execution_id, log.rejection_reason, log.error) == (delivery.execution_id, None, None)
    assert log.request_body == delivery.body
    assert json.loads(bytes(log.request_headers)) == {"Content-Type": "application/json", "X-One": "1, 2"}
    assert record.status.value == "accepted"
    assert (record.origin.cause_kind, record.origin.cause_id) == ("delivery", str(delivery.id))


def test_a_rejected_delivery(given: Any) -> None:
    log = log_of(given.rejected(workspace=None, trigger_id=None, workflow_id=None))
    assert (log.workspace, log.trigger_id, log.execution_id) == (None, None, None)
    assert log.rejection_reason == "signature_invalid"
    assert log.error == "The signature does not match."


@pytest.mark.parametrize("body", ["", "OK", "[]", '{"detail": 3}', "{", "\ud800", "[" * 5000])
def test_an_answer_that_is_no_problem_has_no_detail(body: str) -> None:
    assert detail_of(body) is None


def test_hostile_text_becomes_storable(given: Any) -> None:
    bad = "a\x00\ud800"
    log = log_of(
        given.accepted(
            request_id=bad,
            method=bad,
            path=bad,
            query=((bad, bad), (bad, bad)),
            headers=((bad, bad),),
            user_agent=bad,
            client_address=bad,
            response_body=bad,
            workspace=bad,
        )
    )
    for text in (log.request_id, log.request_method, log.request_path, log.user_agent, log.workspace):
        assert text == "a\ufffd\ufffd"
    # JSON can say NUL, so there it stays.
    assert json.loads(bytes(log.request_headers)) == {"a\x00\ufffd": "a\x00\ufffd"}
    assert json.loads(bytes(log.request_query)) == {"a\x00\ufffd": ["a\x00\ufffd", "a\x00\ufffd"]}

"""Facts keep the text of the JSON values that they carry."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from execution_recorder.domain.execution import ExecutionStatus
from execution_recorder.domain.facts import RAW_FACTS, record_of_fact
from trigger_contracts import executions
from trigger_contracts.codec import MalformedMessageError, UnknownMessageError, encode, tag_of

_EXACT = [
    "1e130000",
    "[0.10000000000000000001, 123456789012345678901234567890]",
    '{"a": 1, "a": 2,  "nul": "\\u0000"}',
    "[" * 500 + "]" * 500,
    "null",
]


def _message(given: Any, *, tag: str, **fields: bytes) -> bytes:
    known = encode(
        executions.ExecutionCancelled(
            execution=given.execution(), at=given.now, temporal_workflow_id="w", temporal_run_id="r"
        )
    ).replace(tag_of(executions.ExecutionCancelled).encode(), tag.encode())
    more = b"".join(b',"%s":%s' % (name.encode(), value) for name, value in fields.items())
    return known[:-1] + more + b"}"


@pytest.mark.parametrize("text", _EXACT)
def test_payload_and_outputs_keep_their_text(given: Any, text: str) -> None:
    started = _message(given, tag="ExecutionStarted/1", workflowVersion=b"3", payload=text.encode())
    completed = _message(given, tag="ExecutionCompleted/1", outputs=text.encode())
    start, end = (record_of_fact(RAW_FACTS.decode(data)) for data in (started, completed))
    assert start.start is not None
    assert (start.status, start.start.payload) == (ExecutionStatus.RUNNING, text)
    assert end.end is not None
    assert (end.status, end.end.outputs) == (ExecutionStatus.COMPLETED, text)


@pytest.mark.parametrize(
    "payload", [b"[01]", b"{", b'"\xff"', b'"\\ud800"', b"NaN", b"[" * 5000 + b"]" * 5000]
)
def test_what_is_no_json_is_malformed(given: Any, payload: bytes) -> None:
    data = _message(given, tag="ExecutionStarted/1", workflowVersion=b"3", payload=payload)
    with pytest.raises(MalformedMessageError):
        record_of_fact(RAW_FACTS.decode(data))


def test_a_fact_of_the_future_is_unknown(given: Any) -> None:
    with pytest.raises(UnknownMessageError):
        RAW_FACTS.decode(_message(given, tag="ExecutionPaused/1"))


@pytest.mark.parametrize("kind", list(executions.NAME_OF))
def test_every_fact_of_the_contract_is_read(given: Any, kind: type[executions.ExecutionFact]) -> None:
    needed = {
        "workflow_version": 1,
        "payload": {"a": 1},
        "outputs": {"b": 2},
        "error": executions.ExecutionError(code="c", message="m"),
    }
    fields = {name: value for name, value in needed.items() if name in kind.__struct_fields__}
    fact = kind(
        execution=given.execution(id=UUID(int=5)),
        at=given.now,
        temporal_workflow_id="w\x00",
        temporal_run_id="r",
        **fields,
    )
    record = record_of_fact(RAW_FACTS.decode(encode(fact)))
    assert record.id == UUID(int=5)
    expected = {"started": "running"}.get(executions.NAME_OF[kind], executions.NAME_OF[kind])
    assert record.status.value == expected
    assert record.temporal is not None
    assert record.temporal.workflow_id == "w\ufffd"
    if record.end is not None and "error" in fields:
        assert msgspec.json.decode(record.end.error or "") == {"code": "c", "message": "m", "node": None}

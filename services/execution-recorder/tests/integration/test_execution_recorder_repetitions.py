"""What a row says of the key, the body and the version: the same rows in whatever order the messages come."""

import asyncio
import itertools
import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_recorder.adapters.postgres_recording import PostgresRecording
from execution_recorder.usecases import record_deliveries
from trigger_contracts.deliveries import BodyReading, DeliveriesAccepted, DeliveriesRejected2
from trigger_runtime.postgres import Database

_COUNT = 4


def _same_key(given: Any, *, count: int = _COUNT) -> list[Any]:
    """Return deliveries of one execution, in the order in which they came."""
    trigger, execution = uuid4(), uuid4()
    return [
        given.accepted(
            trigger_id=trigger,
            execution_id=execution,
            idempotency_key="order-7",
            # Two of them at the same instant: the id decides.
            received_at=given.now + timedelta(seconds=number // 2),
            id=UUID(int=number + 1),
        )
        for number in range(count)
    ]


async def _repetitions(database: Database) -> list[tuple[int, bool]]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, repetition FROM execution_recorder.webhook_logs ORDER BY created_at, id"
        )
    return [(row["id"].int, row["repetition"]) for row in rows]


async def test_only_the_first_of_a_key_is_no_repetition_in_whatever_order_they_are_recorded(
    database: Database, given: Any
) -> None:
    recording = PostgresRecording(database)
    for order in itertools.permutations(range(_COUNT)):
        sent = _same_key(given)
        for number in (*order, *order):
            await record_deliveries(DeliveriesAccepted(deliveries=(sent[number],)), recording=recording)
        assert await _repetitions(database) == [(1, False), (2, True), (3, True), (4, True)]
        async with database.connection() as connection:
            await connection.execute(
                "TRUNCATE execution_recorder.webhook_logs, execution_recorder.trigger_executions"
            )


async def test_processes_that_record_the_same_key_at_once_agree(database: Database, given: Any) -> None:
    recordings = [PostgresRecording(database) for _ in range(4)]
    sent = _same_key(given, count=12)
    shuffled = [sent, sent[::-1], random.sample(sent, 12), random.sample(sent, 12)]
    await asyncio.gather(
        *(
            record_deliveries(DeliveriesAccepted(deliveries=(one,)), recording=recording)
            for recording, order in zip(recordings, shuffled, strict=True)
            for one in order
        )
    )
    assert await _repetitions(database) == [(number, number > 1) for number in range(1, 13)]


async def test_a_batch_may_hold_the_same_key_twice(database: Database, given: Any) -> None:
    await record_deliveries(
        DeliveriesAccepted(deliveries=tuple(_same_key(given)[::-1])), recording=PostgresRecording(database)
    )
    assert await _repetitions(database) == [(1, False), (2, True), (3, True), (4, True)]


async def test_a_key_that_an_older_release_recorded_is_repeated_all_the_same(
    database: Database, given: Any
) -> None:
    first, second, *_ = _same_key(given)
    recording = PostgresRecording(database)
    await record_deliveries(DeliveriesAccepted(deliveries=(first,)), recording=recording)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE execution_recorder.webhook_logs SET repetition = NULL, idempotency_key = NULL"
        )
    await record_deliveries(DeliveriesAccepted(deliveries=(second,)), recording=recording)
    assert await _repetitions(database) == [(1, None), (2, True)]


async def test_the_api_shows_the_key_and_finds_repetitions(recorder: Any, given: Any) -> None:
    first, second, *_ = _same_key(given)
    refused = given.rejected(
        trigger_id=first.trigger_id,
        reason="repeated",
        execution_id=first.execution_id,
        idempotency_key="order-7",
        response_status=202,
        received_at=given.now + timedelta(seconds=5),
    )
    plain = given.accepted(trigger_id=first.trigger_id, received_at=given.now + timedelta(seconds=9))
    await recorder.publish(*given.batch(first, second, plain))
    await recorder.publish(given.batch(refused)[0], DeliveriesRejected2(deliveries=(refused,)))
    path = f"/api/triggers/{first.trigger_id}/webhook-logs"
    page = await recorder.shown(path, when=lambda page: len(page["items"]) == 4)
    assert [(row["idempotencyKey"], row["repetition"]) for row in page["items"]] == [
        (None, False),
        ("order-7", True),
        ("order-7", True),
        ("order-7", False),
    ]
    for flag, ids in [("true", [refused.id, second.id]), ("false", [plain.id, first.id])]:
        answer = await recorder.get(f"{path}?repetition={flag}")
        assert [row["id"] for row in answer.json()["items"]] == [str(one) for one in ids]
    shown = await recorder.shown(f"/api/webhook-logs/{second.id}")
    assert (shown["idempotencyKey"], shown["repetition"]) == ("order-7", True)
    assert shown["executionId"] == str(first.execution_id)


@pytest.mark.parametrize(
    ("label", "body", "expected"),
    [
        ("application/json", b'{"a":1}', ("json", None, {"a": 1})),
        ("application/json", b'{"a":', ("text", "invalid_json", '{"a":')),
        ("application/json", b'{"a":NaN}', ("text", "invalid_json", '{"a":NaN}')),
        ("application/x-www-form-urlencoded", b"a=1&b=%7B%7D", ("form", None, {"a": "1", "b": {}})),
        ("application/octet-stream", b"\xff\x00", ("binary", None, {"base64": "/wA="})),
        ("application/json", b"", ("empty", None, None)),
    ],
)
async def test_the_api_shows_what_a_body_was_read_as(
    recorder: Any, given: Any, label: str, body: bytes, expected: tuple[Any, ...]
) -> None:
    delivery = given.accepted(
        headers=(("content-type", label),),
        body=body,
        body_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        trigger_version=7,
        reading=BodyReading(json_fields=("b",)),
    )
    await recorder.publish(*given.batch(delivery))
    row = await recorder.shown(f"/api/webhook-logs/{delivery.id}")
    assert (row["bodyFormat"], row["bodyProblem"], row["requestBody"]) == expected
    assert row["triggerVersion"] == 7


async def test_a_body_that_is_not_on_record_has_no_format(recorder: Any, given: Any) -> None:
    refusal = given.rejected(body=b"")
    await recorder.publish(*given.batch(refusal))
    row = await recorder.shown(f"/api/webhook-logs/{refusal.id}")
    assert (row["bodyFormat"], row["requestBodyBytes"]) == (None, 0)


async def test_weak_words_are_hidden_from_the_log_unless_the_trigger_lists_them(
    recorder: Any, given: Any
) -> None:
    request = {
        "query": (("code", "SUMMER25"), ("session_id", "s1"), ("prompt_tokens", "12"), ("secretary", "Ann")),
        "headers": (
            ("x-auth", "a1"),
            ("x-signature", "v"),
            ("x-api-key", "[redacted]"),
            ("referer", "https://a.example/?code=SUMMER25&page=2"),
        ),
    }
    hidden = given.accepted(**request)
    shown = given.accepted(**request, visible_names=("Code", "x-auth"))
    await recorder.publish(*given.batch(hidden, shown))
    row = await recorder.shown(f"/api/webhook-logs/{hidden.id}")
    assert row["requestQuery"] == {
        "code": "[hidden]",
        "session_id": "[hidden]",
        "prompt_tokens": "12",
        "secretary": "Ann",
    }
    assert row["requestHeaders"] == {
        "x-auth": "[hidden]",
        "x-signature": "v",
        "x-api-key": "[redacted]",
        "referer": "https://a.example/?code=[hidden]&page=2",
    }
    row = await recorder.shown(f"/api/webhook-logs/{shown.id}")
    assert (row["requestQuery"]["code"], row["requestQuery"]["session_id"]) == ("SUMMER25", "[hidden]")
    assert row["requestHeaders"]["x-auth"] == "a1"
    assert row["requestHeaders"]["referer"] == "https://a.example/?code=SUMMER25&page=2"


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-1E+400", "1" + "0" * 309])
async def test_a_number_that_common_parsers_do_not_take_spoils_no_page(
    recorder: Any, given: Any, number: str
) -> None:
    trigger = uuid4()
    odd = given.accepted(trigger_id=trigger, body=f'{{"n":{number}}}'.encode())
    response = given.rejected(trigger_id=trigger, response_body=f'{{"n":{number}}}')
    await recorder.publish(*given.batch(odd))
    await recorder.publish(*given.batch(response))
    path = f"/api/triggers/{trigger}/webhook-logs"
    # The client's parser is Python's, which refuses more than 4,300 digits.
    page = await recorder.shown(path, when=lambda page: len(page["items"]) == 2)
    assert all("n" not in row or isinstance(row["n"], str) for row in page["items"])
    assert isinstance(page["items"][0]["responseBody"], dict | str)

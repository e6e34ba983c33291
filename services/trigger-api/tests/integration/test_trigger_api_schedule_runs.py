"""A schedule is run now, and a past range of it is run again."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from trigger_contracts import codec
from trigger_contracts.config import OverlapPolicy
from trigger_contracts.schedule_requests import (
    BackfillPreviewed,
    BackfillSchedule,
    FailureCode,
    PreviewBackfill,
    RequestFailed,
    RunSchedule,
)

pytestmark = pytest.mark.integration

RANGE = {"startAt": "2026-01-05T12:00:00Z", "endAt": "2026-01-05T15:30:00+01:00"}
BACKFILL = {**RANGE, "overlapPolicy": "allowAll", "expectedFires": 2}


@pytest.fixture
async def path(api: Any, workflow_id: str) -> str:
    body = {
        "workflowId": workflow_id,
        "name": "s",
        "triggerType": "schedule",
        "config": {"cronExpression": "@hourly"},
    }
    made = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]
    return f"/api/triggers/{made}/schedule"


def trigger_of(path: str) -> UUID:
    return UUID(path.split("/")[3])


async def test_a_schedule_is_run_now_also_while_it_is_paused(api: Any, path: str, scheduler: Any) -> None:
    first = await api.call("POST", f"{path}/run", status=202, headers={"X-Request-Id": "r-1"})
    assert first.json["success"] is True
    assert first.headers["X-Execution-Id"] == first.json["executionId"]
    await api.call("POST", f"{path.removesuffix('/schedule')}/pause", status=200)
    second = await api.call("POST", f"{path}/run", status=202)
    assert second.json["executionId"] != first.json["executionId"]
    asked = scheduler.asked
    assert [type(one) for one in asked] == [RunSchedule, RunSchedule]
    assert [str(one.execution_id) for one in asked] == [
        first.json["executionId"],
        second.json["executionId"],
    ]
    assert {one.trigger_id for one in asked} == {trigger_of(path)}
    assert asked[0].request_id == "r-1"


async def test_a_run_with_a_key_is_one_run_also_when_its_answer_was_lost(
    api: Any, path: str, scheduler: Any
) -> None:
    key = {"Idempotency-Key": "now"}
    scheduler.loses_answers = 1
    lost = await api.call("POST", f"{path}/run", status=503, headers=key)
    assert lost.headers["Retry-After"] == "1"
    found = await api.call("POST", f"{path}/run", status=202, headers=key)
    again = await api.call("POST", f"{path}/run", status=202, headers=key)
    assert again.json == found.json
    assert again.headers["Idempotent-Replayed"] == "true"
    # The one whose answer was lost and the one after it are the same to whoever runs them.
    assert [str(one.execution_id) for one in scheduler.asked] == [found.json["executionId"]] * 2
    other = await api.call("POST", f"{path}/run", status=202, headers={"Idempotency-Key": "other"})
    assert other.json["executionId"] != found.json["executionId"]


async def test_a_backfill_is_previewed_and_then_done(api: Any, path: str, scheduler: Any) -> None:
    shown = (await api.call("POST", f"{path}/backfill/preview", RANGE, status=200)).json
    assert [fire["fireTime"] for fire in shown["fires"]] == ["2026-01-05T12:00:00Z", "2026-01-05T13:00:00Z"]
    assert len({UUID(fire["executionId"]) for fire in shown["fires"]}) == 2
    assert scheduler.changes() == []
    done = await api.call("POST", f"{path}/backfill", BACKFILL, status=202)
    assert done.json == shown
    (asked,) = scheduler.changes()
    assert isinstance(asked, BackfillSchedule)
    assert asked.trigger_id == trigger_of(path)
    assert asked.overlap_policy is OverlapPolicy.ALLOW_ALL
    assert asked.expected_fires == 2
    assert asked.request_id is not None


async def test_a_backfill_with_a_key_is_done_once(api: Any, path: str, scheduler: Any) -> None:
    key = {"Idempotency-Key": "again"}
    scheduler.loses_answers = 1
    await api.call("POST", f"{path}/backfill", BACKFILL, status=503, headers=key)
    answers = await asyncio.gather(
        *(api.call("POST", f"{path}/backfill", BACKFILL, status=202, headers=key) for _ in range(4))
    )
    assert len({str(answer.json) for answer in answers}) == 1
    assert len({one.request_id for one in scheduler.changes()}) == 1
    before = len(scheduler.changes())
    scheduler.answer = False
    kept = await api.call("POST", f"{path}/backfill", BACKFILL, status=202, headers=key)
    assert kept.headers["Idempotent-Replayed"] == "true"
    assert len(scheduler.changes()) == before, "what was answered is the answer, whoever is away"
    other = {**BACKFILL, "expectedFires": 1}
    reused = await api.call("POST", f"{path}/backfill", other, headers=key, status=422)
    assert reused.json["code"] == "idempotency_key_reused"


async def test_what_may_have_been_done_is_not_called_refused(api: Any, path: str, scheduler: Any) -> None:
    key = {"Idempotency-Key": "unsure"}
    scheduler.loses_answers = 1
    await api.call("POST", f"{path}/backfill", BACKFILL, status=503, headers=key)
    # The schedule is changed meanwhile, and the range has no fires any more.
    scheduler.answer = codec.encode(
        BackfillPreviewed(trigger_id=trigger_of(path), fire_times=(), execution_ids=())
    )
    unsure = await api.call("POST", f"{path}/backfill", BACKFILL, status=409, headers=key)
    assert unsure.json["code"] == "outcome_unknown"
    assert "That is 0 fires, not 2" in unsure.json["detail"]
    scheduler.answer = False
    await api.call("POST", f"{path}/backfill", BACKFILL, status=503, headers=key)
    scheduler.answer = None
    await api.call("POST", f"{path}/backfill", BACKFILL, status=202, headers=key)
    assert len({one.request_id for one in scheduler.changes()}) == 1


async def test_other_fires_than_expected_are_not_run_and_leave_the_key_free(
    api: Any, path: str, scheduler: Any
) -> None:
    key = {"Idempotency-Key": "free"}
    wrong = {**BACKFILL, "expectedFires": 3}
    for headers in ({}, key):
        answer = await api.call("POST", f"{path}/backfill", wrong, status=422, headers=headers)
        assert answer.json["errors"] == [
            {"pointer": "/expectedFires", "detail": "That is 2 fires, not 3: preview it again."}
        ]
    assert scheduler.changes() == []
    await api.call("POST", f"{path}/backfill", BACKFILL, status=202, headers=key)


async def test_a_range_that_cannot_be_is_refused_with_what_is_wrong(
    api: Any, path: str, scheduler: Any
) -> None:
    wrong = {"startAt": RANGE["startAt"], "endAt": "2026-01-04T00:00:00Z"}
    for place, body in (("/preview", wrong), ("", {**BACKFILL, **wrong})):
        answer = await api.call("POST", f"{path}/backfill{place}", body, status=422)
        assert answer.json["errors"] == [{"pointer": "/endAt", "detail": "The end is before the start."}]
    assert scheduler.changes() == []
    assert all(isinstance(one, PreviewBackfill) for one in scheduler.asked)


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"startAt": "yesterday"}, {"/startAt"}),
        ({"startAt": "2026-01-05T12:00:00"}, {"/startAt"}),
        ({"overlapPolicy": "all", "expectedFires": -1}, {"/overlapPolicy", "/expectedFires"}),
        ({"expectedFires": 501, "x": 1}, {"/expectedFires", "/x"}),
    ],
)
async def test_an_invalid_body_is_refused_before_scheduler_sync_is_asked(
    api: Any, path: str, scheduler: Any, change: dict[str, Any], pointers: set[str]
) -> None:
    answer = await api.call("POST", f"{path}/backfill", {**BACKFILL, **change}, status=422)
    assert {error["pointer"] for error in answer.json["errors"]} == pointers
    assert scheduler.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        False,
        codec.encode(RequestFailed(reason="Temporal cannot be reached now")),
        codec.encode(RequestFailed(reason="not in Temporal", code=FailureCode.NOT_FOUND)),
        codec.encode(RequestFailed(reason="what?", code=FailureCode.UNKNOWN_REQUEST)),
        b"{}",
        b"\xff",
    ],
)
async def test_without_an_answer_of_temporal_it_is_a_503(
    api: Any, path: str, scheduler: Any, answer: Any
) -> None:
    scheduler.answer = answer
    calls = [
        api.call("POST", f"{path}/run", status=503),
        api.call("POST", f"{path}/backfill/preview", RANGE, status=503),
        api.call("POST", f"{path}/backfill", BACKFILL, status=503),
    ]
    for found in await asyncio.gather(*calls):
        assert found.json["code"] == "unavailable"
        assert found.headers["Retry-After"] == "1"


async def test_what_is_no_schedule_cannot_be_run_as_one(api: Any, workflow_id: str, scheduler: Any) -> None:
    manual = {"workflowId": workflow_id, "name": "m", "triggerType": "manual"}
    other = (await api.call("POST", "/api/triggers", manual, status=201)).json["id"]
    for trigger_id in (other, str(uuid4()), "x"):
        path = f"/api/triggers/{trigger_id}/schedule"
        await api.call("POST", f"{path}/run", status=404)
        await api.call("POST", f"{path}/backfill/preview", RANGE, status=404)
        await api.call("POST", f"{path}/backfill", BACKFILL, status=404)
    assert scheduler.asked == []


async def test_each_needs_its_own_scope(api: Any, path: str, scheduler: Any, make_token: Any) -> None:
    reader, runner = make_token(scope="triggers:read"), make_token(scope="triggers:run")
    await api.call("POST", f"{path}/run", status=403, as_=reader)
    await api.call("POST", f"{path}/backfill", BACKFILL, status=403, as_=reader)
    await api.call("POST", f"{path}/backfill/preview", RANGE, status=200, as_=reader)
    await api.call("POST", f"{path}/run", status=202, as_=runner)
    await api.call("POST", f"{path}/backfill", BACKFILL, status=202, as_=runner)
    await api.call("POST", f"{path}/backfill/preview", RANGE, status=403, as_=runner)

"""The read API: pages, filters, isolation, and bad input."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from execution_recorder.adapters.postgres_recording import PostgresRecording
from execution_recorder.domain.facts import RAW_FACTS, record_of_fact
from execution_recorder.domain.webhook_log import log_of, record_of_delivery
from trigger_contracts import executions, streams
from trigger_contracts.codec import encode
from trigger_contracts.deliveries import RejectionReason
from trigger_runtime.postgres import Database

pytestmark = pytest.mark.integration

_TRIGGER, _WORKFLOW = UUID(int=1), UUID(int=2)
_LISTS = [
    "/api/executions",
    f"/api/triggers/{_TRIGGER}/executions",
    "/api/webhook-logs",
    f"/api/triggers/{_TRIGGER}/webhook-logs",
]


@pytest.fixture
async def history(recorder: Any, given: Any, database: Database) -> Any:
    """Seven accepted requests, pairs of them at the same instant, the last three also failed; one refused."""
    deliveries = [
        given.accepted(
            trigger_id=_TRIGGER,
            workflow_id=_WORKFLOW,
            received_at=given.now + timedelta(seconds=number // 2),
        )
        for number in range(7)
    ]
    refused = given.rejected(
        trigger_id=_TRIGGER, workflow_id=_WORKFLOW, received_at=given.now + timedelta(minutes=1)
    )
    records = [record_of_delivery(delivery) for delivery in deliveries]
    await PostgresRecording(database).record(
        logs=[log_of(delivery) for delivery in [*deliveries, refused]], executions=records
    )
    for delivery in deliveries[4:]:
        fact = executions.ExecutionFailed(
            execution=given.execution(
                id=delivery.execution_id,
                trigger_id=_TRIGGER,
                workflow_id=_WORKFLOW,
                accepted_at=delivery.received_at,
                cause=executions.Cause(kind=executions.CauseKind.DELIVERY, id=str(delivery.id)),
            ),
            at=given.now,
            temporal_workflow_id="w",
            temporal_run_id="r",
            error=executions.ExecutionError(code="c", message="m"),
        )
        record = record_of_fact(RAW_FACTS.decode(encode(fact)))
        await PostgresRecording(database).record(logs=(), executions=[record])
    await recorder.publish(streams.config_trigger(_TRIGGER), given.trigger(_TRIGGER))
    return deliveries


async def _ids(recorder: Any, path: str) -> list[str]:
    answer = await recorder.get(path)
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.parametrize("path", _LISTS)
async def test_pages_hold_everything_once_newest_first(recorder: Any, history: Any, path: str) -> None:
    for limit in (1, 3, 7, 8, 50):
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            answer = (await recorder.get(f"{path}?limit={limit}{cursor and f'&cursor={cursor}'}")).json()
            assert len(answer["items"]) <= limit
            found += answer["items"]
            cursor = answer["nextCursor"]
        keys = [(item.get("acceptedAt") or item["createdAt"], item["id"]) for item in found]
        assert keys == sorted(set(keys), reverse=True)
        assert len(keys) == (8 if "logs" in path else 7)


async def test_filters_of_executions(recorder: Any, history: Any) -> None:
    ids = {str(delivery.execution_id) for delivery in history}
    failed = {str(delivery.execution_id) for delivery in history[4:]}
    for path in ("/api/executions", f"/api/triggers/{_TRIGGER}/executions"):
        assert set(await _ids(recorder, f"{path}?status=failed")) == failed
        assert set(await _ids(recorder, f"{path}?status=accepted")) == ids - failed
        assert set(await _ids(recorder, f"{path}?workflowId={_WORKFLOW}")) == ids
        assert await _ids(recorder, f"{path}?workflowId={uuid4()}") == []
        # "from" is in the range, "to" is not.
        moment = (history[0].received_at + timedelta(seconds=2)).isoformat()
        assert set(await _ids(recorder, f"{path}?from={quote(moment)}")) == failed
        assert set(await _ids(recorder, f"{path}?to={quote(moment)}&status=accepted")) == ids - failed
        assert await _ids(recorder, f"{path}?from={quote(moment)}&to={quote(moment)}") == []
    assert set(await _ids(recorder, f"/api/executions?triggerId={_TRIGGER}")) == ids
    assert await _ids(recorder, f"/api/executions?triggerId={uuid4()}") == []


async def test_filters_of_webhook_logs(recorder: Any, history: Any) -> None:
    ids = {str(delivery.id) for delivery in history}
    for path in ("/api/webhook-logs", f"/api/triggers/{_TRIGGER}/webhook-logs"):
        assert set(await _ids(recorder, f"{path}?status=202")) == ids
        assert len(await _ids(recorder, f"{path}?status=401")) == 1
        assert len(await _ids(recorder, f"{path}?reason=signature_invalid&status=401")) == 1
        assert await _ids(recorder, f"{path}?reason=body_too_large") == []
        assert len(await _ids(recorder, f"{path}?from=2026-11-01T12:00:30Z")) == 1
        assert set(await _ids(recorder, f"{path}?to=2026-11-01T12:00:30Z")) == ids
    assert len(await _ids(recorder, f"/api/webhook-logs?triggerId={_TRIGGER}")) == 8
    assert await _ids(recorder, f"/api/webhook-logs?triggerId={uuid4()}") == []


async def test_someone_else_s_history_does_not_exist(recorder: Any, history: Any) -> None:
    singles = [f"/api/executions/{history[0].execution_id}", f"/api/webhook-logs/{history[0].id}"]
    filtered = [
        f"/api/executions?triggerId={_TRIGGER}&workflowId={_WORKFLOW}&status=failed",
        f"/api/webhook-logs?triggerId={_TRIGGER}&status=202",
    ]
    cursor = (await recorder.get("/api/executions?limit=2")).json()["nextCursor"]
    for path in singles:
        assert (await recorder.get(path)).status == 200
        for other in ("other", "ACME", "acme ", "a\x00", "\ud800", ""):
            theirs = await recorder.get(path, workspace=other)
            assert (theirs.status, theirs.json()["code"]) in {(404, "not_found"), (401, "unauthenticated")}
    for path in [*_LISTS, *filtered, f"/api/executions?cursor={cursor}"]:
        assert (await recorder.get(path)).json()["items"] != []
        theirs = await recorder.get(path, workspace="other")
        if path.startswith("/api/triggers/"):
            assert (theirs.status, theirs.json()["code"]) == (404, "not_found")
        else:
            assert theirs.json() == {"items": [], "nextCursor": None}


async def test_a_trigger_without_rows_is_empty_for_its_workspace_and_an_unknown_one_is_a_404(
    recorder: Any, given: Any
) -> None:
    new = uuid4()
    await recorder.publish(streams.config_trigger(new), given.trigger(new))
    for what in ("executions", "webhook-logs"):
        # Asked at once: the service waits a moment for what is on its way.
        mine = await recorder.get(f"/api/triggers/{new}/{what}")
        assert (mine.status, mine.json()) == (200, {"items": [], "nextCursor": None})
        assert (await recorder.get(f"/api/triggers/{new}/{what}", workspace="other")).status == 404
        assert (await recorder.get(f"/api/triggers/{uuid4()}/{what}")).status == 404


_EVERY = [*_LISTS, f"/api/executions/{uuid4()}", f"/api/webhook-logs/{uuid4()}"]


async def test_every_route_needs_a_token(recorder: Any, new_token: Callable[..., str]) -> None:
    forged = new_token(secret="another-secret-of-more-than-32-bytes!")
    expired = new_token(exp=datetime.now(UTC) - timedelta(minutes=5))
    elsewhere = new_token(aud="somebody-else")
    refused = [{}, *({"Authorization": f"Bearer {text}"} for text in (forged, expired, elsewhere, "x"))]
    for path in _EVERY:
        for headers in refused:
            answer = await recorder.ask("GET", path, headers=headers)
            assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.headers["Content-Type"].startswith("application/problem+json")
        for scope, status in (("triggers:write", {403}), ("triggers:read", {200, 404})):
            headers = {"Authorization": f"Bearer {new_token(scope=scope)}"}
            assert (await recorder.ask("GET", path, headers=headers)).status in status


async def test_only_reading(recorder: Any) -> None:
    for path in _EVERY:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await recorder.ask(method, path)
            assert answer.status == 405
            assert "GET" in answer.headers["Allow"]
            assert answer.json()["code"] == "method_not_allowed"


async def test_what_is_no_id_names_nothing(recorder: Any) -> None:
    no_uuid = "00000000-0000-0000-0000-00000000000g"
    for bad in ("x", "0", no_uuid, no_uuid[:-1], "%00", "%F0%9F%98%80", "1" * 500):
        for path in (
            f"/api/executions/{bad}",
            f"/api/webhook-logs/{bad}",
            f"/api/triggers/{bad}/executions",
            f"/api/triggers/{bad}/webhook-logs",
        ):
            answer = await recorder.get(path)
            assert (answer.status, answer.json()["code"]) == (404, "not_found")


_BAD_PARAMETERS = [
    "nonsense=1",
    "limit=0",
    "limit=201",
    "limit=-1",
    "limit=x",
    "limit=1&limit=2",
    "limit=%D9%A1",
    "from=yesterday",
    "from=2026-11-01",
    "from=2026-11-01T00:00:00",
    "to=0001-01-01T00:00:00%2B23:59",
    "from=9999-12-31T23:59:59-23:59",
    "cursor=x",
    "cursor=e30",
    "cursor=%00",
    "cursor=" + "W1tb" * 200,
    "cursor=" + "eyJ0IjoxZTMwLCJpIjoiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIn0",
    "status=",
    "status=nonsense",
    "status=%00",
    "status=20",
    "status=202.0",
    "status=%D9%A1%D9%A1%D9%A1",
]


async def test_wrong_parameters_are_refused(recorder: Any) -> None:
    for path in _LISTS:
        for query in _BAD_PARAMETERS:
            answer = await recorder.get(f"{path}?{query}")
            assert (answer.status, answer.json()["code"]) == (400, "bad_parameter"), (path, query)
            assert len(answer.body) < 600


async def test_parameters_of_other_routes_are_refused(recorder: Any) -> None:
    for path in (
        "/api/executions?triggerId=x",
        "/api/executions?workflowId=x",
        "/api/executions?reason=signature_invalid",
        f"/api/triggers/{_TRIGGER}/executions?triggerId={_TRIGGER}",
        "/api/webhook-logs?triggerId=x",
        "/api/webhook-logs?reason=nonsense",
        f"/api/webhook-logs?workflowId={_WORKFLOW}",
        f"/api/triggers/{_TRIGGER}/webhook-logs?triggerId={_TRIGGER}",
        f"/api/executions/{_TRIGGER}?limit=1",
        f"/api/webhook-logs/{_TRIGGER}?x=",
    ):
        answer = await recorder.get(path)
        assert (answer.status, answer.json()["code"]) == (400, "bad_parameter"), path


async def test_edges_of_time_are_no_errors(recorder: Any) -> None:
    for query in (
        "from=0001-01-01T00:00:00Z",
        "to=9999-12-31T23:59:59.999999Z",
        "from=2026-11-01T00:00:00+01:00",
    ):
        assert (await recorder.get(f"/api/executions?{query}")).status == 200


async def test_every_reason_is_a_filter(recorder: Any) -> None:
    for reason in RejectionReason:
        assert (await recorder.get(f"/api/webhook-logs?reason={reason}")).status == 200

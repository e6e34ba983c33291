"""How many requests the webhooks get: counted once, shown to their own workspace, forgotten in time."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_recorder.adapters import postgres_pruning, postgres_webhook_rates
from execution_recorder.adapters.postgres_pruning import PostgresPruning
from execution_recorder.adapters.postgres_recording import PostgresRecording
from execution_recorder.domain.webhook_rates import MINUTES_KEPT, Span
from execution_recorder.entrypoints.pruning import PruningTask
from execution_recorder.usecases import record_deliveries
from trigger_contracts import streams
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import Database

pytestmark = pytest.mark.integration

_TRIGGER = UUID(int=1)
_PATH = f"/api/triggers/{_TRIGGER}/webhook-rates"


async def _record(database: Database, given: Any, *items: Any) -> None:
    _, batch = given.batch(*items)
    await record_deliveries(batch, recording=PostgresRecording(database))


async def _sums(database: Database, column: str) -> dict[str, int]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {column} AS of, sum(requests)::int AS n FROM execution_recorder.webhook_rates GROUP BY 1"
        )
    return {str(row["of"]): row["n"] for row in rows}


async def test_a_message_that_comes_again_counts_nothing(database: Database, given: Any) -> None:
    items = [given.accepted(trigger_id=_TRIGGER) for _ in range(5)]
    await _record(database, given, *items)
    await _record(database, given, *items)
    await _record(database, given, *items, given.accepted(trigger_id=_TRIGGER))
    assert await _sums(database, "span") == {"minute": 6, "hour": 6}


async def test_counts_equal_the_log_whatever_runs_beside_it(database: Database, given: Any) -> None:
    """Many batches of the same triggers at once, each of them recorded by two processes."""
    triggers = [uuid4() for _ in range(5)]
    batches = []
    for number in range(30):
        make = given.accepted if number % 3 else given.rejected
        batches.append(
            given.batch(
                *(
                    make(
                        trigger_id=triggers[(number + item) % 5],
                        received_at=given.now + timedelta(seconds=7 * item),
                    )
                    for item in range(40)
                )
            )[1]
        )
    recording = PostgresRecording(database)
    await asyncio.gather(
        *(record_deliveries(batch, recording=recording) for batch in [*batches, *reversed(batches)])
    )
    async with database.connection() as connection:
        for span in ("minute", "hour"):
            logged = await connection.fetch(
                "SELECT trigger_id, date_trunc($1, created_at, 'UTC') AS starts_at,"
                " coalesce(rejection_reason, 'accepted') AS outcome, count(*) AS requests"
                " FROM execution_recorder.webhook_logs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                span,
            )
            counted = await connection.fetch(
                "SELECT trigger_id, starts_at, outcome, requests FROM execution_recorder.webhook_rates"
                " WHERE span = $1 ORDER BY 1, 2, 3",
                span,
            )
            assert [tuple(row) for row in counted] == [tuple(row) for row in logged]
    assert await _sums(database, "span") == {"minute": 1200, "hour": 1200}


async def test_a_triggers_rates(recorder: Any, database: Database, given: Any) -> None:
    base = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    for seconds, make, processing in (
        (0, given.accepted, 1.0),
        (59, given.accepted, 2.0),
        (59, given.rejected, 6.0),
        (60, given.accepted, 4.0),
        (3600, given.rejected, 5.0),
    ):
        at = base + timedelta(seconds=seconds)
        await _record(database, given, make(trigger_id=_TRIGGER, received_at=at, processing_ms=processing))
    by_minute = (
        await recorder.get(f"{_PATH}?span=minute&from=2026-11-01T12:00:30Z&to=2026-11-01T12:59:59Z")
    ).json()
    assert by_minute == {
        "triggerId": str(_TRIGGER),
        "span": "minute",
        "from": "2026-11-01T12:00:00Z",
        "to": "2026-11-01T13:00:00Z",
        "requests": 4,
        "accepted": 3,
        "items": [
            {
                "startsAt": "2026-11-01T12:00:00Z",
                "requests": 3,
                "outcomes": {"accepted": 2, "signature_invalid": 1},
                "meanProcessingTimeMs": 3.0,
            },
            {
                "startsAt": "2026-11-01T12:01:00Z",
                "requests": 1,
                "outcomes": {"accepted": 1},
                "meanProcessingTimeMs": 4.0,
            },
        ],
    }
    by_hour = (await recorder.get(f"{_PATH}?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z")).json()
    assert [(item["startsAt"], item["requests"]) for item in by_hour["items"]] == [
        ("2026-11-01T12:00:00Z", 4),
        ("2026-11-01T13:00:00Z", 1),
    ]
    # "to" is exclusive, and a span belongs to where it starts.
    until = (await recorder.get(f"{_PATH}?from=2026-11-01T12:00:00Z&to=2026-11-01T13:00:00Z")).json()
    assert until["requests"] == 4


async def test_what_just_came_is_in_the_usual_range(recorder: Any, given: Any) -> None:
    item = given.accepted(trigger_id=_TRIGGER, received_at=datetime.now(UTC))
    await recorder.publish(*given.batch(item))
    for query in ("", "?span=minute"):
        shown = await recorder.shown(_PATH + query, when=lambda found: found["requests"] == 1)
        assert shown["accepted"] == 1
        hours = (datetime.fromisoformat(shown["to"]) - datetime.fromisoformat(shown["from"])).total_seconds()
        assert hours == (3600 if query else 24 * 3600)


async def test_the_busiest_and_what_they_got_before(recorder: Any, database: Database, given: Any) -> None:
    now = datetime.now(UTC)
    busy, steady, quiet = uuid4(), uuid4(), uuid4()
    ages = {busy: [0, 1, 2, 90], steady: [1, 61, 61, 62], quiet: [70, 71]}

    async def received(trigger_id: UUID, *, minutes: int) -> None:
        make = given.rejected if minutes == 2 else given.accepted
        at = now - timedelta(minutes=minutes)
        await _record(database, given, make(trigger_id=trigger_id, received_at=at))

    for trigger_id, all_minutes in ages.items():
        for minutes in all_minutes:
            await received(trigger_id, minutes=minutes)

    async def shown(query: str) -> list[tuple[str, int, int, int | None]]:
        items = (await recorder.get(f"/api/webhook-rates?{query}")).json()["items"]
        names = ("triggerId", "requests", "accepted", "requestsBefore")
        return [tuple(item[name] for name in names) for item in items]

    # Nothing is known of two hours ago, so nobody can say what is unusual.
    assert {before for *_, before in await shown("hours=1")} == {None}
    await received(uuid4(), minutes=3 * 60)
    assert await shown("hours=1") == [(str(busy), 3, 2, 1), (str(steady), 1, 1, 3), (str(quiet), 0, 0, 2)]
    assert await shown("hours=1&limit=1") == [(str(busy), 3, 2, 1)]
    answer = (await recorder.get("/api/webhook-rates?hours=1")).json()
    assert datetime.fromisoformat(answer["to"]) - datetime.fromisoformat(answer["from"]) == timedelta(hours=1)
    # The hours hold all of it, and nothing twice.
    await received(uuid4(), minutes=60 * 24 * 5)
    whole = {trigger_id: (requests, before) for trigger_id, requests, _, before in await shown("")}
    assert {trigger_id: requests for trigger_id, (requests, _) in whole.items() if requests > 1} == {
        str(trigger_id): len(minutes) for trigger_id, minutes in ages.items()
    }
    assert {before for _, before in whole.values()} == {0}


async def test_someone_else_s_rates_do_not_exist(recorder: Any, database: Database, given: Any) -> None:
    now = datetime.now(UTC)
    await _record(database, given, given.accepted(trigger_id=_TRIGGER, received_at=now))
    unknown = given.rejected(trigger_id=None, workspace=None, workflow_id=None, received_at=now)
    await _record(database, given, unknown)
    await recorder.publish(streams.config_trigger(_TRIGGER), given.trigger(_TRIGGER))
    assert (await recorder.get(_PATH)).json()["requests"] == 1
    assert [item["requests"] for item in (await recorder.get("/api/webhook-rates")).json()["items"]] == [1]
    for other in ("other", "ACME", "acme "):
        theirs = await recorder.get(_PATH, workspace=other)
        assert (theirs.status, theirs.json()["code"]) == (404, "not_found")
        assert (await recorder.get("/api/webhook-rates", workspace=other)).json()["items"] == []
    # Ours, without a request in the range.
    quiet = await recorder.get(f"{_PATH}?from=2020-01-01T00:00:00Z&to=2020-01-01T01:00:00Z")
    assert (quiet.status, quiet.json()["items"]) == (200, [])
    for path in (_PATH, "/api/webhook-rates"):
        assert (await recorder.ask("GET", path)).status == 401


@pytest.mark.parametrize(
    "query",
    [
        "?span=day",
        "?span=",
        "?from=2026-11-01",
        "?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
        "?from=2026-11-02T00:00:00Z&to=2026-11-02T00:00:00Z",
        "?from=2026-09-01T00:00:00Z&to=2026-11-01T00:00:00Z",
        "?span=minute&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:01Z",
        "?to=0001-01-01T00:00:00Z",
        "?to=9999-12-31T23:59:59Z",
        "?limit=1",
        "?span=hour&span=minute",
    ],
)
async def test_a_bad_range_is_a_400(recorder: Any, query: str) -> None:
    answer = await recorder.get(_PATH + query)
    assert (answer.status, answer.json()["code"]) == (400, "bad_parameter"), answer.body


@pytest.mark.parametrize("query", ["?hours=0", "?hours=169", "?hours=x", "?limit=0", "?limit=201", "?from=1"])
async def test_a_bad_window_is_a_400(recorder: Any, query: str) -> None:
    assert (await recorder.get(f"/api/webhook-rates{query}")).status == 400


async def test_a_path_that_is_no_trigger_is_a_404(recorder: Any) -> None:
    for name in ("x", str(uuid4()), "%00"):
        assert (await recorder.get(f"/api/triggers/{name}/webhook-rates")).status == 404


async def test_minutes_and_hours_are_forgotten_each_in_its_time(database: Database, given: Any) -> None:
    now = datetime.now(UTC)
    for age in (timedelta(0), timedelta(hours=48), timedelta(hours=51), timedelta(days=40)):
        await _record(database, given, given.accepted(received_at=now - age))
    pruning = PostgresPruning(database)
    assert await pruning.prune_rates(Span.MINUTE, before=now - MINUTES_KEPT, limit=1) == 1
    assert await pruning.prune_rates(Span.MINUTE, before=now - MINUTES_KEPT, limit=10) == 1
    assert await _sums(database, "span") == {"minute": 2, "hour": 4}
    assert await pruning.prune_rates(Span.HOUR, before=now - timedelta(days=30), limit=10) == 1
    assert await _sums(database, "span") == {"minute": 2, "hour": 3}


async def test_minutes_are_forgotten_also_where_all_else_is_kept(
    database: Database, given: Any, eventually: Any
) -> None:
    await _record(database, given, given.accepted(received_at=datetime.now(UTC) - timedelta(days=400)))
    task = PruningTask(PostgresPruning(database), kept=None, now=lambda: datetime.now(UTC), metrics=Metrics())
    await task.start()

    async def gone() -> bool:
        return await _sums(database, "span") == {"hour": 1}

    await eventually(gone)
    await task.stop()


async def test_the_statements_find_an_index(database: Database) -> None:
    table = "execution_recorder.webhook_rates"
    async with database.connection() as connection:
        # On an empty table all indexes cost the same.
        await connection.execute(
            f"INSERT INTO {table} SELECT w, gen_random_uuid(), s, now() - i * interval '1 hour', 'x', 1, 1"
            " FROM generate_series(1, 1000) AS i, unnest(ARRAY['a', 'b', 'c']) AS w,"
            " unnest(ARRAY['minute', 'hour']) AS s"
        )
        await connection.execute(f"ANALYZE {table}")
        for statement, index in (
            (postgres_webhook_rates._OF_TRIGGER, "webhook_rates_pkey"),
            (postgres_webhook_rates._FIRST, "webhook_rates_of_workspace"),
            (postgres_webhook_rates._BUSIEST, "webhook_rates_of_workspace"),
            (postgres_pruning._RATES, "webhook_rates_by_age"),
        ):
            # A plan for whatever the arguments are.
            await connection.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE one AS {statement}")
            count = max(map(int, re.findall(r"\$(\d+)", statement)))
            arguments = ", ".join(["NULL"] * count)
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE one({arguments})")
            assert index in plan, plan
            await connection.execute("DEALLOCATE one")

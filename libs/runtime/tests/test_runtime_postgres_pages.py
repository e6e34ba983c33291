"""Pages of a query: everything once, newest first, and bounded."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from trigger_runtime.postgres import Connection, Database
from trigger_runtime.postgres_pages import KeysetPage
from trigger_runtime.settings import Secret

pytestmark = pytest.mark.integration

SELECT = "SELECT a, b, repeat('x', b) AS text FROM items WHERE a > $1"


@pytest.fixture
async def connection(postgres: Any) -> AsyncIterator[Connection]:
    database = Database(Secret(postgres.url), application="test")
    await database.start()
    try:
        async with database.connection() as connection:
            await connection.execute(
                "CREATE TEMPORARY TABLE items AS SELECT a, b FROM generate_series(0, 3) AS a,"
                " generate_series(1, 4) AS b"
            )
            yield connection
    finally:
        await database.stop()


@pytest.mark.parametrize("limit", [1, 5, 11, 12, 50])
async def test_pages_hold_everything_once(connection: Connection, limit: int) -> None:
    keys: list[tuple[int, int]] = []
    more = True
    while more:
        page = KeysetPage(SELECT, 0, key="a, b")
        page.after(*(keys[-1] if keys else (None, None)))
        rows, more = await page.fetch(connection, limit=limit)
        assert len(rows) == limit or not more
        keys += [(row["a"], row["b"]) for row in rows]
    assert keys == [(a, b) for a in (3, 2, 1) for b in (4, 3, 2, 1)]


async def test_only_filters_with_a_value_count(connection: Connection) -> None:
    page = KeysetPage(SELECT, 0, key="a, b")
    page.where("a = {}", None)
    page.where("b BETWEEN {} AND {}", 2, 3)
    page.where("a <> 2")
    rows, more = await page.fetch(connection, limit=10)
    assert ([(row["a"], row["b"]) for row in rows], more) == ([(3, 3), (3, 2), (1, 3), (1, 2)], False)


@pytest.mark.parametrize(
    ("max_bytes", "limit", "expected", "is_more"),
    [(0, 9, 1, True), (7, 9, 2, True), (7, 1, 1, True), (30, 12, 12, False), (30, 11, 11, True)],
)
async def test_a_page_is_bounded_in_bytes(
    connection: Connection, max_bytes: int, limit: int, expected: int, is_more: bool
) -> None:
    page = KeysetPage(SELECT, 0, key="a, b")
    rows, more = await page.fetch_bounded(connection, limit=limit, weight="text", max_bytes=max_bytes)
    assert (len(rows), more) == (expected, is_more)

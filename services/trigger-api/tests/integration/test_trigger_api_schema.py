"""Without its tables the service says so, and is not taken for ready."""

from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from trigger_api.adapters.schema import MIGRATIONS, MIGRATIONS_TABLE
from trigger_api.app import build
from trigger_api.settings import Settings
from trigger_runtime import postgres_schema
from trigger_runtime.postgres import DatabaseSettings
from trigger_runtime.settings import Secret

pytestmark = pytest.mark.integration


async def test_it_waits_for_its_migrations(
    settings: Settings, new_database: Any, make_token: Any, eventually: Any
) -> None:
    empty = Secret(await new_database("trigger-api-empty", lambda _: None))
    service = build(replace(settings, database=DatabaseSettings(database_url=empty)))
    await service.start()
    base = f"http://127.0.0.1:{settings.http_port}"
    headers = {"Authorization": f"Bearer {make_token()}"}
    try:
        async with aiohttp.ClientSession(base, headers=headers) as session:

            async def missing() -> Any:
                async with session.get("/readyz") as answer:
                    return (await answer.json())["missing"]

            async def says_so() -> bool:
                return "migrate" in (await missing()).get("schema", "")

            await eventually(says_so)
            async with session.get("/api/triggers") as answer:
                assert answer.status == 503
            postgres_schema.migrate(empty, directory=MIGRATIONS, table=MIGRATIONS_TABLE)

            async def ready() -> bool:
                return bool(await missing() == {})

            await eventually(ready)
            async with session.get("/api/triggers") as answer:
                assert answer.status == 200
    finally:
        await service.stop()

"""The OpenAPI document: the committed one is served, and the API is what it says."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from execution_recorder.entrypoints.api import api_document, openapi
from trigger_contracts import streams

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

COMMITTED = Path(__file__).parents[4] / "docs" / "openapi" / "execution-recorder.json"
FOLDER = Path(__file__).parents[1] / "schemathesis"
TRIGGER = UUID(int=1)


def test_the_committed_document_is_the_one_that_is_served() -> None:
    assert COMMITTED.read_text() == openapi() + "\n", "run: make openapi"


def test_every_operation_is_documented_in_full() -> None:
    operations = [
        (path, operation) for path, item in api_document()["paths"].items() for operation in item.values()
    ]
    assert len(operations) == 8
    for path, operation in operations:
        assert operation["summary"]
        assert operation["security"] == [{"token": ["triggers:read"]}]
        assert {"400", "401", "403", "503"} <= set(operation["responses"])
        assert ("404" in operation["responses"]) == ("{id}" in path)


async def test_the_pages_need_no_token(recorder: Any) -> None:
    served = await recorder.ask("GET", "/openapi.json")
    assert (served.status, served.json()) == (200, msgspec.json.decode(COMMITTED.read_bytes()))
    page = await recorder.ask("GET", "/docs")
    assert page.status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert b"://" not in page.body


async def test_the_api_is_what_its_document_says(
    recorder: Any, given: Any, new_token: Any, tmp_path: Path
) -> None:
    await recorder.publish(streams.config_trigger(TRIGGER), given.trigger(TRIGGER))
    accepted = [given.accepted(trigger_id=TRIGGER) for _ in range(3)]
    await recorder.publish(*given.batch(*accepted))
    await recorder.publish(*given.batch(given.rejected(trigger_id=TRIGGER)))
    page = await recorder.shown("/api/webhook-logs", when=lambda logs: len(logs["items"]) == 4)
    cursor = (await recorder.get("/api/webhook-logs?limit=1")).json()["nextCursor"]
    existing = [TRIGGER, accepted[0].execution_id, accepted[0].workflow_id, page["items"][0]["id"]]
    done = await asyncio.to_thread(
        subprocess.run,
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file",
            str(FOLDER / "schemathesis.toml"),
            "run",
            f"{recorder.base}/openapi.json",
            "--header",
            f"Authorization: Bearer {new_token()}",
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "20",
            "--seed",
            "7",
            "--generation-database",
            "none",
            "--no-color",
        ],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "EXISTING_IDS": ",".join(map(str, existing)),
            "A_CURSOR": cursor,
            "SCHEMATHESIS_HOOKS": "history_formats",
            "PYTHONPATH": str(FOLDER),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-15_000:] + done.stderr[-2_000:]

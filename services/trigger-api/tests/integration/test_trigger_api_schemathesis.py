"""The served document against the served API: everything that it allows, and what it does not."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parents[1] / "schemathesis"
CONFIGS: dict[str, Any] = {
    "schedule": {"cronExpression": "0 9 * * *"},
    "webhook": {"authType": "hmac"},
    "event": {"eventType": "a.b"},
    "manual": {},
}


async def test_the_api_is_what_its_document_says(
    api: Any, scheduler: Any, workflow_id: str, definition: Any, make_token: Any, tmp_path: Path
) -> None:
    existing = [workflow_id]
    for kind, config in CONFIGS.items():
        body = {"workflowId": workflow_id, "name": kind, "triggerType": kind, "config": config}
        existing.append((await api.call("POST", "/api/triggers", body, status=201)).json["id"])
    await api.call("PATCH", f"/api/triggers/{existing[1]}", {"name": "renamed"}, status=200)
    history = (await api.call("GET", f"/api/triggers/{existing[1]}/events?limit=1", status=200)).json
    page = (await api.call("GET", "/api/triggers?limit=1", status=200)).json
    environment = {
        "PATH": os.environ["PATH"],
        "EXISTING_IDS": ",".join(existing),
        "A_CURSOR": page["nextCursor"],
        "A_HISTORY_CURSOR": history["nextCursor"],
        "SCHEMATHESIS_HOOKS": "formats",
        "PYTHONPATH": str(FOLDER),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file",
            str(FOLDER / "schemathesis.toml"),
            "run",
            f"{api.base_url}/openapi.json",
            "--header",
            f"Authorization: Bearer {make_token()}",
            "--phases",
            "examples,coverage,fuzzing,stateful",
            "--max-examples",
            "20",
            "--seed",
            "7",
            "--generation-database",
            "none",
            "--no-color",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-15_000:] + done.stderr[-2_000:]
    assert "✅ Stateful" in done.stdout, "what is answered leads on to what can be done with it"

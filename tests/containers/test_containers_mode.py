"""The mode with servers from images runs where an engine is there, and says so where none is."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import container_servers
import pytest

ROOT = Path(__file__).parents[2]
ONE_TEST = "services/trigger-api/tests/integration/test_trigger_api_bad_input.py::test_scopes"


@pytest.mark.integration
async def test_a_test_passes_on_images_or_skips_with_the_reason() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ONE_TEST),
        cwd=ROOT,
        env={**os.environ, "TEST_STACK": "containers"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    if container_servers.missing_engine() is None:
        assert "1 passed" in said
    else:
        assert "1 skipped" in said
        assert "needs a container engine, and there is none" in said

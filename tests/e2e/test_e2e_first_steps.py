"""What the README, the guides and the start screen tell a newcomer to type, typed."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from terminal import ROOT, Terminal, blocks, link_tree

from embedded_stack.ports import free_port

pytestmark = pytest.mark.e2e

TESTS_RUN_BY_THEMSELVES = "make test"


async def test_every_line_of_the_start_screen_works_as_pasted(client: Any, eventually: Any) -> None:
    var = client.stack["var"]
    steps = msgspec.json.decode((var / "first-steps.json").read_bytes())
    assert [step["title"].split(":")[0] for step in steps][:4] == ["webhook", "schedule", "event", "manual"]
    answers = {}
    for step in steps:
        pasted = await asyncio.create_subprocess_exec(
            "bash", "-c", step["command"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        printed, complaints = await pasted.communicate()
        assert pasted.returncode == 0, (step, complaints)
        answers[step["title"].split(":")[0]] = msgspec.json.decode(printed)
    execution = await client.ended(answers["webhook"]["executionId"])
    assert execution["outputs"] == {"branch": "refs/heads/main", "by": "octocat"}
    assert (await client.ended(answers["manual"]["executionId"]))["status"] == "completed"
    sample = msgspec.json.decode((var / "sample.json").read_bytes())

    async def event_ended() -> Any:
        found = await client.executions(sample["triggers"]["event"])
        return found and found[0]["status"] == "completed"

    await eventually(event_ended)
    assert (var / "sample.json").stat().st_mode & 0o077 == 0, "it holds a secret"


class Newcomer:
    """Somebody with a clone, two terminals, and the README."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._environment = {**os.environ, "PORT": str(self.port), "NO_COLOR": "1"}
        self._environment.pop("VAR", None)
        link_tree(folder)
        self._terminal: Terminal | None = None
        self._started: list[subprocess.Popen[str]] = []

    def start(self, command: str) -> "subprocess.Popen[str]":
        """Type a command that keeps running."""
        with (self.folder / "terminal").open("w") as terminal:
            started = subprocess.Popen(
                ["bash", "-c", f"exec {command.strip()}"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )
        self._started.append(started)
        return started

    def type(self, block: str) -> str:
        """Type a block in the second terminal, and return what it printed."""
        if self._terminal is None:
            self._terminal = Terminal(self.folder, port=self.port, environment=self._environment)
        return self._terminal.type(block)

    def close(self) -> None:
        """Leave the second terminal, and stop what a failed test left running."""
        if self._terminal is not None:
            self._terminal.close()
        for started in self._started:
            if started.poll() is None:
                started.terminate()
            started.wait(timeout=60)

    def read(self, name: str) -> Any:
        """Return a JSON file of the data folder, `None` while it is not there."""
        try:
            return msgspec.json.decode((self.folder / "var" / name).read_bytes())
        except FileNotFoundError:
            return None


@pytest.fixture
async def newcomer(tmp_path: Path) -> AsyncIterator[Newcomer]:
    # Else `make run` would install the packages anew, from a tree that is gone after the test.
    question = await asyncio.create_subprocess_exec("make", "--question", ".venv/.installed", cwd=ROOT)
    assert await question.wait() == 0, "the virtual environment is out of date: make check"
    found = Newcomer(tmp_path)
    yield found
    found.close()


async def answers(url: str, headers: dict[str, str]) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, msgspec.json.decode(await answer.read())


async def test_the_readme_works_as_written_and_the_second_start_finds_the_data(
    newcomer: Newcomer, eventually: Any
) -> None:
    run, test, *steps = blocks("README.md")
    assert (run.strip(), test.strip()) == ("make run", TESTS_RUN_BY_THEMSELVES)
    running = newcomer.start(run)
    stack = await eventually(lambda: _read(newcomer, "stack.json", running), seconds=90)
    headers = {"Authorization": f"Bearer {stack['token']}"}
    printed = ""
    for block in steps:
        printed = newcomer.type(block)
        assert not re.search(r'(^|\}|\n)\{"type":"', printed), (block, printed)
        if (hook := newcomer.read("webhook.json")) is not None:
            # A person is slower than the announcement of the trigger; a test waits for it.
            await eventually(lambda hook=hook: _known(newcomer, hook["id"]))
    answer = newcomer.read("answer.json")
    url = f"{stack['base_url']}/api/executions"

    async def ended() -> Any:
        status, document = await answers(f"{url}/{answer['executionId']}", headers)
        return document if status == 200 and document["status"] == "completed" else None

    execution = await eventually(ended)
    assert execution["outputs"] == {"branch": "refs/heads/main", "by": "octocat"}

    async def all_ran() -> bool:
        _, page = await answers(url, headers)
        return {"delivery", "event", "manual"} <= {row["cause"]["kind"] for row in page["items"]}

    await eventually(all_ran)

    (wheels,) = [block for block in blocks("docs/operating.md") if "pip wheel" in block]
    newcomer.type(wheels.replace("dist", str(newcomer.folder / "wheels")))
    packages = re.findall(r"(?:libs|services)/\S+", wheels)
    assert len(packages) >= 5
    assert len(list((newcomer.folder / "wheels").glob("*.whl"))) == len(packages)

    pids = [entry["pid"] for part in ("services", "servers") for entry in stack[part].values()]
    # Ctrl-C: a terminal signals everything in its foreground.
    os.killpg(running.pid, signal.SIGINT)
    running.wait(timeout=60)
    said = (newcomer.folder / "terminal").read_text()
    assert "Traceback" not in said
    assert [pid for pid in pids if _alive(pid)] == [], "no process is left behind"
    assert newcomer.read("stack.json") is None

    sample = newcomer.read("sample.json")
    running = newcomer.start(run)
    stack = await eventually(lambda: _read(newcomer, "stack.json", running), seconds=90)
    headers = {"Authorization": f"Bearer {stack['token']}"}
    assert newcomer.read("sample.json") == sample
    status, again = await answers(f"{stack['base_url']}/api/executions/{answer['executionId']}", headers)
    assert (status, again) == (200, execution)
    newcomer.type("make status")
    newcomer.type("make stop")
    assert running.wait(timeout=60) == 0
    newcomer.type("make reset")
    assert not (newcomer.folder / "var" / "postgresql").exists()


async def _read(newcomer: Newcomer, name: str, running: "subprocess.Popen[str]") -> Any:
    assert running.poll() is None, (newcomer.folder / "terminal").read_text()
    return newcomer.read(name)


async def _known(newcomer: Newcomer, trigger_id: str) -> bool:
    url = f"http://localhost:{newcomer.port}/api/webhooks/{trigger_id}"
    async with aiohttp.ClientSession() as session, session.request("TRACE", url) as answer:
        return answer.status != 404


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

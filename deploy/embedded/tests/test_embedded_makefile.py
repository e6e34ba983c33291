"""The Makefile where it decides something: which Python it takes, and what it says when there is none."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
MAKEFILE = Path(__file__).parents[3] / "Makefile"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with nothing but the Makefile and a lock that cannot be installed."""
    shutil.copy(MAKEFILE, tmp_path)
    (tmp_path / "requirements.lock").write_text("unhashed\n")
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "rm", "touch", "echo"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("make") or "make", "-C", str(folder), *arguments]
    environment = {"PATH": str(folder / "bin"), "PIP_NO_INDEX": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def executable(path: Path, *, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_a_python_that_does_not_run_is_passed_over(folder: Path) -> None:
    executable(
        folder / "bin" / "python3.11",
        text="#!/bin/sh\necho 'pyenv: python3.11: command not found'\nexit 127\n",
    )
    executable(folder / "bin" / "python3.12", text=f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    result = make(folder, ".venv/.installed")
    assert f"creating .venv with Python {sys.version.split()[0]}" in result.stdout
    assert "pyenv" not in result.stdout + result.stderr
    # The lock of this test cannot be installed: pip's reason is shown, and the next `make` tries again.
    assert result.returncode != 0
    assert "unhashed" in result.stderr
    assert not (folder / ".venv" / ".installed").exists()


def test_no_python_is_said_clearly(folder: Path) -> None:
    executable(folder / "bin" / "python3", text="#!/bin/sh\nexit 1\n")
    result = make(folder, "run")
    assert result.returncode != 0
    assert "error: no Python 3.11 or newer with venv and pip found: set PYTHON=" in result.stderr


def test_a_chosen_python_that_does_not_run_is_named(folder: Path) -> None:
    result = make(folder, "run", "PYTHON=/nowhere/python")
    assert "error: /nowhere/python is not a Python 3.11 or newer" in result.stderr


def test_a_verb_that_needs_an_installation_says_so(folder: Path) -> None:
    result = make(folder, "stop")
    assert result.returncode != 0
    assert "nothing is installed yet" in result.stderr


def test_make_alone_lists_every_verb() -> None:
    result = subprocess.run(["make", "-C", MAKEFILE.parent], capture_output=True, text=True, check=True)
    verbs = re.search(r"^\.PHONY: (.+)$", MAKEFILE.read_text(), flags=re.MULTILINE)
    assert verbs is not None
    listed = re.findall(r"^  make ([\w-]+) +\w", result.stdout, flags=re.MULTILINE)
    assert sorted(listed) == sorted(verbs.group(1).split())


def test_the_port_is_passed_only_when_it_is_given() -> None:
    def dry(*arguments: str) -> str:
        command = ["make", "-C", str(MAKEFILE.parent), "-n", "run", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
        ).stdout

    assert "--port" not in dry()
    # The shell expands them, from the environment: no character of a value is the shell's to read.
    given = dry("PORT=18080", "VAR=/some/dir")
    assert '--var "$VAR" --port "$PORT"' in given
    assert "18080" not in given

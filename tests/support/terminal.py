"""A terminal in which a test types what a guide says."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def blocks(document: str) -> list[str]:
    """Return the commands of a guide, block by block."""
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)


def link_tree(folder: Path) -> None:
    """Make a folder look like a clone of this tree, without its data: what is installed is what is tested."""
    for entry in ROOT.iterdir():
        if entry.name not in {"var", ".git"}:
            (folder / entry.name).symlink_to(entry)


class Terminal:
    """A shell in a folder, in which the gateway is at ``port`` instead of 8080."""

    def __init__(self, folder: Path, *, port: int, environment: Mapping[str, str]) -> None:
        self._port = port
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, block: str) -> str:
        """Type a block, and return what it printed. Its last command must succeed."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        moved = block.replace("localhost:8080", f"localhost:{self._port}")
        self._shell.stdin.write(f'{moved}\necho "--end-$?"\n')
        self._shell.stdin.flush()
        printed = ""
        while not (end := re.search(r"--end-(\d+)\n", printed)):
            line = self._shell.stdout.readline()
            assert line, printed
            printed += line
        assert end.group(1) == "0", printed
        return printed[: end.start()]

    def close(self) -> None:
        """Leave it."""
        self._shell.communicate("exit\n", timeout=10)

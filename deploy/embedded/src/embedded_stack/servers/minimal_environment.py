"""The environment that a program of the stack starts with: what it needs and nothing of the caller's."""

import os
from pathlib import Path


def minimal_environment(home: Path) -> dict[str, str]:
    """PATH, HOME and LANG; `home` keeps the program from the caller's own settings files.

    A time zone database that the caller chose is chosen for all programs, or they would differ.
    """
    chosen = os.environ.get("PYTHONTZPATH")
    zones = {"PYTHONTZPATH": chosen} if chosen else {}
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8", **zones}

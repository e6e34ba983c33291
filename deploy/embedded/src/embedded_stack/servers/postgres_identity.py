"""The user that PostgreSQL runs as: it refuses to be root (its `main.c`), which the caller may be."""

import functools
import os
import subprocess
from pathlib import Path

from embedded_stack.binaries import postgres_program
from embedded_stack.exec_shim import DROPPED_ID
from embedded_stack.launch import Identity, shimmed
from embedded_stack.program import ProgramStartError


@functools.cache
def identity_for_postgres() -> Identity:
    """The caller's own identity. For root, the first of NAMESPACE and DROP that works (see exec_shim).

    Neither changes a file or a user outside the data folder. Raises ProgramStartError with both reasons.
    """
    if os.geteuid() != 0:
        return Identity.SAME
    reasons: list[str] = []
    for identity in (Identity.NAMESPACE, Identity.DROP):
        reason = refusal(identity)
        if reason is None:
            return identity
        reasons.append(f"{identity.value}: {reason}")
    raise ProgramStartError(
        "PostgreSQL does not run as root, and this machine allows no way around it "
        f"({'; '.join(reasons)}). Run as an ordinary user."
    )


def refusal(identity: Identity) -> str | None:
    """The reason why `postgres --version` does not run with this identity on this machine, or None."""
    command = shimmed([postgres_program("postgres"), "--version"], identity=identity)
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - own program
    return None if result.returncode == 0 else (result.stderr or result.stdout).strip()


def give_to(data: Path, *, identity: Identity) -> None:
    """Gives the data folder to the user that PostgreSQL will be, when an earlier start was another one.

    PostgreSQL insists on owning its folder. Only root can have given it to another user.
    """
    if os.geteuid() != 0:
        return
    owner = DROPPED_ID if identity is Identity.DROP else os.geteuid()
    if data.stat().st_uid == owner:
        return
    # The top folder last: an interrupted change is then seen, and done again.
    for path in [*data.rglob("*"), data]:
        os.chown(path, owner, owner, follow_symlinks=False)

"""Becomes another program after tying its life to the parent's. Run by path with `python -I -S`.

Usage: exec_shim.py PARENT_PID DEATH_SIGNAL IDENTITY PROGRAM [ARGUMENT...]

A separate tiny program and not a `preexec_fn`, because the parent may have threads (asyncio's child watcher,
test runners), and Python code between fork and exec can deadlock there. It costs about 10 ms.

IDENTITY says as whom the program runs; PostgreSQL refuses to be root:
  same        as the caller
  namespace   in a user namespace in which the caller's id is called 1000: the program sees an ordinary user,
              the files keep their owner, and nothing outside changes
  drop        as user 65534, keeping only the capability to pass folder permissions (CAP_DAC_OVERRIDE),
              because the interpreter and the data often live below a 0700 folder of root
"""

import ctypes
import errno
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
INNER_ID = 1000
DROPPED_ID = 65534


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _enter_namespace(libc: ctypes.CDLL) -> None:
    user, group = os.geteuid(), os.getegid()
    _checked(libc.unshare(CLONE_NEWUSER), "unshare")
    # An unprivileged process may map its own group only after giving up setgroups (user_namespaces(7)).
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{INNER_ID} {group} 1")
    Path("/proc/self/uid_map").write_text(f"{INNER_ID} {user} 1")


def _drop(libc: ctypes.CDLL) -> None:
    _checked(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    # access(2) ignores the capabilities of a real uid that is not root, unless this bit is set, and
    # PostgreSQL asks access(2) for its own programs. Setting it needs CAP_SETPCAP. A container without that
    # capability can still run programs that everyone may read; `_check_access` refuses the others.
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(DROPPED_ID, DROPPED_ID, DROPPED_ID)
    os.setresuid(DROPPED_ID, DROPPED_ID, DROPPED_ID)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    mask = 1 << CAP_DAC_OVERRIDE
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
    _checked(libc.capset(header, data), "capset")
    _checked(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0), "ambient capability")


def _check_access(program: str) -> None:
    if not os.access(program, os.R_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"user {DROPPED_ID} has no access to {program}")


def main(arguments: list[str]) -> None:
    parent, death_signal, identity, *program = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if identity == "namespace":
            _enter_namespace(libc)
        elif identity == "drop":
            _drop(libc)
            _check_access(program[0])
        # After the change of identity, because that clears the setting (prctl(2)).
        _checked(libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "parent death signal")
        if os.getppid() != int(parent):
            sys.exit("the parent ended before the program started")
    # The interpreter ignores these two, and an ignored signal survives exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(program[0], program)  # noqa: S606 - that is the purpose


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"{sys.argv[4]}: {error}")

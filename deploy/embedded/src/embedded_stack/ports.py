"""Which TCP ports of the loopback address are free."""

import fcntl
import os
import random
import socket
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections (32768-60999), so that no outgoing
# connection takes the port of a server while it restarts.
_LOWEST, _HIGHEST = 15000, 32000
LOOPBACK = "127.0.0.1"


class _Reservations:
    """The ports that this process has reserved, in a way that other processes see.

    A port is chosen well before its server listens. Byte N of a file that all processes of a user share is
    locked while a process has port N; the kernel gives the locks back when the process ends (fcntl(2)).
    """

    def __init__(self) -> None:
        self._ports: set[int] = set()
        self._file: int | None = None

    def take(self, port: int) -> bool:
        """Whether no other process had it. The lock does not know its own process, the set does."""
        if port in self._ports or not self._lock(port):
            return False
        self._ports.add(port)
        return True

    def forget_if_many(self, limit: int) -> None:
        """Start again in a process that has used up the range. The servers of its first ports have ended."""
        if len(self._ports) > limit:
            self._ports.clear()
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _lock(self, port: int) -> bool:
        if self._file is None:
            path = Path(tempfile.gettempdir()) / f"flowmaestro-ports-{os.getuid()}"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except (BlockingIOError, PermissionError):
            return False
        return True


_reservations = _Reservations()


class PortTakenError(RuntimeError):
    """The port that was asked for is in use."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use by another program: choose another one with PORT=")
        self.port = port


def _listen(address: str, *, port: int, family: socket.AddressFamily) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As the servers do: a port in TIME_WAIT counts as free, a listening one as taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener


def is_free(port: int) -> bool:
    """Whether nothing listens on `http://localhost:<port>`, on IPv4 and, where there is one, on IPv6."""
    with ExitStack() as listeners:
        try:
            listeners.enter_context(_listen(LOOPBACK, port=port, family=socket.AF_INET))
        except OSError:
            return False
        with suppress(OSError):
            listeners.enter_context(_listen("::1", port=0, family=socket.AF_INET6))
            try:
                listeners.enter_context(_listen("::1", port=port, family=socket.AF_INET6))
            except OSError:
                return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that are free and that neither this process nor another one of this user has reserved."""
    ports: list[int] = []
    with ExitStack() as listeners:
        while len(ports) < count:
            _reservations.forget_if_many((_HIGHEST - _LOWEST) // 2)
            port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - no secret
            if not _reservations.take(port):
                continue
            with suppress(OSError):
                listeners.enter_context(_listen(LOOPBACK, port=port, family=socket.AF_INET))
                ports.append(port)
    return ports


def free_port() -> int:
    """One free port."""
    return free_ports(1)[0]


def public_port(*, chosen: int | None, default: int) -> int:
    """`chosen` if it is free (else PortTakenError). Without it, the first free port from `default` on.

    `free_ports` never returns it afterwards.
    """
    if chosen is not None:
        if not is_free(chosen):
            raise PortTakenError(chosen)
        _reservations.take(chosen)  # the process that started this one may have reserved it already
        return chosen
    for port in range(default, default + 1000):
        if is_free(port) and _reservations.take(port):
            return port
    raise PortTakenError(default)

"""Which TCP ports of the loopback address are free."""

import random
import socket
from contextlib import ExitStack, suppress

# Below the range from which Linux takes the ports of outgoing connections (32768-60999), so that no outgoing
# connection takes the port of a server while it restarts.
_LOWEST, _HIGHEST = 15000, 32000
# What this process has been given. A port is asked for well before its server listens, so that "nobody
# listens" alone would give two servers the same one now and then.
_given: set[int] = set()
LOOPBACK = "127.0.0.1"


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
    """Whether `http://localhost:<port>` is nobody's, on IPv4 and, where the machine has it, on IPv6."""
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
    """Ports that are free and were not given to this process before.

    They are chosen at random, so that two processes which ask at the same time rarely meet.
    """
    found: list[int] = []
    with ExitStack() as listeners:
        while len(found) < count:
            if len(_given) > (_HIGHEST - _LOWEST) // 2:
                _given.clear()
            port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - no secret
            if port in _given:
                continue
            with suppress(OSError):
                listeners.enter_context(_listen(LOOPBACK, port=port, family=socket.AF_INET))
                found.append(port)
                _given.add(port)
    return found


def free_port() -> int:
    """One free port."""
    return free_ports(1)[0]


def public_port(*, chosen: int | None, default: int) -> int:
    """`chosen` if it is free (else PortTakenError); where nobody chose, the first free from `default` on."""
    if chosen is not None:
        if not is_free(chosen):
            raise PortTakenError(chosen)
        return chosen
    for port in range(default, default + 1000):
        if is_free(port):
            return port
    raise PortTakenError(default)

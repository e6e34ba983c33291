"""Which port is taken, and what is said when it is not free."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_stack.ports import PortTakenError, free_port, free_ports, is_free, public_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        yield port


def test_a_chosen_port_is_taken_as_it_is() -> None:
    port = free_port()
    assert public_port(chosen=port, default=1) == port


def test_a_chosen_port_in_use_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(PortTakenError, match=f"port {taken} is in use"):
        public_port(chosen=taken, default=1)


def test_a_default_port_in_use_is_replaced_by_the_next_free_one(taken: int) -> None:
    port = public_port(chosen=None, default=taken)
    assert port > taken
    assert is_free(port)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_port_in_use_on_the_ipv6_loopback_counts_as_taken() -> None:
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback")
        listener.listen()
        assert not is_free(listener.getsockname()[1])


def test_free_ports_differ_and_are_below_the_ephemeral_range() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(15000 <= port <= 32000 for port in ports)


def test_a_port_is_not_given_again_before_its_server_listens() -> None:
    # 2,000 of 17,000 drawn at random, with nobody listening: without a memory 100 or so would be equal.
    ports = [free_port() for _ in range(2000)]
    assert len(set(ports)) == 2000


def test_a_public_port_is_given_to_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    public = public_port(chosen=unreserved_port(), default=1)
    other = unreserved_port()
    drawn = iter([public, other])
    monkeypatch.setattr("random.randint", lambda *_: next(drawn))
    assert free_port() == other


def test_a_port_that_another_process_was_given_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "from embedded_stack.ports import free_port; print(free_port(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as neighbour:
        assert neighbour.stdout is not None
        theirs = int(neighbour.stdout.readline())
        ours = unreserved_port()
        drawn = iter([theirs, ours])
        monkeypatch.setattr("random.randint", lambda *_: next(drawn))
        assert free_port() == ours
        neighbour.communicate("\n")
    # Its end gives the port back.
    drawn = iter([theirs, unreserved_port()])
    assert free_port() == theirs


def unreserved_port() -> int:
    """A free port that nobody reserved: the kernel chooses from another range than `free_port`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_up_with_a_chosen_port_in_use_starts_nothing(tmp_path: Path, taken: int) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "embedded_stack", "up", "--var", tmp_path / "var", "--port", str(taken)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert (
        result.stderr == f"error: port {taken} is in use by another program: choose another one with PORT=\n"
    )
    assert result.stdout == ""
    assert not (tmp_path / "var" / "log").exists()

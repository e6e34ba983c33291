"""The servers from their images (``TEST_STACK=containers``), where a container engine is there.

What an image does differently from the embedded server (users, volumes, versions) is what this mode is for.
"""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import PortWaitStrategy

_POSTGRES = "postgres:18"
_NATS = "nats:2"
_TEMPORAL = "temporalio/temporal:latest"
_PASSWORD = "only-for-tests"


def missing_engine() -> str | None:
    """Return why no container can be started, ``None`` where one can."""
    with warnings.catch_warnings():
        # The engine's client leaves its socket to the garbage collector where nobody answers.
        warnings.simplefilter("ignore", ResourceWarning)
        reason = _refusal()
        gc.collect()
    return reason


def _refusal() -> str | None:
    try:
        client = docker.from_env()
        try:
            client.ping()
        finally:
            client.close()
    except DockerException as error:
        return f"TEST_STACK=containers needs a container engine, and there is none: {error}"
    return None


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL; yield its URL."""
    container = (
        DockerContainer(_POSTGRES)
        .with_env("POSTGRES_PASSWORD", _PASSWORD)
        .with_command("postgres -c fsync=off -c max_connections=200")
    )
    with _listening(container, port=5432) as address:
        yield f"postgresql://postgres:{_PASSWORD}@{address}/postgres?sslmode=disable"


@contextmanager
def nats(directory: Path) -> Iterator[str]:
    """Run NATS with the settings that the promise needs; yield its URL."""
    config = directory / "nats.conf"
    config.write_text("max_payload: 8MB\njetstream { store_dir: /data, sync_interval: always }\n")
    container = (
        DockerContainer(_NATS)
        .with_volume_mapping(str(config), "/etc/nats/tests.conf", "ro")
        .with_command("--config /etc/nats/tests.conf")
    )
    with _listening(container, port=4222) as address:
        yield f"nats://{address}"


@contextmanager
def temporal() -> Iterator[str]:
    """Run Temporal's development server; yield its address."""
    container = DockerContainer(_TEMPORAL).with_command("server start-dev --headless --ip 0.0.0.0")
    with _listening(container, port=7233) as address:
        yield address


@contextmanager
def _listening(container: DockerContainer, *, port: int) -> Iterator[str]:
    container.with_exposed_ports(port).waiting_for(PortWaitStrategy(port).with_startup_timeout(120))
    with container:
        yield f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"

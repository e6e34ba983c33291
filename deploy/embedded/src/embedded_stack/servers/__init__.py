"""The servers of the stack, each usable alone: `async with running(NatsServer(directory=...)) as nats:`."""

from embedded_stack.servers.gateway import Gateway
from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.postgres import Durability, PostgresServer
from embedded_stack.servers.running import running
from embedded_stack.servers.temporal import TemporalServer, TemporalStorage

__all__ = [
    "Durability",
    "Gateway",
    "NatsServer",
    "PostgresServer",
    "TemporalServer",
    "TemporalStorage",
    "running",
]

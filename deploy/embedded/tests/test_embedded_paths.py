"""The data folder may be called anything."""

from pathlib import Path

import pytest

from embedded_stack.servers import NatsServer, PostgresServer, TemporalServer, running
from embedded_stack.servers.postgres import Durability

pytestmark = pytest.mark.integration

ODD = "José's #1 100%41 ?x"


async def test_each_server_keeps_its_data_in_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    before = set(tmp_path.iterdir())
    async with (
        running(NatsServer(directory=folder / "nats")) as nats,
        running(TemporalServer(directory=folder / "temporal")) as temporal,
        running(PostgresServer(directory=folder / "postgresql", durability=Durability.OFF)) as postgresql,
    ):
        assert (nats.directory / "jetstream").is_dir()
        assert (temporal.directory / "temporal.db").is_file()
        assert postgresql.data.is_dir()
    assert set(tmp_path.iterdir()) == before, "nothing beside it"

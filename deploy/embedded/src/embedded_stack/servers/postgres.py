"""PostgreSQL 18, on the loopback address, also where the caller is root."""

import asyncio
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from embedded_stack.binaries import postgres_program
from embedded_stack.launch import Identity, shimmed
from embedded_stack.ports import LOOPBACK, free_port
from embedded_stack.private_files import write_private
from embedded_stack.program import ProgramStartError
from embedded_stack.servers.minimal_environment import minimal_environment
from embedded_stack.servers.postgres_identity import give_to, identity_for_postgres

_USER = "flowmaestro"
_POLL_SECONDS = 0.03
_STARTING_UP = "57P03"
_UNKNOWN_DATABASE = "3D000"


class Durability(Enum):
    """ON survives a power cut; OFF is for tests, whose data may be lost."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """One PostgreSQL server with one database. `directory/data` is created at the first start.

    The password is fixed by the first start on a directory: later ones must give the same.
    """

    directory: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    database: str = "flowmaestro"
    durability: Durability = Durability.ON
    name: str = "postgresql"
    stop_signal: signal.Signals = signal.SIGINT  # "fast shutdown": ends the sessions, writes a checkpoint
    death_signal: signal.Signals = signal.SIGINT

    @property
    def url(self) -> str:
        """With user and password, so a secret."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """The address of another database of this server.

        It says that there is no TLS: asyncpg would find out, dbmate would insist.
        """
        return f"postgresql://{_USER}:{self.password}@{LOOPBACK}:{self.port}/{database}?sslmode=disable"

    @property
    def identity(self) -> Identity:
        return identity_for_postgres()

    @property
    def environment(self) -> Mapping[str, str]:
        return minimal_environment(self.directory)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        if self.durability is Durability.OFF:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [postgres_program("postgres"), "-D", self.data, *options]

    async def prepare(self) -> None:
        """Creates the data folder, or makes an old one start after a crash. Raises ProgramStartError."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        identity = await asyncio.to_thread(identity_for_postgres)
        if not self.data.exists():
            await self._initialise(identity)
        await asyncio.to_thread(give_to, self.data, identity=identity)
        _remove_stale_lock(self.data)

    async def _initialise(self, identity: Identity) -> None:
        """initdb next to the final place, then a rename: an interrupted one never counts as a database."""
        unfinished = self.directory / "data.unfinished"
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        password_file = self.directory / "initial-password"
        write_private(password_file, text=self.password)
        command: list[str | Path] = [postgres_program("initdb"), "-D", unfinished, "--pwfile", password_file]
        command += ["-U", _USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.durability is Durability.OFF:
            command.append("--no-sync")
        try:
            process = await asyncio.create_subprocess_exec(
                *shimmed(command, identity=identity),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                cwd=self.directory,
                start_new_session=True,
            )
            output, _ = await process.communicate()
        finally:
            password_file.unlink()
        if process.returncode != 0:
            raise ProgramStartError(f"initdb failed: {output.decode(errors='replace').strip()}")
        unfinished.rename(self.data)

    async def wait_ready(self) -> None:
        """Returns when the database, made where it is missing, can be used. Raises ProgramStartError."""
        import asyncpg  # noqa: PLC0415 - takes 0.1 s, in which the server is already starting

        while True:
            try:
                connection = await asyncpg.connect(self.url, ssl=False, timeout=10)
            except asyncpg.InvalidPasswordError as error:
                raise ProgramStartError(f"the data in {self.data} was made with another password") from error
            except asyncpg.PostgresError as error:
                if error.sqlstate == _UNKNOWN_DATABASE:
                    await self._create_database()
                elif error.sqlstate != _STARTING_UP:
                    raise ProgramStartError(f"postgresql refuses the connection: {error}") from error
            except (OSError, TimeoutError):
                pass  # not listening yet; the caller holds the deadline and watches the process
            else:
                await connection.close()
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _create_database(self) -> None:
        import asyncpg  # noqa: PLC0415 - see wait_ready

        connection = await asyncpg.connect(self.url_of("postgres"), ssl=False, timeout=10)
        try:
            with suppress(asyncpg.DuplicateDatabaseError):
                await connection.execute(f'CREATE DATABASE "{self.database}"')
        finally:
            await connection.close()

    async def unready_reason(self) -> str:
        return f"{LOOPBACK}:{self.port} takes no connections"


def _remove_stale_lock(data: Path) -> None:
    """Removes `postmaster.pid` when the process it names is alive but is not the server of this folder.

    After a crash and a restart of the machine the number can belong to any process, and PostgreSQL would
    refuse to start. A server that does run here works in this folder, compared by identity and not by path.
    """
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text(encoding="ascii", errors="replace").split("\n", maxsplit=1)[0])
        if not Path(f"/proc/{pid}/cwd").samefile(data):
            lock.unlink()
    except (FileNotFoundError, ValueError):
        return  # no lock or no such process (PostgreSQL itself then ignores the lock)
    except PermissionError:
        return  # another user's process: PostgreSQL cannot signal it either, and ignores the lock

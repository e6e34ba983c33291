"""Settings from the environment: one frozen Struct a service, every problem reported at once."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

S = TypeVar("S", bound=msgspec.Struct)


class SettingsError(Exception):
    """The environment does not configure the service; the text lists every problem, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Secret:
    """Text that does not show in a repr, a log or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def load(kind: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Read a settings Struct: field ``database_url`` is variable ``DATABASE_URL``.

    A field that is itself a Struct is read from the same environment, its own name left out.

    A ``Secret`` may instead be named by ``<NAME>_FILE``, a file whose text (without trailing line
    breaks) it is. A tuple is comma-separated. An empty variable counts as absent.

    Raises ``SettingsError`` with every problem; values of secrets are never quoted.
    """
    problems: list[str] = []
    settings = _read(kind, environment=environment, problems=problems)
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def _read(kind: type[S], *, environment: Mapping[str, str], problems: list[str]) -> S | None:
    values: dict[str, Any] = {}
    before = len(problems)
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        name, hint = field.name.upper(), hints[field.name]
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            values[field.name] = _read(hint, environment=environment, problems=problems)
            continue
        try:
            text = _text(name, hint=hint, environment=environment)
            if text is not None:
                values[field.name] = _convert(text, hint=hint)
            elif field.required:
                problems.append(f"{name} is required")
        except (ValueError, OSError) as error:
            problems.append(f"{name}: {error}")
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        problems.extend(str(error).splitlines())
        return None


def _text(name: str, *, hint: Any, environment: Mapping[str, str]) -> str | None:
    text = environment.get(name) or None
    if _holds(hint, kind=Secret) and (path := environment.get(f"{name}_FILE")):
        if text is not None:
            raise ValueError(f"give either {name} or {name}_FILE, not both")
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n") or None
        except UnicodeDecodeError:
            raise ValueError(f"{name}_FILE is not UTF-8 text") from None
    return text


def _convert(text: str, *, hint: Any) -> Any:
    value: Any = text
    if _holds(hint, kind=tuple):
        value = [item.strip() for item in text.split(",") if item.strip()]
    try:
        return msgspec.convert(value, hint, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def _holds(hint: Any, *, kind: type) -> bool:
    return hint is kind or get_origin(hint) is kind or any(_holds(part, kind=kind) for part in get_args(hint))


def _decode(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(value)
    raise TypeError(f"no setting can be a {kind.__name__}")


class LogLevel(StrEnum):
    """How much a service says; upper case is understood too."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @classmethod
    def _missing_(cls, value: object) -> "LogLevel | None":
        return next((level for level in cls if isinstance(value, str) and level == value.lower()), None)


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every service has: where it listens, how much it says, and the bus.

    A service extends this one class and gives ``http_port`` its default; what else several services
    share is a field whose type is a Struct (msgspec Structs cannot have two bases with fields).
    """

    http_host: str = "127.0.0.1"
    http_port: int
    log_level: LogLevel = LogLevel.INFO
    shutdown_seconds: float = 25.0
    """How long a graceful stop may take before what still runs is cut off."""
    drain_seconds: Annotated[float, Meta(ge=0, le=300)] = 0.0
    """How long before the stop readiness says 503 while everything is still served."""
    nats_url: Secret = msgspec.field(default_factory=lambda: Secret("nats://127.0.0.1:4222"))
    """May carry credentials; several servers are separated by commas."""
    nats_stream_replicas: int = 1

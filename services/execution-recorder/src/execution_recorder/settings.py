"""Settings of execution-recorder; the README's table explains each."""

from typing import Annotated

from msgspec import Meta

from trigger_runtime.postgres import DatabaseSettings
from trigger_runtime.settings import ServiceSettings
from trigger_runtime.web.tokens import TokenSettings


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """All that serving needs."""

    http_port: int = 8085
    database: DatabaseSettings
    database_max_connections: Annotated[int, Meta(ge=2, le=500)] = 10
    """Connections that this process may hold; recording and reading share them."""
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 90
    """How long webhook requests and ended executions are kept; 0 keeps them for ever."""
    tokens: TokenSettings

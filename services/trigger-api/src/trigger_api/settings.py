"""What the environment says; see README.md for the table."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from trigger_api.domain.fires_per_day import MOST, FiresPerDay
from trigger_runtime.postgres import DatabaseSettings
from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import Secret, ServiceSettings
from trigger_runtime.web.tokens import TokenSettings


class IfMatch(StrEnum):
    """Whether a change must say which version it is meant for."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class ResealSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All that ``reseal`` needs."""

    database: DatabaseSettings
    secret_keys: Secret

    def __post_init__(self) -> None:
        _check_keys(self.secret_keys)


def _check_keys(keys: Secret) -> None:
    try:
        KeyRing.parse(keys.reveal())
    except ValueError as error:
        raise ValueError(f"SECRET_KEYS: {error}") from None


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """All that ``serve`` needs."""

    http_port: int = 8081
    database: DatabaseSettings
    tokens: TokenSettings
    secret_keys: Secret
    """``id:base64(32 bytes)``, comma-separated; the first seals, all open."""
    public_url: str = "http://localhost:8080"
    """Where the gateway is, for ``webhookUrl``."""
    database_max_connections: int = 10
    max_body_bytes: int = 1024 * 1024
    publish_seconds: float = 2.0
    """How long a run by hand may wait for the bus before it is answered 503."""
    if_match: IfMatch = IfMatch.OPTIONAL
    """Whether changes must say which version they are meant for (428 where they do not)."""
    idempotency_hours: Annotated[int, Meta(ge=1, le=24 * 30)] = 24
    """How long the answer to an ``Idempotency-Key`` is kept."""

    schedule_fires_per_day: Annotated[int, Meta(ge=1, le=MOST)] = 288
    """How often a schedule may fire on one day before its preview warns; 1440 never does."""
    schedule_fires_per_day_of: tuple[str, ...] = ()
    """Workspaces for which it is another number: ``acme=1440,globex=24``."""

    def __post_init__(self) -> None:
        _check_keys(self.secret_keys)
        try:
            _ = self.fires_per_day
        except ValueError as error:
            raise ValueError(f"SCHEDULE_FIRES_PER_DAY_OF: {error}") from None
        parts = urlsplit(self.public_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError("PUBLIC_URL must be an absolute http or https URL")

    @property
    def fires_per_day(self) -> FiresPerDay:
        """Return what each workspace allows."""
        return FiresPerDay.parse(self.schedule_fires_per_day, exceptions=self.schedule_fires_per_day_of)

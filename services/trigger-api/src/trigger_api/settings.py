"""What the environment says; see README.md for the table."""

from urllib.parse import urlsplit

import msgspec

from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import Secret, ServiceSettings
from trigger_runtime.web.tokens import TokenSettings


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All that ``migrate`` needs."""

    database_url: Secret


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

    def __post_init__(self) -> None:
        try:
            KeyRing.parse(self.secret_keys.reveal())
        except ValueError as error:
            raise ValueError(f"SECRET_KEYS: {error}") from None
        parts = urlsplit(self.public_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError("PUBLIC_URL must be an absolute http or https URL")

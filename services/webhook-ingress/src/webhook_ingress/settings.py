"""The service's settings, from the environment."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import Secret, ServiceSettings

_KIB = 1024
_MIB = 1024 * _KIB


class WorkerListens(StrEnum):
    """From when on a process takes requests."""

    AT_ONCE = "at_once"
    WHEN_READY = "when_ready"


class AccessLogDetail(StrEnum):
    """What the log says of requests; all of them are on record on the bus in any case."""

    SUMMARY = "summary"
    EACH = "each"


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """Sizes are in bytes, times in seconds."""

    http_port: int = 8082
    secret_keys: Secret
    """Key ring of the webhook secrets, ``id:base64(32 bytes)[,…]``; all keys open."""
    max_body_bytes: Annotated[int, Meta(ge=1, le=32 * _MIB)] = _MIB
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Processes that share the port."""
    worker_number: Annotated[int, Meta(ge=0)] = 0
    """Set by the service for each of its processes, as are the two below."""
    worker_sockets: str | None = None
    worker_listens: WorkerListens = WorkerListens.AT_ONCE
    inline_body_bytes: Annotated[int, Meta(ge=_KIB, le=8 * _MIB)] = 512 * _KIB
    """The largest body that travels in a message; larger ones go to the object store, with a claim check."""
    trusted_proxy_hops: Annotated[int, Meta(ge=0, le=16)] = 0
    """How many proxies in front of the service append to ``X-Forwarded-For``; 0 believes none of it."""
    public_url: str | None = None
    """Where senders see this service, up to ``/api/webhooks``; some providers sign it."""
    head_seconds: Annotated[float, Meta(gt=0, le=300)] = 15.0
    """How long a caller may be silent, or take to send the head, before the connection is closed."""
    body_seconds: Annotated[float, Meta(gt=0, le=300)] = 10.0
    """How long a caller may take to send the body."""
    access_log: AccessLogDetail = AccessLogDetail.SUMMARY
    """``summary`` writes a line for every ten seconds with requests, ``each`` one for every request."""
    bodies_bytes: Annotated[int, Meta(ge=_MIB)] = 128 * _MIB
    """Bodies that may be held while their requests are in progress; over it the response is 503."""
    publish_seconds: Annotated[float, Meta(gt=0, le=30)] = 1.5
    """How long a caller waits for the bus before the response is 503."""
    queue_bytes: Annotated[int, Meta(ge=_MIB)] = 64 * _MIB
    """Accepted deliveries, encoded, that may wait for the bus at a time; over it the response is 503."""
    batch_bytes: Annotated[int, Meta(ge=_KIB)] = _MIB
    """Where a batch ends; a single larger delivery travels alone."""
    batch_deliveries: Annotated[int, Meta(ge=1, le=10_000)] = 500
    rejected_queue_bytes: Annotated[int, Meta(ge=_MIB)] = 8 * _MIB
    """Refusals, encoded, that may wait for the bus; over it they are counted, not recorded."""
    rejected_body_bytes: Annotated[int, Meta(ge=0, le=_MIB)] = 64 * _KIB
    """A refused request's body is recorded whole up to this size, and over it not at all."""

    unknown_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 600
    """Requests to addresses of no trigger that are recorded in a minute; over it they are counted."""

    def __post_init__(self) -> None:
        problems = []
        try:
            KeyRing.parse(self.secret_keys.reveal())
        except ValueError as error:
            problems.append(f"SECRET_KEYS: {error}")
        if self.public_url is not None and not _is_address(self.public_url):
            problems.append("PUBLIC_URL must be an absolute http or https URL without query and fragment")
        if self.workers > 1 and self.http_port == 0:
            problems.append("HTTP_PORT: several WORKERS need a port to share")
        if problems:
            raise ValueError("\n".join(problems)) from None


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not (parts.query or parts.fragment or text.endswith(("?", "#")))
        and (port is None or port > 0)
        and text.isascii()
        and " " not in text
    )

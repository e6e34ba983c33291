"""Logs: one JSON object a line on standard output, with the ids of what is being worked on."""

import logging
import sys
from typing import Any

import msgspec
import structlog

_encoder = msgspec.json.Encoder(enc_hook=repr)
# Never the frames' local variables: secrets are among them.
_exceptions = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)
)


def configure(*, service: str, level: str) -> None:
    """Send structlog's and the standard library's records to standard output as JSON lines.

    Whatever is bound with ``structlog.contextvars`` (``request_id``, ``execution_id`` …) is in every
    line that is written while it is bound.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _exceptions,
        _with(service=service),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # aiohttp quotes header bytes of bad requests at ERROR, and they are a stranger's.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def _with(**values: str) -> Any:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, **values}

    return add


def _render(_logger: Any, _method: str, event: Any) -> str:
    try:
        return _encoder.encode(event).decode()
    except Exception:  # noqa: BLE001 - a repr that raises, a lone surrogate, a cycle: the line is worth more
        return _encoder.encode({str(key): _plain(value) for key, value in event.items()}).decode()


def _plain(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception as error:  # noqa: BLE001 - as above
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text.encode("utf-8", "backslashreplace").decode()

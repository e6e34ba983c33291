"""Logs: one JSON object a line on standard output, with the ids of what is being worked on.

Warnings and worse are counted, by what they say: whatever only writes a line and goes on can be watched.
"""

import logging
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec
import structlog

_encoder = msgspec.json.Encoder(enc_hook=repr)
_COUNTED: Final = frozenset({"warning", "error", "critical"})
_LIBRARY: Final = "(a library's)"
# What our lines say are constants of the code, so there are few; of this process, like the stream.
_counts: Counter[tuple[str, str]] = Counter()
# Never the frames' local variables: secrets are among them.
_exceptions = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)
)


def configure(*, service: str, level: str) -> None:
    """Send structlog's and the standard library's records to standard output as JSON lines.

    Whatever is bound with ``structlog.contextvars`` (``request_id``, ``execution_id`` …) is in every
    line that is written while it is bound.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _count_foreign,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                _exceptions,
                _with(service=service),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    # Straight to the stream and not through the standard library: every request has a line, and the way
    # through LogRecord and ProcessorFormatter is most of what it costs.
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _finish(service=service), _render],
        logger_factory=_Lines(handler),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # aiohttp quotes header bytes of bad requests at ERROR, and they are a stranger's.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def counts() -> Mapping[tuple[str, str], int]:
    """Return how many warnings and worse this process has written, by level and by what they say.

    Lines of libraries are counted together: what they say may hold anything.
    """
    return dict(_counts)


class _Lines:
    """Makes structlog's loggers. They share the handler's stream, and its lock, with the standard library."""

    def __init__(self, handler: logging.StreamHandler[TextIO]) -> None:
        self._handler = handler

    def __call__(self, name: str = "") -> "_LineLogger":
        return _LineLogger(self._handler, name=name)


class _LineLogger:
    def __init__(self, handler: logging.StreamHandler[TextIO], *, name: str) -> None:
        self._handler = handler
        self.name = name

    def _write(self, line: str) -> None:
        handler = self._handler
        handler.acquire()
        try:
            handler.stream.write(line + handler.terminator)
            handler.stream.flush()
        except Exception:  # noqa: BLE001 - a full disk or a closed pipe: told on stderr, as by any handler
            handler.handleError(logging.makeLogRecord({"name": self.name, "msg": line}))
        finally:
            handler.release()

    debug = info = warning = error = critical = _write


def _finish(*, service: str) -> Any:
    """Return the processor that adds what each line has; ``method`` is the level."""

    def finish(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        if "exc_info" in event:
            event = dict(_exceptions(logger, method, event))
        if method in _COUNTED:
            _counts[method, str(event["event"])] += 1
        event["level"] = method
        event["logger"] = logger.name
        event["at"] = datetime.now(UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"
        event["service"] = service
        return event

    return finish


def _count_foreign(_logger: Any, _method: str, event: Any) -> Any:
    if event["level"] in _COUNTED:
        _counts[event["level"], _LIBRARY] += 1
    return event


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

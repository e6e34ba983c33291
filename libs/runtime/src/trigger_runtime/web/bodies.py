"""Request bodies: read within limits, parsed as strict JSON."""

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from trigger_runtime.web.problem import ProblemError

MAX_NESTING: Final = 100
"""JSON that nests deeper is refused: every later reader of it recurses."""


async def read_json(request: web.Request, *, seconds: float = 10.0) -> Any:
    """Return the request's JSON body; ``ProblemError`` 400, 408, 413 or 415 where it is not one.

    The limit is the application's ``max_body_bytes``.
    """
    media_type = request.content_type
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(415, code="unsupported_media_type", detail="Send the body as application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProblemError(
            415, code="unsupported_media_type", detail="Send the body without Content-Encoding."
        )
    data = await _read(request, seconds=seconds)
    try:
        value = msgspec.json.decode(data)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, code="malformed_json", detail=f"The body is not JSON: {error}.") from error
    if _nesting(value) > MAX_NESTING:
        raise _too_deep()
    return value


async def _read(request: web.Request, *, seconds: float) -> bytes:
    limit = request.client_max_size
    if (request.content_length or 0) > limit:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise _too_large()
    except TimeoutError as error:
        detail = "The body did not arrive in time."
        raise ProblemError(408, code="body_too_slow", detail=detail) from error
    except (OSError, HttpProcessingError, web.RequestPayloadError) as error:
        # The connection broke, a chunk is malformed, or there are fewer bytes than Content-Length says.
        raise ProblemError(400, code="body_incomplete", detail="The body ended early.") from error
    return bytes(body)


def _too_large() -> ProblemError:
    return ProblemError(413, code="body_too_large", detail="The body is over the limit.")


def _too_deep() -> ProblemError:
    return ProblemError(
        400, code="malformed_json", detail=f"The body nests deeper than {MAX_NESTING} levels."
    )


def _nesting(value: Any) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth

"""The aiohttp application that every service has: health, metrics, request ids, one error map."""

import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from trigger_runtime import zone_data
from trigger_runtime.lifecycle import Readiness
from trigger_runtime.metrics import Metrics
from trigger_runtime.web.problem import ProblemError, invalid
from trigger_validation import InvalidError

log = structlog.stdlib.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ErrorMap = Callable[[Exception], ProblemError | None]

REQUEST_ID: Final = web.RequestKey("request_id", str)

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_JSON_CONTENT: Final = {"Content-Type": "application/json"}
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})


def new_application(
    *,
    routes: Sequence[web.AbstractRouteDef],
    readiness: Readiness,
    metrics: Metrics,
    error_map: ErrorMap = lambda _: None,
    max_body_bytes: int,
) -> web.Application:
    """Return the application: the service's routes, and ``/livez``, ``/readyz``, ``/metrics``.

    ``InvalidError`` is a 422. ``error_map`` turns the service's own errors into responses. What it does not
    know is a 500 that says nothing and logs everything.
    """
    app = web.Application(
        middlewares=[_around(metrics, error_map=error_map)],
        client_max_size=max_body_bytes,
    )

    zones = zone_data.in_force().edition

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_request: web.Request) -> web.Response:
        missing = readiness.missing()
        document = {"ready": not missing, "missing": missing, "timeZoneData": zones}
        return json_response(document, status=503 if missing else 200)

    async def show_metrics(_request: web.Request) -> web.Response:
        body = generate_latest(metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", show_metrics)
    app.router.add_routes(list(routes))
    return app


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a response with a msgspec-encodable body."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, headers={**(headers or {}), **_JSON_CONTENT}
    )


def request_id(request: web.Request) -> str:
    """Return the id of the request: the caller's ``X-Request-Id`` where that is safe, else a new one."""
    return request[REQUEST_ID]


def _around(metrics: Metrics, *, error_map: ErrorMap) -> Middleware:
    """Return the one middleware: it names the request, maps its errors, logs and counts the outcome.

    One and not three: each layer of them costs a request about as much as looking up its route.
    """
    observed: dict[tuple[str, str, int], Any] = {}

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        sent_id = request.headers.get("X-Request-Id", "")
        identity = request[REQUEST_ID] = sent_id if _SAFE_ID.fullmatch(sent_id) else _new_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=identity)
        response = await _respond(request, handler=handler, error_map=error_map)
        response.headers["X-Request-Id"] = identity
        seconds = time.perf_counter() - started
        resource = request.match_info.route.resource
        # The template, never the path: a stranger's paths would make labels without end.
        route = resource.canonical if resource is not None else "unknown"
        method = request.method if request.method in _METHODS else "OTHER"
        key = (method, route, response.status)
        histogram = observed.get(key)
        if histogram is None:
            histogram = metrics.requests.labels(method=method, route=route, status=str(response.status))
            observed[key] = histogram
        histogram.observe(seconds)
        if request.path not in _PROBES:
            log.info(
                "request",
                method=method,
                route=route,
                status=response.status,
                ms=round(seconds * 1000, 2),
            )
        return response

    return around


def _new_id() -> str:
    # An id is not a secret: the system's randomness would be a system call for each request.
    return f"{random.getrandbits(128):032x}"


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


async def _respond(request: web.Request, *, handler: Handler, error_map: ErrorMap) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as error:
        problem = error
    except InvalidError as error:
        problem = invalid(error)
    except web.HTTPException as error:
        problem = _of_framework(error)
    except Exception as error:  # noqa: BLE001 - the one place where every error becomes a response
        problem = _of_caller(error, request=request) or _mapped(error, error_map=error_map)
    return problem.response(request_id=request_id(request))


def _of_caller(error: Exception, *, request: web.Request) -> ProblemError | None:
    """Return the problem of a caller who left before the body was complete. No one reads it."""
    left = request.transport is None or request.transport.is_closing()
    if left and isinstance(error, ConnectionError):
        return ProblemError(400, code="body_incomplete", detail="The body ended early.")
    return None


def _mapped(error: Exception, *, error_map: ErrorMap) -> ProblemError:
    try:
        return error_map(error) or _unexpected(error)
    except Exception as broken:  # noqa: BLE001 - past this the framework responds, and logs nowhere
        return _unexpected(broken)


def _unexpected(error: Exception) -> ProblemError:
    log.error("request failed", exc_info=error)
    return ProblemError(500, code="internal", detail="The request failed; the service's log says why.")


def _of_framework(error: web.HTTPException) -> ProblemError:
    """Return what aiohttp raises by itself (no route, wrong method, body too large) as a problem."""
    match error:
        case web.HTTPNotFound():
            return ProblemError(404, code="not_found", detail="There is nothing at this address.")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return ProblemError(
                405,
                code="method_not_allowed",
                detail=f"This address takes {allowed}.",
                headers={"Allow": allowed},
            )
        case web.HTTPRequestEntityTooLarge():
            return ProblemError(413, code="body_too_large", detail="The body is over the limit.")
        case _:
            return ProblemError(error.status, code="http_error", detail=error.reason or "The request failed.")

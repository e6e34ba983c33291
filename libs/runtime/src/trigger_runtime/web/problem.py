"""Errors over HTTP: RFC 9457 ``application/problem+json``."""

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from trigger_validation import FieldError, InvalidError

_TYPE = "https://flowmaestro.dev/problems/"

_TITLES = {
    400: "Malformed request",
    401: "Authentication required",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    412: "Precondition failed",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Invalid request",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Service unavailable",
}


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A response that is an error (RFC 9457). ``code`` is stable and for programs, ``detail`` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


class ProblemError(Exception):
    """A response that is an error. ``code`` is stable and for programs, ``detail`` for people."""

    def __init__(
        self,
        status: int,
        *,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self, *, request_id: str, extra: Mapping[str, str] | None = None) -> bytes:
        """Return the JSON document."""
        body = ProblemDocument(
            type=_TYPE + self.code.replace("_", "-"),
            title=_TITLES.get(self.status, "Error"),
            status=self.status,
            detail=self.detail,
            code=self.code,
            request_id=request_id,
            errors=self.errors,
        )
        return msgspec.json.encode({**msgspec.to_builtins(body), **extra} if extra else body)

    def response(self, *, request_id: str) -> web.Response:
        """Return the response."""
        return web.Response(
            status=self.status,
            body=self.document(request_id=request_id),
            content_type="application/problem+json",
            headers=self.headers,
        )


def invalid(error: InvalidError) -> ProblemError:
    """Return the 422 for a request that is well-formed, with everything that is wrong with it."""
    errors = error.field_errors
    detail = errors[0].detail if len(errors) == 1 else f"{len(errors)} things are wrong."
    return ProblemError(422, code="validation_failed", detail=detail, errors=errors)


def not_found(what: str) -> ProblemError:
    """Return the 404 for what does not exist or belongs to another workspace: the two look the same."""
    return ProblemError(404, code="not_found", detail=f"There is no such {what}.")


def unavailable(detail: str, *, retry_after_seconds: int = 1) -> ProblemError:
    """Return the 503 for what can work again soon."""
    return ProblemError(
        503, code="unavailable", detail=detail, headers={"Retry-After": str(retry_after_seconds)}
    )

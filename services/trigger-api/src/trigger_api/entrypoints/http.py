"""What every operation shares: who calls, idempotency keys, and bodies that can be stored."""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from trigger_api.domain.aggregate import Author
from trigger_api.domain.idempotency import IdempotencyKey, StoredResponse, fingerprint
from trigger_api.usecases.command import Caller
from trigger_runtime.web.application import request_id
from trigger_runtime.web.bodies import read_json
from trigger_runtime.web.operations import Response
from trigger_runtime.web.parameters import Header
from trigger_runtime.web.problem import ProblemError
from trigger_runtime.web.tokens import TokenVerifier
from trigger_validation import MAX_FIELD_ERRORS, FieldError, pointer_step, raise_if_invalid

READ: Final = "triggers:read"
WRITE: Final = "triggers:write"
RUN: Final = "triggers:run"

_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Tells who calls. ``ProblemError`` 401, 403 or 503."""

    tokens: TokenVerifier

    async def __call__(self, request: web.Request, *, scope: str) -> Caller:
        """Return the caller, whose token holds the scope."""
        principal = await self.tokens.principal(request, scope=scope)
        author = Author(actor=principal.subject, request_id=request_id(request))
        return Caller(workspace=principal.workspace, author=author)


@dataclass(frozen=True, slots=True)
class SentKey:
    """The ``Idempotency-Key`` of a request, where it has one, and the request that it names."""

    key: str | None
    method: str
    path: str
    if_match: str | None

    def idempotency_key(self, *, caller: Caller, body: Any = None) -> IdempotencyKey | None:
        """Return the key of a caller, with the fingerprint of the request; ``None`` where there is no key."""
        if self.key is None:
            return None
        return IdempotencyKey(
            workspace=caller.workspace,
            actor=caller.author.actor,
            key=self.key,
            fingerprint=fingerprint(method=self.method, path=self.path, body=body, condition=self.if_match),
        )


def _read_idempotency_key(request: web.Request) -> SentKey:
    keys = request.headers.getall("Idempotency-Key", [])
    if len(keys) > 1 or not all(_KEY.fullmatch(key) for key in keys):
        detail = "Send one Idempotency-Key of 1 to 255 visible ASCII characters."
        raise ProblemError(400, code="bad_idempotency_key", detail=detail)
    return SentKey(keys[0] if keys else None, request.method, request.path, request.headers.get("If-Match"))


KeyHeader = Annotated[
    SentKey,
    Header(
        name="Idempotency-Key",
        read=_read_idempotency_key,
        schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
        description=(
            "The same key and request get the same answer; the same key with another request is a 422."
        ),
        errors=(400, 409, 422),
    ),
]


def stored_response(
    content: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> StoredResponse:
    """Return a response with a JSON body, as it is sent and may be stored under its key."""
    return StoredResponse(status=status, headers=headers or {}, body=msgspec.json.encode(content))


def response_of(stored: StoredResponse) -> Response[Any]:
    """Return a stored response to send."""
    return Response(content=msgspec.Raw(stored.body), status=stored.status, headers=stored.headers)


def without_shown(
    body: Any, *, item_id: UUID, shown: AbstractSet[str], fixed: Mapping[str, str] | None = None
) -> Any:
    """Return the body of a change without what an answer has besides, so that it can be sent back.

    ``shown`` are fields that this service computes. They are passed over in what GET showed, which has an
    ``id``: figures and times may have changed since. In any other body they are a request that has no effect,
    and so refused, as is a field of ``fixed`` that differs from its value. ``version`` is a condition
    (``Preconditions``). The ``id`` stays, and says that this is what GET showed. Raises ``InvalidError``.
    """
    if not isinstance(body, dict):
        return body
    errors = []
    if "id" in body and str(body["id"]).lower() != str(item_id):
        errors.append(FieldError("/id", f"This cannot be changed: it is {item_id}. Leave it out."))
    if "version" in body and type(body["version"]) is not int:
        errors.append(FieldError("/version", "Expected the version that you have seen, or leave it out."))
    for name in sorted(shown - {"id", "version"}):
        if body.get(name) is None:
            continue
        if name == "webhookSecret":
            detail = "This is shown, and not set. Send a new one as secret, or rotate it."
            errors.append(FieldError(f"/{name}", detail))
        elif name in (fixed or {}) and body[name] != (fixed or {})[name]:
            detail = "This cannot be changed: it follows from the id. Leave it out."
            errors.append(FieldError(f"/{name}", detail))
        elif "id" not in body:
            detail = "This is computed, and not set. Leave it out, or send back all that GET shows."
            errors.append(FieldError(f"/{name}", detail))
    raise_if_invalid(errors)
    return {name: value for name, value in body.items() if name == "id" or name not in shown}


async def read_body(request: web.Request) -> Any:
    """Return the JSON body, without the one character that PostgreSQL cannot store."""
    value = await read_json(request)
    paths = islice(_nul_paths(value), MAX_FIELD_ERRORS)
    raise_if_invalid(FieldError(path, "Text must not hold NUL.") for path in paths)
    return value


def _nul_paths(value: Any) -> Iterator[str]:
    """Yield a pointer for each text that holds NUL; the nesting of a body is bounded."""
    if isinstance(value, str):
        if "\0" in value:
            yield ""
        return
    items: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = ((str(index), item) for index, item in enumerate(value))
    for key, item in items:
        step = f"/{pointer_step(key)}"
        if "\0" in key:
            yield step
        yield from (f"{step}{path}" for path in _nul_paths(item))

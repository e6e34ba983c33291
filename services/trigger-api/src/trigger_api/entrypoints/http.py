"""What every operation shares: who calls, conditions, idempotency keys, and bodies that can be stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from aiohttp import web

from trigger_api.domain.recorded import Author
from trigger_api.usecases.appending import Caller
from trigger_runtime.web.application import request_id
from trigger_runtime.web.bodies import read_json
from trigger_runtime.web.tokens import TokenVerifier
from trigger_validation import MAX_FIELD_ERRORS, FieldError, pointer_step, raise_if_invalid

READ: Final = "triggers:read"
WRITE: Final = "triggers:write"
RUN: Final = "triggers:run"


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Tells who calls. ``ProblemError`` 401, 403 or 503."""

    tokens: TokenVerifier

    async def __call__(self, request: web.Request, *, scope: str) -> Caller:
        """Return the caller, whose token holds the scope."""
        principal = await self.tokens.principal(request, scope=scope)
        author = Author(actor=principal.subject, request_id=request_id(request))
        return Caller(workspace=principal.workspace, author=author)


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

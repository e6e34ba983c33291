"""How commands are answered, at once and when they come again."""

from uuid import UUID

import structlog
from aiohttp import web

from trigger_api.domain.idempotency import StoredAnswer
from trigger_api.entrypoints import views


def first_answer(stored: StoredAnswer) -> web.Response:
    """Return the answer to a request that has just been carried out."""
    return web.Response(
        body=stored.body, status=stored.status, content_type="application/json", headers=stored.headers
    )


def same_answer(stored: StoredAnswer) -> web.Response:
    """Return the answer to a request that came before, and was carried out then."""
    answer = first_answer(stored)
    answer.headers["Idempotent-Replayed"] = "true"
    return answer


def run_answer(started: UUID | StoredAnswer) -> web.Response:
    """Return the answer to whoever asked for a run: with its execution id, which the log then has, too."""
    if isinstance(started, StoredAnswer):
        return same_answer(started)
    structlog.contextvars.bind_contextvars(execution_id=str(started))
    return first_answer(views.run_accepted(started))

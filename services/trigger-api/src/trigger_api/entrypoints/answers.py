"""How commands are answered, at once and when they come again."""

from aiohttp import web

from trigger_api.domain.idempotency import StoredAnswer


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

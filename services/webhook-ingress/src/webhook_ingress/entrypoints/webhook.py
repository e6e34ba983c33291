"""``ANY /api/webhooks/{triggerId}``, and whatever lies below it, so that such requests are on record too."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast
from urllib.parse import unquote
from uuid import UUID

import structlog
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from trigger_runtime.web.problem import ProblemError
from trigger_runtime.web.queries import uuid_in
from webhook_ingress.domain.request import Body, BodyProblem, Headers, WebhookRequest
from webhook_ingress.domain.sender import client_address
from webhook_ingress.entrypoints.bodies import BodyRoom, Reservation
from webhook_ingress.entrypoints.written import Written, answer_bytes, connection_field
from webhook_ingress.ports import HttpResponse
from webhook_ingress.usecases import ReceiveDelivery

log = structlog.stdlib.get_logger(__name__)

PREFIX: Final = "/api/webhooks/"
ROUTE: Final = "/api/webhooks/{triggerId}"

Observe = Callable[[WebhookRequest, HttpResponse, float], None]
"""Takes in an answered request, and the seconds that it took."""

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_uuid_in: Final = lru_cache(maxsize=4096)(uuid_in)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLimits:
    """Bytes of a body, and how many proxies are believed."""

    max_body_bytes: int
    trusted_hops: int


def is_webhook(message: RawRequestMessage) -> bool:
    """Tell whether a request is for this door; the target may be percent-encoded, or a whole address."""
    target = message.path
    if target.startswith(PREFIX):
        return True
    return ("%" in target or not target.startswith("/")) and message.url.path.startswith(PREFIX)


class WebhookDoor:
    """Answers the requests of the one route, apart from aiohttp's router, middlewares and responses.

    Those cost as much as all that is done here.
    """

    def __init__(
        self,
        receive: ReceiveDelivery,
        *,
        bodies: BodyRoom,
        limits: WebhookLimits,
        observe: Observe,
        note_unreadable: Callable[[], None],
        new_request_id: Callable[[], str],
    ) -> None:
        self._receive = receive
        self._bodies = bodies
        self._limits = limits
        self._observe = observe
        self.note_unreadable = note_unreadable
        self._new_request_id = new_request_id

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer; a defect is a 500 that says nothing, and the log everything."""
        begun = time.perf_counter()
        incoming = self._incoming(request._message, remote=request.remote)  # noqa: SLF001 - the very characters
        reservation = self._bodies.reserve()
        try:
            answer = await self._answer(request, incoming=incoming, reservation=reservation)
        except Exception as error:
            log.error("request failed", exc_info=error, request_id=incoming.request_id)
            answer = _failed(incoming)
        finally:
            reservation.end()
        self._observe(incoming, answer, time.perf_counter() - begun)
        return cast("web.StreamResponse", Written(answer, request_id=incoming.request_id))

    def answer_whole(
        self, message: RawRequestMessage, *, body: bytes, remote: str | None, write: Callable[[bytes], None]
    ) -> None:
        """Do the same for a request that is all there; ``write`` takes the answer, now or later."""
        begun = time.perf_counter()
        incoming = self._incoming(message, remote=remote)

        def answered(answer: HttpResponse) -> None:
            self._observe(incoming, answer, time.perf_counter() - begun)
            write(_bytes_of(answer, message=message, request_id=incoming.request_id))

        try:
            if incoming.is_preflight:
                answered(self._receive.preflight(incoming))
            else:
                fits = len(body) <= self._limits.max_body_bytes
                self._receive.receive_whole(
                    incoming, body=body if fits else BodyProblem.TOO_LARGE, answered=answered
                )
        except Exception as error:
            log.error("request failed", exc_info=error, request_id=incoming.request_id)
            answered(_failed(incoming))

    async def _answer(
        self, request: web.BaseRequest, *, incoming: WebhookRequest, reservation: Reservation
    ) -> HttpResponse:
        if incoming.is_preflight:
            return self._receive.preflight(incoming)

        async def read() -> Body:
            whole = self._bodies.whole(request)
            return await self._bodies.read(request, into=reservation) if whole is None else whole

        return await self._receive.receive(incoming, read_body=read)

    def _incoming(self, message: RawRequestMessage, *, remote: str | None) -> WebhookRequest:
        place, path, target, query = _address(message)
        below_id = _uuid_in(place.partition("/")[0])
        headers = message.headers
        address = remote
        if self._limits.trusted_hops:
            address = client_address(
                forwarded_for=headers.getall("X-Forwarded-For", ()),
                peer=remote,
                trusted_hops=self._limits.trusted_hops,
            )
        return WebhookRequest(
            request_id=self._request_id(headers.get("X-Request-Id"), trigger_id=below_id),
            trigger_id=_uuid_in(place) if "/" in place else below_id,
            below_id=below_id,
            method=message.method,
            path=path,
            target=target,
            query=query,
            headers=Headers(tuple([(name.lower(), value) for name, value in headers.items()])),
            client_address=address or None,
        )

    def _request_id(self, given: str | None, *, trigger_id: UUID | None) -> str:
        """Return the caller's id where it is a sane one: it stands in log lines and in the answer."""
        if given is None or not _SAFE_ID.fullmatch(given):
            return self._new_request_id()
        if trigger_id is not None and self._receive.holds_secret(trigger_id, text=given):
            return self._new_request_id()
        return given


def _address(message: RawRequestMessage) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    """Return what follows the prefix, decoded; the path and the target as they were sent; the query."""
    target = message.path
    if target.startswith(PREFIX) and "%" not in target and "#" not in target:
        path, _, query = target.partition("?")
        return path[len(PREFIX) :], path, target, tuple(message.url.query.items()) if query else ()
    url = message.url.relative() if message.url.absolute else message.url
    place = unquote(url.raw_path)[len(PREFIX) :]
    return place, url.raw_path, url.raw_path_qs, tuple(url.query.items())


def _bytes_of(answer: HttpResponse, *, message: RawRequestMessage, request_id: str) -> bytes:
    return answer_bytes(
        answer,
        request_id=request_id,
        method=message.method,
        connection=connection_field(not message.should_close, version=message.version),
    )


def _failed(incoming: WebhookRequest) -> HttpResponse:
    problem = ProblemError(500, code="internal", detail="The request failed; the service's log says why.")
    return HttpResponse(
        status=500,
        body=problem.document(request_id=incoming.request_id),
        content_type="application/problem+json",
    )

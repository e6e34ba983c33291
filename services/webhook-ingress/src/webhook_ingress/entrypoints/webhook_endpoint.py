"""``ANY /api/webhooks/{triggerId}``, and whatever lies below it, so that such requests are on record too."""

import re
from asyncio import Future
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote
from uuid import UUID

import structlog
from yarl import URL

from trigger_runtime.web.parameters import uuid_in
from trigger_runtime.web.problem import ProblemError
from webhook_ingress.domain.request import Body, Headers, ReceivedRequest, WebhookRequest
from webhook_ingress.domain.sender import client_address
from webhook_ingress.entrypoints.raw_response import raw_response
from webhook_ingress.entrypoints.request_parser import RawRequest
from webhook_ingress.ports import HttpResponse, UnavailableError
from webhook_ingress.usecases.receive_delivery import ReceiveDelivery

log = structlog.stdlib.get_logger(__name__)

PREFIX: Final = "/api/webhooks/"
ROUTE: Final = "/api/webhooks/{triggerId}"

Outcome = HttpResponse | Future[HttpResponse]
"""The response, or what will be it once the bus has the delivery."""
Observe = Callable[[WebhookRequest, HttpResponse, float], None]
"""Takes in a request with its response, and the seconds between them."""

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_TARGET_PATH: Final = re.compile(r"\s*(?:[^\s/?#]*\s+)?(?:https?://[^\s/?#]*)?(/[^\s?#]*)", re.IGNORECASE)
"""The path of the target in what may be a request line, with a method or without one."""
_LONGEST_LINE: Final = 16 * 1024
_uuid_in: Final = lru_cache(maxsize=4096)(uuid_in)


def is_webhook(raw: RawRequest) -> bool:
    """Tell whether a request is for this endpoint; the target may be percent-encoded, or a whole address."""
    target = raw.target
    if target.startswith(PREFIX):
        return True
    if "%" not in target and "//" not in target and target.startswith("/"):
        return False
    return _single_slashes(_url(target).path).startswith(PREFIX)


def named_trigger(text: str) -> UUID | None:
    """Return the first id in a text that is not the address of a trigger, whatever is around it."""
    match = _ID.search(text)
    return None if match is None else UUID(match[0])


class WebhookEndpoint:
    """Turns requests into deliveries; a defect is a 500 that says nothing, and the log everything."""

    def __init__(
        self,
        receive: ReceiveDelivery,
        *,
        trusted_hops: int,
        monotonic: Callable[[], float],
        observe: Observe,
        count_malformed: Callable[[], None],
        new_request_id: Callable[[], str],
    ) -> None:
        self._receive = receive
        self._trusted_hops = trusted_hops
        self._monotonic = monotonic
        self._observe = observe
        self._count_malformed = count_malformed
        self._new_request_id = new_request_id

    def received(self, raw: RawRequest, *, remote: str | None) -> ReceivedRequest:
        """Return the request as the domain knows it; ``remote`` is the socket's peer."""
        place, path, target, query = _address(raw.target)
        trigger_id = _uuid_in(place.removesuffix("/"))
        is_nearby = trigger_id is None and (trigger_id := named_trigger(place)) is not None
        address = remote
        if self._trusted_hops:
            address = client_address(
                forwarded_for=raw.values("x-forwarded-for"), peer=remote, trusted_hops=self._trusted_hops
            )
        return self._receive.received(
            WebhookRequest(
                request_id=self._request_id(raw, trigger_id=trigger_id),
                trigger_id=trigger_id,
                is_nearby=is_nearby,
                method=raw.method,
                path=path,
                target=target,
                query=query,
                headers=Headers(tuple(raw.headers)),
                client_address=address or None,
            )
        )

    def respond_before_body(self, received: ReceivedRequest) -> HttpResponse | None:
        """Return the response to a request whose body does not matter."""
        try:
            return self._receive.respond_before_body(received)
        except Exception as error:  # noqa: BLE001 - logged there, and a 500
            return _failed(received, error=error)

    def receive(self, received: ReceivedRequest, *, body: Body) -> Outcome:
        """Return the response, or what will be it once the bus has the delivery."""
        try:
            return self._receive.receive(received, body=body)
        except Exception as error:  # noqa: BLE001 - logged there, and a 500
            return _failed(received, error=error)

    def result(self, outcome: "Future[HttpResponse]", *, received: ReceivedRequest) -> HttpResponse:
        """Return the response of an outcome that is done."""
        error = outcome.exception()
        return outcome.result() if error is None else _failed(received, error=error)

    def unavailable(self, received: ReceivedRequest, *, error: UnavailableError) -> HttpResponse:
        """Return the 503 for a body that there is no room for."""
        return self._receive.unavailable(received, error=error)

    def observe(self, received: ReceivedRequest, *, response: HttpResponse) -> None:
        """Count a request with its response."""
        self._observe(received.request, response, self._monotonic() - received.begun)

    def malformed(self, head: bytes) -> bytes:
        """Return the response to what is no request, of which ``head`` is the beginning.

        It is recorded for the trigger that it names, and only counted where it names none.
        """
        request_id = self._new_request_id()
        detail = "The request is not HTTP, or a part of its head is malformed or too long."
        problem = ProblemError(400, code="malformed_request", detail=detail)
        response = _response(problem, request_id=request_id)
        trigger_id = _named_in(head)
        if trigger_id is None or not self._receive.malformed(
            trigger_id, request_id=request_id, response=response
        ):
            self._count_malformed()
        return raw_response(response, request=None, request_id=request_id, keep_alive=False)

    def _request_id(self, raw: RawRequest, *, trigger_id: UUID | None) -> str:
        """Return the caller's id where it is a sane one: it stands in log lines and in the response."""
        value = next((value for name, value in raw.headers if name == "x-request-id"), None)
        if value is None or not _SAFE_ID.fullmatch(value):
            return self._new_request_id()
        if trigger_id is not None and self._receive.holds_secret(trigger_id, text=value):
            return self._new_request_id()
        return value


def _named_in(head: bytes) -> UUID | None:
    """Return the trigger in the first line of what is not a request, if it has the endpoint's address."""
    line = head.partition(b"\n")[0][:_LONGEST_LINE].decode("latin-1")
    match = _TARGET_PATH.match(line)
    path = "" if match is None else _single_slashes(unquote(match[1]))
    return named_trigger(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None


def _address(target: str) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    """Return what follows the prefix, decoded; the path and the target as they were sent; the query."""
    if target.startswith(PREFIX) and "%" not in target and "#" not in target:
        path, _, query = target.partition("?")
        return path[len(PREFIX) :], path, target, tuple(_url(target).query.items()) if query else ()
    url = _url(target)
    path = unquote(url.raw_path)
    # With an empty step in front it is no trigger's address; it is recorded for the one that it names.
    place = path.removeprefix(PREFIX)
    return place, url.raw_path, url.raw_path_qs, tuple(url.query.items())


def _single_slashes(path: str) -> str:
    return re.sub("/{2,}", "/", path)


def _url(target: str) -> URL:
    """Return the path and query of a target, not normalised: a signature covers what was sent."""
    if not target.startswith("/"):
        url = URL(target, encoded=True)
        return url.relative() if url.absolute else url
    rest, _, fragment = target.partition("#")
    path, _, query = rest.partition("?")
    return URL.build(path=path, query_string=query, fragment=fragment, encoded=True)


def _failed(received: ReceivedRequest, *, error: BaseException) -> HttpResponse:
    request_id = received.request.request_id
    log.error("request failed", exc_info=error, request_id=request_id)
    problem = ProblemError(500, code="internal", detail="The request failed; the service's log says why.")
    return _response(problem, request_id=request_id)


def _response(problem: ProblemError, *, request_id: str) -> HttpResponse:
    return HttpResponse(
        status=problem.status,
        body=problem.document(request_id=request_id),
        content_type="application/problem+json",
    )

"""``ANY /api/webhooks/{triggerId}``."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog
from aiohttp import web

from trigger_runtime.web.application import REQUEST_ID, request_id
from trigger_runtime.web.bodies import BodyIncompleteError, BodyTooLargeError, BodyTooSlowError, read_body
from trigger_runtime.web.queries import uuid_in
from webhook_ingress.domain.answer import Answer
from webhook_ingress.domain.client_address import client_address
from webhook_ingress.domain.request import Body, BodyTrouble, WebhookRequest
from webhook_ingress.usecases import ReceiveDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLimits:
    """Bytes of a body, seconds that it may take, and how many proxies are believed."""

    max_body_bytes: int
    body_seconds: float
    trusted_hops: int


def webhook_routes(receive: ReceiveDelivery, *, limits: WebhookLimits) -> Sequence[web.RouteDef]:
    """Return the route. It takes whatever lies below it too, so that such requests are on record."""

    async def webhook(request: web.Request) -> web.Response:
        _replace_request_id_with_secret(request, receive=receive)
        incoming = _incoming(request, trusted_hops=limits.trusted_hops)
        if incoming.is_preflight:
            return _response(receive.preflight(incoming))

        async def read() -> Body:
            return await _read(request, limits=limits)

        return _response(await receive.receive(incoming, read_body=read))

    return [web.route("*", "/api/webhooks/{triggerId:.*}", webhook)]


def _replace_request_id_with_secret(request: web.Request, *, receive: ReceiveDelivery) -> None:
    """A caller's request id stands in every log line and in the answer."""
    trigger_id = uuid_in(request.match_info["triggerId"].partition("/")[0])
    if trigger_id is not None and receive.holds_secret(trigger_id, text=request[REQUEST_ID]):
        request[REQUEST_ID] = str(uuid4())
        structlog.contextvars.bind_contextvars(request_id=request[REQUEST_ID])


async def _read(request: web.Request, *, limits: WebhookLimits) -> Body:
    try:
        return await read_body(request, limit=limits.max_body_bytes, seconds=limits.body_seconds)
    except BodyTooLargeError:
        return BodyTrouble.TOO_LARGE
    except BodyTooSlowError:
        return BodyTrouble.TOO_SLOW
    except BodyIncompleteError:
        return BodyTrouble.INCOMPLETE


def _incoming(request: web.Request, *, trusted_hops: int) -> WebhookRequest:
    return WebhookRequest(
        request_id=request_id(request),
        trigger_id=uuid_in(request.match_info["triggerId"]),
        below_id=uuid_in(request.match_info["triggerId"].partition("/")[0]),
        method=request.method,
        path=request.rel_url.raw_path,
        target=request.rel_url.raw_path_qs,
        query=tuple(request.rel_url.query.items()),
        headers=tuple((name.lower(), value) for name, value in request.headers.items()),
        client_address=client_address(
            forwarded_for=request.headers.getall("X-Forwarded-For", []),
            peer=request.remote,
            trusted_hops=trusted_hops,
        ),
    )


def _response(answer: Answer) -> web.Response:
    headers = dict(answer.headers)
    if not answer.content_type:
        return web.Response(status=answer.status, headers=headers)
    return web.Response(
        status=answer.status, headers={**headers, "Content-Type": answer.content_type}, body=answer.body
    )

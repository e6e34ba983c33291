"""``ANY /api/webhooks/{triggerId}``."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from trigger_runtime.web.application import request_id
from webhook_ingress.domain.answer import Answer
from webhook_ingress.domain.client_address import client_address
from webhook_ingress.domain.request import Body, BodyTrouble, WebhookRequest
from webhook_ingress.usecases import ReceiveDelivery

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLimits:
    """Bytes of a body, seconds that it may take, and how many proxies are believed."""

    max_body_bytes: int
    body_seconds: float
    trusted_hops: int


def webhook_routes(receive: ReceiveDelivery, *, limits: WebhookLimits) -> Sequence[web.RouteDef]:
    """Return the route. It takes whatever lies below it too, so that such requests are on record."""

    async def webhook(request: web.Request) -> web.Response:
        incoming = _incoming(request, trusted_hops=limits.trusted_hops)
        if incoming.is_preflight:
            return _response(receive.preflight(incoming))

        async def read() -> Body:
            return await read_body(request, limits=limits)

        return _response(await receive.receive(incoming, read_body=read))

    return [web.route("*", "/api/webhooks/{triggerId:.*}", webhook)]


async def read_body(request: web.Request, *, limits: WebhookLimits) -> Body:
    """Return the bytes as they were sent; a ``Content-Encoding`` is the workflow's business."""
    if (request.content_length or 0) > limits.max_body_bytes:
        return BodyTrouble.TOO_LARGE
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limits.max_body_bytes:
                    return BodyTrouble.TOO_LARGE
    except TimeoutError:
        return BodyTrouble.TOO_SLOW
    except (OSError, HttpProcessingError, web.RequestPayloadError):
        # The connection broke, or what came is no body: a bad chunk, or less than Content-Length said.
        return BodyTrouble.INCOMPLETE
    return bytes(body)


def _incoming(request: web.Request, *, trusted_hops: int) -> WebhookRequest:
    text = request.match_info["triggerId"]
    return WebhookRequest(
        request_id=request_id(request),
        trigger_id=UUID(text) if _UUID.fullmatch(text) else None,
        method=request.method,
        path=request.rel_url.raw_path,
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
    charset = "utf-8" if answer.content_type.startswith("text/") else None
    return web.Response(
        status=answer.status,
        headers=headers,
        body=answer.body,
        content_type=answer.content_type,
        charset=charset,
    )

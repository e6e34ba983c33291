"""The ceiling of webhook-ingress: an aiohttp handler that reads the body and answers 202."""

import os

import uvloop
from aiohttp import web


async def take(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"success": True}, status=202)


async def main() -> web.Application:
    app = web.Application()
    app.add_routes([web.post("/api/webhooks/{triggerId}", take), web.get("/readyz", take)])
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(main(), host="127.0.0.1", port=int(os.environ["HTTP_PORT"]), access_log=None, print=None)

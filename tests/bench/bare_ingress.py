"""The ceiling of webhook-ingress: an aiohttp handler that reads the body and answers 202 with fixed bytes.

With the argument ``json`` it encodes its JSON for each response, as an application would.
"""

import os
import sys

import uvloop
from aiohttp import web

_BODY = b'{"success":true}'


async def fixed(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=_BODY, status=202, content_type="application/json")


async def rendered(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"success": True}, status=202)


async def main() -> web.Application:
    take = rendered if "json" in sys.argv else fixed
    app = web.Application()
    app.add_routes([web.post("/api/webhooks/{triggerId}", take), web.get("/readyz", take)])
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(main(), host="127.0.0.1", port=int(os.environ["HTTP_PORT"]), access_log=None, print=None)

"""``/openapi.json``, and ``/docs`` for people: Swagger UI, served from here, so that it needs no network."""

from pathlib import Path
from typing import Any, Final

import msgspec
import swagger_ui
from aiohttp import web

_STATIC: Final = Path(swagger_ui.__file__).with_name("static")
_FILES: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""
# No script and no address but our own. Swagger UI writes style attributes and inline images.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def api_pages(document: dict[str, Any], *, title: str) -> list[web.RouteDef]:
    """Return the routes. The document is encoded once."""
    encoded = msgspec.json.encode(document)
    page = _PAGE.format(title=title)

    async def show_document(_request: web.Request) -> web.Response:
        return web.Response(body=encoded, content_type="application/json")

    async def show_page(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=page, content_type="text/html", charset="utf-8", headers=headers)

    async def show_file(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name == "start.js":
            return web.Response(text=_START, content_type="text/javascript")
        media_type = _FILES.get(name)
        if media_type is None:
            raise web.HTTPNotFound
        headers = {"Content-Type": media_type, "Cache-Control": "max-age=86400"}
        return web.FileResponse(_STATIC / name, headers=headers)

    return [
        web.get("/openapi.json", show_document),
        web.get("/docs", show_page),
        web.get("/docs/{name}", show_file),
    ]

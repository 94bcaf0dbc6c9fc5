"""The files that a browser gets, and the headers that go with every answer."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files

from aiohttp import web

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""Of what the page may load and do; nothing from elsewhere, and no text becomes markup."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ASSETS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "dom.js": "text/javascript",
    "format.js": "text/javascript",
    "chart.js": "text/javascript",
    "detail.js": "text/javascript",
    "feed.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Pages:
    """Serves the page and its parts."""

    def __init__(self) -> None:
        folder = files("fluent_pipeline.monitor") / "page"
        self._index = (folder / "index.html").read_bytes()
        self._assets = {name: (folder / name).read_bytes() for name in ASSETS}

    def routes(self) -> list[web.RouteDef]:
        """Where they are."""
        return [web.get("/", self._root), web.get("/page/{name}", self._asset)]

    async def _root(self, request: web.Request) -> web.Response:
        """The page for a browser; for others what Fluent Bit tells there."""
        headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(
                body=self._index, content_type="text/html", charset="utf-8", headers=headers
            )
        told = {"fluent-eql": {"version": version("fluent-eql"), "page": "/", "api": "/api/v1"}}
        return web.json_response(told, headers=headers)

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._assets:
            raise web.HTTPNotFound
        return web.Response(
            body=self._assets[name],
            content_type=ASSETS[name],
            charset="utf-8",
            headers={"Cache-Control": "no-cache"},
        )


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """What a browser is told with every answer; those of the API are not to be stored."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")

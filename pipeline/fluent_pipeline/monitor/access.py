"""Who may ask for what."""

from __future__ import annotations

import hmac
import ipaddress

from aiohttp import web

LOCAL_NAMES = frozenset(["localhost", "ip6-localhost"])
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""Headers that a proxy adds: who asks through one is somebody else."""


class Access:
    """Decides by the bearer token, and by where a request comes from.

    Without a ``token`` nobody may do what needs one, and everybody may read.
    """

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode("utf-8", "surrogateescape")

    def require_token(self, request: web.Request) -> None:
        """Raises 403 where nobody may, 401 where the request does not bear the token."""
        if self._token is None:
            raise web.HTTPForbidden(text="no http_token is configured: nobody may do this\n")
        if not self._is_borne_by(request):
            raise _unauthorized()

    def require_reader(self, request: web.Request) -> None:
        """Let those read who bear the token or ask from this host; others while there is no token.

        Raises 401 or 403 for those who may not. A request that comes from this host but asks for
        another name is one that a page from elsewhere has made a browser send, or a proxy.
        """
        if self._is_borne_by(request):
            return
        if "Authorization" in request.headers and self._token is not None:
            raise _unauthorized()
        peer_is_local = _is_loopback(request.remote or "")
        if peer_is_local and _asks_for_this_host(request) and not _is_forwarded(request):
            return
        if self._token is not None:
            raise _unauthorized()
        if peer_is_local and not _asks_for_this_host(request):
            name = request.headers.get("Host", "")
            message = f"{name!r} is no name of the loopback interface; an http_token is needed\n"
            raise web.HTTPForbidden(text=message)

    def _is_borne_by(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)


def _unauthorized() -> web.HTTPUnauthorized:
    headers = {"WWW-Authenticate": 'Bearer realm="fluent-eql"'}
    return web.HTTPUnauthorized(text="expected the bearer token\n", headers=headers)


def _is_forwarded(request: web.Request) -> bool:
    return any(name in request.headers for name in FORWARDED)


def _asks_for_this_host(request: web.Request) -> bool:
    host = request.headers.get("Host", "").rpartition("]")
    name = host[0].removeprefix("[") or host[2].partition(":")[0]
    return name.lower() in LOCAL_NAMES or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)

"""Answers of the API, and the numbers in what it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from fluent_pipeline.ndjson import to_line


def answer(value: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A JSON object, whatever bytes its texts are made of."""
    return raw_answer(to_line(dict(value)), status=status)


def raw_answer(body: bytes, *, status: int = 200) -> web.Response:
    """JSON that has been written already."""
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def number_in(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query. Raises 400 for one that is none, or out of its bounds."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
        raise web.HTTPBadRequest(text=f"expected {name} to be a whole number, {least} to {most}\n")
    return int(text)

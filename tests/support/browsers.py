"""A real browser, Chromium without a window, that looks at the relay's page."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        if (path := shutil.which(name))
    ),
    None,
)
LARGE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


def need_a_browser() -> Any:
    """Playwright's API; skips the module that calls it where it or a browser is missing."""
    api = pytest.importorskip("playwright.async_api", reason="needs playwright: make test-page")
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian: apt install chromium)", allow_module_level=True)
    return api


@asynccontextmanager
async def chromium(api: Any) -> AsyncIterator[Any]:
    """A running browser."""
    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=120_000
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def looking_at(
    browser: Any, url: str, *, tolerated: str | None = None, **options: Any
) -> AsyncIterator[Any]:
    """A page that has been loaded; at the end it must have complained of nothing.

    Its console and its scripts must be silent, it must have asked nobody but its own server, and
    opened no dialog. ``tolerated`` is a part of complaints that are expected.
    """
    complaints: list[str] = []
    context = await browser.new_context(**{"viewport": LARGE, "timezone_id": "UTC", **options})
    page = await context.new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: _note_stranger(request.url, url, complaints))
    try:
        await page.goto(url)
        await page.locator("#health.good, #health.bad").wait_for()
        yield page
    finally:
        await context.close()
    assert [one for one in complaints if tolerated is None or tolerated not in one] == []


def _note_stranger(asked: str, own: str, complaints: list[str]) -> None:
    if urlsplit(asked).netloc != urlsplit(own).netloc:
        complaints.append(f"asked {asked}")

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fluent_pipeline.monitor
from fluent_pipeline.monitor.pages import ASSETS, POLICY
from support.monitors import serving

FOLDER = Path(fluent_pipeline.monitor.__file__).parent / "page"
HTML = (FOLDER / "index.html").read_text("utf-8")
SCRIPTS = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.js")}
MARKUP = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(")


async def test_a_browser_gets_the_page_and_all_else_what_fluent_bit_tells() -> None:
    async with serving() as asking:
        page = await asking.get("/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        told = await asking.get("/", Accept="*/*")
    assert page == HTML
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", told["fluent-eql"]["version"])


@pytest.mark.parametrize("name", ASSETS)
async def test_each_part_of_the_page_is_served_with_its_type(name: str) -> None:
    async with serving() as asking:
        async with asking.http.get(f"{asking.server.address}/page/{name}") as answer:
            assert (answer.status, answer.content_type) == (200, ASSETS[name])
            assert await answer.read() == (FOLDER / name).read_bytes()


def test_all_files_of_the_page_are_its_parts() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*ASSETS, "index.html"}


@pytest.mark.parametrize(
    "path", ["/", "/page/page.js", "/api/v1/health", "/api/v1/none", "/metrics"]
)
async def test_every_answer_tells_a_browser_to_load_nothing_from_elsewhere(path: str) -> None:
    async with serving() as asking:
        async with asking.http.get(asking.server.address + path) as answer:
            assert answer.headers["Content-Security-Policy"] == POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Cache-Control" in answer.headers
    assert "unsafe" not in POLICY


@pytest.mark.parametrize(
    "path", ["/page/none.js", "/page/..%2fserver.py", "/page/%2e%2e/server.py"]
)
async def test_nothing_else_is_served(path: str) -> None:
    async with serving() as asking:
        await asking.get(path, status=404)


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    named = re.findall(r'(?:src|href)="([^"]+)"', HTML)
    assert {name.removeprefix("page/") for name in named if name[0] != "#"} <= set(ASSETS)
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=", HTML)
    css = (FOLDER / "page.css").read_text("utf-8")
    assert "url(" not in css
    assert "@import" not in css


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_of_text_or_loads_from_elsewhere(name: str) -> None:
    assert not [word for word in MARKUP if word in SCRIPTS[name]]
    imported = re.findall(r'from "\./([\w.]+)"', SCRIPTS[name])
    assert set(imported) <= set(ASSETS)
    addresses = re.findall(r"https?://[^\s\"]+", SCRIPTS[name])
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}

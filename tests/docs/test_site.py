"""The pages are a site: it builds without a warning, and every page is in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fluent_pipeline.config import parse_config
from support.shell_blocks import blocks_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OUTSIDE = re.compile(r"""(?:src|href)=["']?https?://[^"' >]+\.(?:js|css|woff2?|png|svg)\b""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r"([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(page.name for page in DOCS.glob("*.md"))


def test_every_page_is_built(site: Path) -> None:
    for page in DOCS.glob("*.md"):
        built = site if page.stem == "index" else site / page.stem
        assert (built / "index.html").is_file()


def test_what_pages_point_at_outside_of_the_folder_is_in_the_site(site: Path) -> None:
    name = "conf/rules/network_connection_followed_by_file_creation.toml"
    assert (site / name).read_text() == (ROOT / name).read_text()
    assert f"../{name}" in (site / "eql/index.html").read_text()


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert OUTSIDE.findall(page.read_text("utf-8")) == []


@pytest.mark.parametrize("drawing", sorted(DOCS.glob("drawings/*.svg")), ids=lambda p: p.name)
def test_a_drawing_is_shown_and_says_what_it_shows(drawing: Path) -> None:
    title = re.search(r"<title[^>]*>(.+)</title>", drawing.read_text())
    assert title is not None
    shown = [
        page for page in DOCS.glob("*.md") if f"](drawings/{drawing.name})" in page.read_text()
    ]
    assert shown
    assert any(f"![{title[1]}](" in page.read_text() for page in shown)


@pytest.mark.parametrize("page", ["README.md", "docs/tuning.md"])
def test_the_configurations_of_a_page_load(page: str) -> None:
    blocks = [b for b in blocks_of((ROOT / page).read_text("utf-8")) if b.language == "yaml"]
    assert blocks
    for block in blocks:
        config = parse_config("\n".join(block.lines), environ={}, working=ROOT)
        assert config.filters
        assert [item.make() for item in config.filters]

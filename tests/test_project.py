"""What holds for the project as a whole."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = (ROOT / "plugin" / "fluent_eql", ROOT / "pipeline" / "fluent_pipeline")
MODULES = sorted(
    path.relative_to(package.parent)
    for package in PACKAGES
    for path in package.rglob("*.py")
    if path.name != "__init__.py"
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "conf").glob("*.md")])
MAKE_VARIABLES = re.compile(r"^([a-z]+):", re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_test_module(module: Path) -> None:
    name = f"test_{module.stem.strip('_')}.py"
    assert (ROOT / "tests" / module.parent / name).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_between_the_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme


def test_the_messages_of_missing_prerequisites_are_those_of_the_readme() -> None:
    makefile, readme = (ROOT / "Makefile").read_text(), (ROOT / "README.md").read_text()
    quoted = re.findall(r"^\| .* \| `(fluent-eql needs [^`]*)`", readme, re.MULTILINE)
    assert len(quoted) == 4
    for message in quoted:
        assert message.replace("'python3'", "'$(PYTHON)'") in makefile


def test_the_targets_that_the_documentation_names_exist() -> None:
    targets = set(MAKE_VARIABLES.findall((ROOT / "Makefile").read_text()))
    pages = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci" / "run")
    named = {
        word
        for page in pages
        for words in re.findall(r"\bmake ((?:[a-z]+ ?)+)", page.read_text())
        for word in words.split()
    }
    assert {"demo", "test", "lint"} <= named & targets


def test_the_project_depends_on_no_engine_under_another_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert "eql" not in {re.split(r"[^a-z0-9-]", name.lower())[0] for name in needed}


def test_make_tells_what_it_can_do() -> None:
    made = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make demo" in made.stdout


def test_make_says_so_where_python_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    command = ["make", "lint", f"PYTHON={old}", f"VENV={tmp_path}/venv"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode != 0
    assert f"fluent-eql needs Python 3.11 or later; '{old}' is not that." in made.stderr

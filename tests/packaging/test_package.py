"""The wheel and the sdist hold what they should, and the wheel works where it is installed.

By default the wheel is installed into a new environment that borrows its dependencies from the
one that runs the tests. With PACKAGE_INSTALL, the folder of a built wheel, that one is installed
as a user does it, with its dependencies from the package index: `make package`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
DATA = f"fluent_eql-{version('fluent-eql')}.data/data"
BUILT = os.environ.get("PACKAGE_INSTALL")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and an sdist."""
    if BUILT is not None:
        return ROOT / BUILT
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob(f"fluent_eql-{version('fluent-eql')}-*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=BUILT is not None)
    if BUILT is not None:
        subprocess.run([folder / "bin/pip", "install", "--quiet", wheel], check=True)
        return folder
    pip = [sys.executable, "-m", "pip", "--python", folder, "install", "--no-deps", "--quiet"]
    subprocess.run([*pip, "--no-warn-script-location", wheel], check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def fluent_eql(environment: Path, *arguments: str) -> str:
    """What the installed program says, run away from the checkout."""
    done = subprocess.run(
        [environment / "bin/fluent-eql", *arguments],
        cwd=environment,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_of_the_packages_and_of_conf(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    packages = files_below(ROOT / "plugin") | files_below(ROOT / "pipeline")
    conf = {f"{DATA}/share/fluent-eql/conf/{name}" for name in files_below(CONF)}
    assert inside == packages | conf | {f"{DATA}/share/man/man1/fluent-eql.1"}


def test_the_sdist_can_be_built_and_tested(dist: Path) -> None:
    (sdist,) = dist.glob(f"fluent_eql-{version('fluent-eql')}.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    for needed in ("pyproject.toml", "Makefile", "LICENSE", "Dockerfile", "tests/conftest.py"):
        assert needed in inside
    assert {f"conf/{name}" for name in files_below(CONF)} <= inside


def test_the_installed_program_is_not_the_checkouts(environment: Path) -> None:
    code = "import fluent_eql, fluent_pipeline as p; print(fluent_eql.__file__, p.__file__)"
    done = subprocess.run(
        [environment / "bin/python", "-c", code], capture_output=True, text=True, check=True
    )
    assert all(path.startswith(str(environment)) for path in done.stdout.split())


def test_the_installed_program_knows_its_version(environment: Path) -> None:
    assert fluent_eql(environment, "--version") == f"fluent-eql {version('fluent-eql')}\n"


def test_the_installed_program_has_the_shipped_rule(environment: Path) -> None:
    assert "Network Connection Followed by File Creation" in fluent_eql(environment, "rules")


def test_the_installed_configurations_are_right(environment: Path) -> None:
    conf = environment / "share/fluent-eql/conf"
    relays = sorted(str(path) for path in conf.glob("fluent-eql*.yaml"))
    assert fluent_eql(environment, "check", *relays, str(conf / "rules")).count(": ok (") == 4


def test_the_installed_program_replays_a_recording(environment: Path) -> None:
    stream = str(ROOT / "examples/streams/endpoint.ndjson")
    assert fluent_eql(environment, "replay", "--json", stream).count("\n") == 4

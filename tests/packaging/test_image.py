"""The steps of the Dockerfile in a clean virtual environment: built, run, asked for its health."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.image import DOCKERFILE, ROOT
from support.ports import free_ports
from support.target import WAIT, target

PREFIX, SOURCES, CONFIG = "/opt/fluent-eql", "/src", "/etc/fluent-eql"


def step(pattern: str) -> str:
    """What the Dockerfile says after an instruction, on one line."""
    joined = DOCKERFILE.replace("\\\n", " ")
    (found,) = re.findall(pattern, joined, re.MULTILINE)
    assert isinstance(found, str)
    return found


def moved(text: str, folder: Path) -> str:
    """A step with the image's folders inside another one."""
    for path in (PREFIX, SOURCES, CONFIG):
        text = text.replace(path, f"{folder}{path}")
    return text


def with_ports(text: str, ports: dict[str, int]) -> str:
    """A text with other ports in the place of the image's."""
    return re.sub(rf"\b({'|'.join(ports)})\b", lambda found: str(ports[found[0]]), text)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the steps of both stages have been done."""
    folder = tmp_path_factory.mktemp("image")
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            source, copy = ROOT / line[1:], folder / SOURCES[1:] / line[1:]
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
    build = moved(step(r"^RUN (python -m venv .*)$"), folder).replace("--no-cache-dir", "--quiet")
    build = build.replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv", 1)
    done = subprocess.run(build, shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for source, copy in re.findall(r"^COPY (conf/\S+) (\S+)$", DOCKERFILE, re.MULTILINE):
        place = Path(moved(copy, folder))
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)
    return folder


async def test_the_image_serves_and_its_health_check_passes(image: Path) -> None:
    listening, watched = free_ports(2)
    path = image / CONFIG[1:] / "fluent-eql.yaml"
    health = json.loads(step(r"^HEALTHCHECK .*CMD (\[.*\])$"))
    command = json.loads(step(r"^ENTRYPOINT (.*)$")) + json.loads(step(r"^CMD (.*)$"))
    async with target() as behind:
        ports = {"24225": listening, "2021": watched, "24224": behind.port}
        path.write_text(with_ports(path.read_text(), ports))
        process = subprocess.Popen(  # noqa: ASYNC220
            [moved(part, image) for part in command], cwd=image, stderr=subprocess.PIPE
        )
        try:
            check = [moved(with_ports(part, ports), image) for part in health]
            async with asyncio.timeout(WAIT):
                while (
                    await asyncio.to_thread(subprocess.run, check, capture_output=True)
                ).returncode:
                    assert process.poll() is None, process.stderr and process.stderr.read()
                    await asyncio.sleep(0.2)
        finally:
            process.terminate()
            _, log = process.communicate(timeout=WAIT)
    assert process.returncode == 0, log

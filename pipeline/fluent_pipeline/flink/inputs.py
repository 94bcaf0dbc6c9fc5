"""The recordings that a job reads."""

from __future__ import annotations

import shutil
from pathlib import Path

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.recordings import FORWARD_OPENERS
from fluent_pipeline.replay.places import recordings_at
from fluent_pipeline.replay.unpacking import GZIP, MAGICS

SUFFIXES = {None: "", GZIP: ".gz"}
"""How a name must end for Flink to read what a file is packed with."""


def link_inputs(path: Path, folder: Path) -> list[Path]:
    """Make a folder of links to the files that ``replay`` would read at a path; those files.

    Flink passes over some names, and tells by a name whether a file is packed; the links have
    names that it reads as what they are. Raises FluentPipelineError where there is no file, and
    for one that is not NDJSON, or packed with anything but gzip.
    """
    found = recordings_at([str(path)])
    for problem in found.problems:
        raise FluentPipelineError(problem)
    files = [Path(file).absolute() for file in found.files]
    suffixes = [_suffix_of(file) for file in files]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, (file, suffix) in enumerate(zip(files, suffixes, strict=True)):
        (folder / f"{number:06d}.ndjson{suffix}").symlink_to(file)
    return files


def _suffix_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(max(map(len, MAGICS)))
    except OSError as error:
        raise FluentPipelineError(f"{path}: {error.strerror}") from error
    packing = next((kind for magic, kind in MAGICS.items() if head.startswith(magic)), None)
    if packing not in SUFFIXES:
        raise FluentPipelineError(f"{path}: is packed with {packing}; Flink reads gzip")
    if packing is None and head and head[0] in FORWARD_OPENERS:
        raise FluentPipelineError(f"{path}: is a forward stream; Flink reads NDJSON")
    return SUFFIXES[packing]

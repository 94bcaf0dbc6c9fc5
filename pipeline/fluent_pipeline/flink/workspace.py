"""The folder of a job: its checkpoints, and the parts of its output until they are one file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from fluent_pipeline.errors import FluentPipelineError


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder; one that is kept lets a job that was killed go on."""

    root: Path

    @property
    def inputs(self) -> Path:
        """Where the files that are read are linked."""
        return self.root / "inputs"

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are written."""
        return self.root / "checkpoints"

    @property
    def alerts(self) -> Path:
        """Where the parts with alerts are written."""
        return self.root / "alerts"

    @property
    def unread(self) -> Path:
        """Where the parts with records that were not read are written."""
        return self.root / "unread"

    @property
    def logs(self) -> Path:
        """Where Flink's own log is written, unless ``FLINK_LOG_DIR`` names a place."""
        return self.root / "logs"

    @property
    def identity(self) -> Path:
        """The file that says which job's folder it is."""
        return self.root / "job"

    def latest_checkpoint(self) -> Path | None:
        """The newest complete checkpoint of an earlier run; None where there is none."""
        found = self.checkpoints.glob("*/chk-*/_metadata")
        newest = max(found, key=lambda path: path.stat().st_mtime_ns, default=None)
        return newest.parent if newest else None

    def claim(self, job: str) -> Path | None:
        """Make the folder that of a job; the checkpoint from which it goes on, if there is one.

        ``job`` is a text that is the same only for the same job. Without a checkpoint what was
        written before is removed. Raises FluentPipelineError where there is one of another job.
        """
        checkpoint = self.latest_checkpoint()
        if checkpoint is None:
            for folder in (self.checkpoints, self.alerts, self.unread):
                shutil.rmtree(folder, ignore_errors=True)
        elif not self.identity.exists() or self.identity.read_text("utf-8") != job:
            raise FluentPipelineError(
                f"{self.root}: is of an unfinished run with other rules, inputs or options; "
                "remove it, or name another"
            )
        self.root.mkdir(parents=True, exist_ok=True)
        self.identity.write_text(job, "utf-8")
        return checkpoint

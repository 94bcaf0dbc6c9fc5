"""Running rules on Apache Flink: a job of :mod:`fluent_eql.flinksql` on a cluster, or here."""

from fluent_pipeline.flink.inputs import link_inputs
from fluent_pipeline.flink.outputs import read_lines, write_alerts
from fluent_pipeline.flink.progress import watch_job
from fluent_pipeline.flink.runner import Cluster, Ran, run_job
from fluent_pipeline.flink.workspace import Workspace

__all__ = [
    "Cluster",
    "Ran",
    "Workspace",
    "link_inputs",
    "read_lines",
    "run_job",
    "watch_job",
    "write_alerts",
]

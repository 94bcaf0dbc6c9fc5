"""Rules as Apache Flink SQL: the same alerts, id for id, from a job on any Flink cluster."""

from fluent_eql.flinksql.refusals import refused
from fluent_eql.flinksql.script import Job, RuleSql, compile_job, compile_rule
from fluent_eql.flinksql.tables import Kafka, Paths, Storage

__all__ = [
    "Job",
    "Kafka",
    "Paths",
    "RuleSql",
    "Storage",
    "compile_job",
    "compile_rule",
    "refused",
]

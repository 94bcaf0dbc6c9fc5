"""The sources by their names."""

from __future__ import annotations

from collections.abc import Sequence

from fluent_eql.sources.auditd import AUDITD
from fluent_eql.sources.custom import MappedField
from fluent_eql.sources.falco import FALCO
from fluent_eql.sources.mapping import SourceMapping
from fluent_eql.sources.sysmon import SYSMON
from fluent_eql.sources.tetragon import TETRAGON
from fluent_eql.sources.tracee import TRACEE

ECS = "ecs"
"""Records that have ECS fields themselves; there is no mapping for them."""

SOURCES = {mapping.name: mapping for mapping in (TETRAGON, FALCO, TRACEE, SYSMON, AUDITD)}


def mapping_of(source: str, own: Sequence[MappedField]) -> SourceMapping | None:
    """The mapping of a source with one's own fields; None where records are read as they are."""
    mapping = SOURCES.get(source)
    if not own:
        return mapping
    fields = {item.name: item.mapping.alternatives for item in own}
    return (mapping or SourceMapping(ECS)).with_fields(fields)

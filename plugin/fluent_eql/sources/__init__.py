"""Records of other programs than Elastic's, seen under ECS names; they themselves stay as they are.

A source's mapping is a table (see :mod:`fluent_eql.sources.mapping`). A filter reads its candidates
through it, and what its screen looks for is what the raw records hold.
"""

from fluent_eql.sources.catalogue import ECS, SOURCES, mapping_of
from fluent_eql.sources.custom import FieldMapping, MappedField
from fluent_eql.sources.mapping import SourceMapping
from fluent_eql.sources.rewriting import in_record, in_records
from fluent_eql.sources.view import SourceFields, SourceReader

__all__ = [
    "ECS",
    "SOURCES",
    "FieldMapping",
    "MappedField",
    "SourceFields",
    "SourceMapping",
    "SourceReader",
    "in_record",
    "in_records",
    "mapping_of",
]

from __future__ import annotations

import pytest

from fluent_eql.sources import SOURCES
from fluent_eql.sources.mapping import (
    Fixed,
    Has,
    Is,
    Joined,
    Kind,
    Path,
    Place,
    Resolved,
    Selection,
    SourceMapping,
    event,
    has,
    path,
    places,
    when,
)
from fluent_eql.sources.transforms import BASENAME


def test_a_path_is_a_name_or_a_name_in_some_of_the_objects_on_the_way() -> None:
    assert path("a.b") == Path("a.b")
    assert path("a.b[c.d=x y].e") == Path("a.b.e", Selection("a.b", "c.d", "x y", "e"))
    assert path("a[b=].c") == Path("a.c", Selection("a", "b", "", "c"))


@pytest.mark.parametrize("text", ["", "a[b].c", "a[b=c]", "a[=c].d", "[b=c].d", "a[b=c].d[e=f].g"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a name such as a.b or"):
        path(text)


TABLE = SourceMapping(
    "made-up",
    kinds=(Kind((when("k", is_one_of=("x",)),), {"event.type": "start", "level": 1}),),
    fields={"a": places("b", "c"), "d": (*places("e"), Fixed("f"))},
)


def test_a_field_is_looked_for_under_its_own_name_last() -> None:
    assert TABLE.alternatives("a") == places("b", "c", "a")
    assert TABLE.alternatives("x.y") == places("x.y")


def test_a_value_for_every_record_ends_the_search() -> None:
    assert TABLE.alternatives("d") == (*places("e"), Fixed("f"))


def test_a_table_has_the_fields_of_its_places_and_of_its_kinds() -> None:
    assert [TABLE.has(name) for name in ("a", "level", "event.type", "b")] == [
        *(True, True, True),
        False,
    ]


def test_fields_from_elsewhere_replace_those_of_places_and_kinds() -> None:
    own = TABLE.with_fields({"level": places("l"), "a": places("z")})
    assert own.alternatives("level") == places("l", "level")
    assert own.alternatives("a") == places("z", "a")
    assert own.alternatives("d") == TABLE.alternatives("d")
    assert [dict(kind.fields) for kind in own.kinds] == [{"event.type": "start"}]
    assert [dict(kind.fields) for kind in TABLE.kinds] == [{"event.type": "start", "level": 1}]


def test_short_forms_say_what_the_long_ones_say() -> None:
    assert when("a", "b", is_one_of=("x",)) == Is((Path("a"), Path("b")), frozenset("x"))
    assert has("a") == Has((Path("a"),))
    assert places("a", transform=BASENAME) == (Place(Path("a"), BASENAME),)
    assert event("file", "creation", "open") == {
        "event.category": "file",
        "event.type": "creation",
        "event.action": "open",
    }


NEEDED = {
    "@timestamp",
    "host.id",
    "host.name",
    "host.os.type",
    "process.entity_id",
    "process.executable",
    "process.name",
    "process.pid",
    "destination.ip",
    "destination.port",
    "file.path",
    "file.name",
    "file.extension",
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_the_fields_of_the_two_kinds_of_events(name: str) -> None:
    mapping = SOURCES[name]
    assert set(mapping.fields) >= NEEDED
    kinds = [kind.fields for kind in mapping.kinds]
    assert event("network", "start", "connection_attempted") in kinds
    assert event("file", "creation", "creation") in kinds
    assert event("process", "start", "exec") in kinds
    for alternatives in mapping.fields.values():
        assert all(isinstance(one, Place | Joined | Resolved | Fixed) for one in alternatives)

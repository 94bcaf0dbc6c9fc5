from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.buffer.records import HEADER, MARKER, Damage, Record, encode_record, scan

datas = st.lists(st.binary(max_size=40) | st.just(MARKER * 3), min_size=1, max_size=6)


def written(told: list[bytes]) -> bytes:
    return b"".join(encode_record(number, data) for number, data in enumerate(told, start=5))


def found_in(content: bytes) -> tuple[list[tuple[int, bytes]], list[Damage]]:
    parts = list(scan(content))
    records = [part for part in parts if isinstance(part, Record)]
    damage = [part for part in parts if isinstance(part, Damage)]
    return [(r.number, content[r.start : r.end]) for r in records], damage


@given(datas)
def test_what_is_written_is_found_again(told: list[bytes]) -> None:
    assert found_in(written(told)) == (list(enumerate(told, start=5)), [])


@given(datas, st.data())
def test_of_a_file_that_is_cut_off_only_the_record_at_the_cut_is_lost(
    told: list[bytes], data: st.DataObject
) -> None:
    content = written(told)
    cut = data.draw(st.integers(0, len(content)))
    records, damage = found_in(content[:cut])
    ends = [len(written(told[:count])) for count in range(len(told) + 1)]
    whole = max(count for count, end in enumerate(ends) if end <= cut)
    assert records == list(enumerate(told, start=5))[:whole]
    expected = [] if cut in ends else [Damage(ends[whole], cut, is_tail=True)]
    assert damage == expected


@given(datas, st.data())
def test_a_flipped_bit_costs_at_most_its_record(told: list[bytes], data: st.DataObject) -> None:
    content = bytearray(written(told))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    records, damage = found_in(bytes(content))
    ends = [len(written(told[:count])) for count in range(len(told) + 1)]
    hit = max(count for count, end in enumerate(ends) if end <= place)
    expected = list(enumerate(told, start=5))
    assert records == expected[:hit] + expected[hit + 1 :]
    assert [(d.start, d.end) for d in damage] == [(ends[hit], ends[hit + 1])]


def test_an_empty_file_holds_nothing() -> None:
    assert found_in(b"") == ([], [])


def test_what_was_never_a_record_is_one_damage() -> None:
    assert found_in(b"x" * 100 + MARKER) == ([], [Damage(0, 104, is_tail=True)])
    assert HEADER.size == 20

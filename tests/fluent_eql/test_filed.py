"""Whole frames, kept until one of their records is found to follow something."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql import sieve as sieve_module
from fluent_eql.columns import HEAD_SIZE
from fluent_eql.event import Event, encode_value
from fluent_eql.filed import CHUNK, NO_RECORD, FiledBatch, FiledBatches, Wanted
from fluent_eql.followers import Follower
from fluent_eql.held import Held
from fluent_eql.keys import key_of
from fluent_eql.lang import Condition, compile_query
from fluent_eql.sieve import Sieve
from fluent_eql.testing import make_event
from support.whole_frames import databases_made_once

Record = dict[str, Any]
WINDOW = 10
F, G = 0b01, 0b10
"""The conditions that records of these categories may satisfy."""
ONE, TWO = 0b01, 0b10
"""Two rules."""
K, KJ = ("k",), ("k", "j")


@pytest.fixture(autouse=True, scope="module")
def databases() -> Iterator[None]:
    with databases_made_once():
        yield


class Frame:
    """A frame of records, and None for entries that are none."""

    tag = "t"

    def __init__(self, records: Sequence[Record | None]) -> None:
        self._events = [None if record is None else make_event(record) for record in records]
        entries = [b"\x92\x05" + encode_value(record or {"event": 5}) for record in records]
        self.body = b"".join(entries)
        self.ends = list(itertools.accumulate(map(len, entries)))
        self.asked: list[int] = []

    def event(self, number: int) -> Event | None:
        self.asked.append(number)
        return self._events[number]


def conditions(*texts: str) -> list[Condition]:
    return [condition for text in texts for condition in compile_query(text).conditions]


def sieve(*texts: str, keys: Sequence[str] = KJ) -> Sieve:
    return Sieve(conditions(*texts or ("f where true", "g where x == 1")), keys)


def f(k: Any = "a", **fields: Any) -> Record:
    return {"event": {"category": "f"}, "k": k, **fields}


def g(k: Any = "a", **fields: Any) -> Record:
    return {"event": {"category": "g"}, "k": k, **fields}


def wanted(key: Any = ("a",), names: Sequence[str] = K, rule: int = ONE, mask: int = F) -> Wanted:
    return Wanted.of(names, key, rule, mask)


class Filing:
    """Frames that are filed, and what becomes held of them."""

    def __init__(self, most: int = 100, window: int | None = WINDOW) -> None:
        self.sieve = sieve()
        self.frames = FiledBatches(most, window)
        self.holds: list[Held] = []
        self._number = 0

    def made(self, *records: Record | None, now: int = 0, is_open: bool = False) -> FiledBatch:
        """A frame that has come."""
        filed = FiledBatch(Frame(records), now, self._number, self.sieve, self.holds.append)
        filed.is_open = is_open
        self._number += len(records)
        return filed

    def look(self, filed: FiledBatch, upto: int | None = None) -> None:
        """Look at its records, those that are no rows being taken alone, up to one of them."""
        self.frames.current = filed
        for chunk in filed.chunks():
            self.frames.note(chunk)
            for place, row, _ in self.sieve.sift(chunk.rows, 0, filed.masks):
                if row is None:
                    filed.take_alone(chunk.first + place)
        filed.seen = len(filed) if upto is None else upto
        if upto is None:
            filed.end()

    def add(self, *records: Record | None, now: int = 0, is_open: bool = False) -> FiledBatch:
        """A frame that has come, and been looked at."""
        filed = self.made(*records, now=now, is_open=is_open)
        self.look(filed)
        self.frames.add(filed)
        return filed

    def numbers(self, asked: Wanted, since: int = 0) -> list[int]:
        """The records that follow, by their numbers among all that came."""
        return [follower.arrival for follower in self.frames.following(asked, since)]


def numbers(filed: FiledBatch, asked: Wanted) -> list[int]:
    return [follower.arrival - filed.first for follower in filed.following(asked)]


@pytest.mark.parametrize(
    ("names", "rarest"),
    [
        (("k",), "k"),
        (("host.id", "user.name"), "user.name"),
        (("user.name", "host.id"), "user.name"),
        (("host.id", "process.entity_id"), "process.entity_id"),
        (("process.entity_id", "user.name"), "process.entity_id"),
        (("host.id", "host.name"), "host.id"),
    ],
)
def test_records_are_looked_for_by_the_field_that_varies_most(
    names: tuple[str, ...], rarest: str
) -> None:
    key = key_of(tuple(f"value of {name}" for name in names))
    found = wanted(key, names)
    assert (found.rarest, found.value) == (rarest, f"value of {rarest}")


def test_the_value_looked_for_is_that_of_the_record_whatever_its_type() -> None:
    assert wanted(key_of((5,))).value == 5
    assert wanted(key_of(("x", 5)), ("host.id", "k")).value == 5


def test_a_record_follows_by_its_key_and_by_what_it_may_satisfy() -> None:
    filed = Filing().add(f("a"), f("b"), g("a", x=1), g("a", x=2), f("a"), g("b", x=1))
    assert numbers(filed, wanted()) == [0, 4]
    assert numbers(filed, wanted(mask=G)) == [2]
    assert numbers(filed, wanted(mask=F | G)) == [0, 2, 4]
    assert numbers(filed, wanted(("b",), mask=F | G)) == [1, 5]
    assert numbers(filed, wanted(("c",))) == []


def test_all_fields_of_a_key_have_to_be_equal_and_of_the_same_type() -> None:
    filed = Filing().add(f("a", j="x"), f("a", j="y"), f("b", j="x"), f(1, j="x"), f("1", j="x"))
    assert numbers(filed, wanted(("a", "x"), KJ)) == [0]
    assert numbers(filed, wanted(("x", "a"), ("j", "k"))) == [0]
    assert numbers(filed, wanted(key_of((1, "x")), KJ)) == [3]
    assert numbers(filed, wanted(key_of(("1", "x")), KJ)) == [4]
    assert numbers(filed, wanted(((True, True), (False, "x")), KJ)) == []


def test_a_record_without_a_key_follows_nothing() -> None:
    filed = Filing().add(f(None), {"event": {"category": "f"}}, f("a"))
    assert numbers(filed, wanted()) == [2]
    assert numbers(filed, wanted(("a", "x"), KJ)) == []


def test_a_follower_is_the_record_and_when_it_came() -> None:
    filing = Filing()
    filing.add(g(), g(), now=1)
    filed = filing.add(g(), f(), now=7)
    [follower] = filed.following(wanted())
    assert follower.event is filed.batch.event(1)
    assert (follower.arrived, follower.arrival) == (7, 3)
    assert list(filed.following(wanted())) == [follower]


def test_records_that_are_not_asked_for_are_never_made_events() -> None:
    filed = Filing().add(f(), f("b"), g(), f("c"))
    assert numbers(filed, wanted()) == [0]
    assert isinstance(filed.batch, Frame)
    assert set(filed.batch.asked) == {0}


@given(st.lists(st.tuples(st.sampled_from("fg"), st.sampled_from(["a", "b", 1, None])), max_size=9))
def test_those_that_follow_are_all_with_the_key_that_may_satisfy_a_condition(
    given_records: list[tuple[str, Any]],
) -> None:
    filed = Filing().add(*[{"event": {"category": one}, "k": k} for one, k in given_records])
    for key in ("a", "b", 1):
        assert numbers(filed, wanted(key_of((key,)))) == [
            number for number, given_one in enumerate(given_records) if given_one == ("f", key)
        ]


def test_only_records_that_have_been_looked_at_follow() -> None:
    filing = Filing()
    filed = filing.made(f(), f(), f())
    filing.look(filed, 2)
    assert numbers(filed, wanted()) == [0, 1]
    filed.end()
    assert numbers(filed, wanted()) == [0, 1, 2]


def test_what_a_rule_has_taken_follows_for_others_only() -> None:
    filed = Filing().add(f(), f(), f())
    filed.take(1, ONE)
    filed.take(2, TWO)
    filed.take(2, ONE)
    assert numbers(filed, wanted(rule=ONE)) == [0]
    assert numbers(filed, wanted(rule=TWO)) == [0, 1]


def test_what_is_taken_once_it_has_followed_follows_for_others_only() -> None:
    filed = Filing().add(f(), f())
    filed.take(0, TWO)
    first, second = (filed.follower(number) for number in range(2))
    assert first is not None
    assert second is not None
    assert (first.taken, second.taken) == (TWO, 0)
    filed.take(0, ONE)
    second.taken |= ONE
    assert numbers(filed, wanted(rule=ONE)) == []
    assert numbers(filed, wanted(rule=TWO)) == [1]


def test_a_record_that_is_taken_alone_follows_elsewhere() -> None:
    filed = Filing().add(f(), f(), f(True))
    assert filed.take_alone(1) is filed.batch.event(1)
    assert numbers(filed, wanted()) == [0]
    assert filed.unread == frozenset()


def test_an_entry_that_is_no_record_follows_nothing() -> None:
    filed = Filing().add(None, f())
    assert filed.take_alone(0) is None
    assert filed.follower(0) is None
    assert filed.raw(0) == NO_RECORD
    assert filed.raw(1) == encode_value(f())
    assert numbers(filed, wanted()) == [1]


def test_an_entry_that_is_no_record_but_a_row_follows_nothing() -> None:
    class NoRecords(Frame):
        def event(self, number: int) -> Event | None:
            return None

    filing = Filing()
    filed = FiledBatch(NoRecords([f(), f()]), 0, 0, filing.sieve, filing.holds.append)
    filed.is_open = True
    filing.look(filed)
    assert numbers(filed, wanted()) == []
    assert (filed.release(), filing.holds) == ([], [])


def test_a_follower_of_a_held_frame_is_held_with_it() -> None:
    filing = Filing()
    filed = filing.add(f(), f("b"), is_open=True)
    [follower] = filed.following(wanted())
    assert follower.held is not None
    assert (follower.held.event, follower.held.open) == (follower.event, True)
    assert follower.held.waiting == 1
    assert filing.holds == [follower.held]
    assert filed.release() == [follower.held]
    assert (filed.is_open, filed.release()) == (False, [])


def test_a_follower_of_a_frame_that_has_left_has_left_too() -> None:
    filing = Filing()
    filed = filing.add(f(), f("b"), is_open=True)
    filed.release()
    [follower] = filed.following(wanted())
    assert follower.held is not None
    assert (follower.held.open, filing.holds) == (False, [])


def test_what_has_been_decided_of_a_held_frame_is_not_held_again() -> None:
    filing = Filing()
    filed = filing.add(f(), f(), is_open=True)
    filed.settle(0)
    held = [follower.held for follower in filed.following(wanted())]
    assert [one is not None and one.open for one in held] == [False, True]
    assert filing.holds == held[1:]


def test_entries_are_known_by_their_numbers() -> None:
    filed = Filing().made(f(), g(x=1), f("b"))
    entries = [b"\x92\x05" + encode_value(record) for record in (f(), g(x=1), f("b"))]
    assert [filed.entry(number) for number in range(3)] == entries
    assert len(filed) == 3


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_records_come_as_rows_in_parts(count: int) -> None:
    filing = Filing()
    filed = filing.made(*[f(f"{number}") for number in range(count)])
    key = filing.sieve.columns.value("k")
    parts = list(filed.chunks())
    assert [part.first for part in parts] == list(range(0, count, CHUNK))
    assert all(len(part.rows) <= CHUNK for part in parts)
    assert [key(row) for part in parts for row in part.rows] == [f"{n}" for n in range(count)]
    assert b"".join(part.entries[HEAD_SIZE:] for part in parts) == filed.batch.body
    assert [part.rows for part in filed.chunks()] == [part.rows for part in parts]


@pytest.mark.parametrize("place", [0, CHUNK - 1, CHUNK, 2 * CHUNK + 5])
def test_a_record_of_any_part_follows(place: int) -> None:
    records = [f("b") for _ in range(3 * CHUNK)]
    records[place] = f()
    assert numbers(Filing().add(*records), wanted()) == [place]


def learn_x(found: Sieve) -> None:
    """Let rows have the field ``x`` from now on."""
    row = found.columns.row(b"\x92\x05" + encode_value(g(x=1)))
    for _ in range(5):
        assert found.satisfied(
            row, G, lambda: b"\x92\x05" + encode_value(g(x=1)), lambda: encode_value(g(x=1))
        )
    assert "x" not in found.columns.names
    found.learn(5, [])
    assert "x" in found.columns.names


def of_few_fields(monkeypatch: pytest.MonkeyPatch) -> Filing:
    """Frames whose rows have no field ``x``, until more than four records were seen."""
    monkeypatch.setattr(sieve_module, "FIRST_LOOK", 5)
    monkeypatch.setattr(sieve_module, "USUAL_SHARE", 1)
    filing = Filing()
    filing.sieve = sieve()
    assert "x" not in filing.sieve.columns.names
    return filing


def test_a_record_that_is_no_row_any_more_since_fields_were_added_follows_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filing = of_few_fields(monkeypatch)
    filed = filing.add(f(x=True), f("b", x=True), f(), g(x=1))
    learn_x(filing.sieve)
    assert filing.numbers(wanted()) == [0, 1, 2]
    assert filed.unread == {0, 1}
    filed.take_alone(0)
    assert filing.numbers(wanted()) == [1, 2]
    assert filing.numbers(wanted(("c",))) == [1]


def test_values_that_were_known_before_fields_were_added_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filing = of_few_fields(monkeypatch)
    filing.numbers(wanted())
    filing.add(f(x=True), f("b", x=True), f(), g(x=1))
    learn_x(filing.sieve)
    assert filing.numbers(wanted()) == [0, 2]
    assert filing.numbers(wanted(("b",))) == [1]


def test_other_rules_find_what_may_satisfy_their_conditions() -> None:
    filing = Filing()
    filing.add(f(), g(x=1), g(x=2), g("b", x=1), f("b"))
    assert filing.numbers(wanted()) == [0]
    filing.frames.go_on_with(sieve("m where true", "g where x == 1", "f where true"), 0)
    assert filing.numbers(wanted(mask=0b001)) == []
    assert filing.numbers(wanted(mask=0b010)) == [1]
    assert filing.numbers(wanted(mask=0b100)) == [0]
    assert filing.numbers(wanted(("b",), mask=0b110)) == [3, 4]


def test_other_rules_find_records_by_fields_that_rows_did_not_have() -> None:
    filing = Filing()
    filing.add(f(user="u"), f(user=True), f(user="v"))
    filing.frames.go_on_with(sieve("f where true", keys=["user"]), 0)
    assert sorted(filing.numbers(wanted(("u",), ("user",)))) == [0, 1]


def test_where_other_rules_run_only_what_those_have_taken_that_stay_is_known() -> None:
    filing = Filing()
    filed = filing.add(f(), f(), f())
    filed.take(0, ONE | TWO)
    follower = filed.follower(1)
    assert follower is not None
    filed.take(1, ONE | TWO)
    filing.frames.go_on_with(filing.sieve, TWO)
    assert filing.numbers(wanted(rule=ONE)) == [0, 1, 2]
    assert filing.numbers(wanted(rule=TWO)) == [2]


def test_where_few_rules_run_frames_stay_as_they_are() -> None:
    filing = Filing()
    filing.add(f(), is_open=True)
    filing.frames.go_on_with(None, 0)
    assert filing.frames.next_deadline() == WINDOW
    assert len(list(filing.frames.due(WINDOW))) == 1


def test_records_of_all_frames_that_came_since_then_follow_in_their_order() -> None:
    filing = Filing()
    for now in range(4):
        filing.add(f("b"), f(), now=now)
    assert filing.numbers(wanted()) == [1, 3, 5, 7]
    assert filing.numbers(wanted(), since=2) == [5, 7]
    assert filing.numbers(wanted(), since=4) == []
    filing.add(f(), now=4)
    assert filing.numbers(wanted(), since=3) == [7, 8]


def test_records_of_the_frame_that_is_looked_at_follow_too() -> None:
    filing = Filing()
    filing.add(f())
    assert filing.numbers(wanted()) == [0]
    current = filing.made(f("b"), f(), f())
    filing.look(current, 2)
    assert filing.numbers(wanted()) == [0, 2]
    current.end()
    filing.frames.add(current)
    assert filing.frames.current is None
    assert filing.numbers(wanted()) == [0, 2, 3]


def test_a_field_that_is_asked_for_first_in_the_middle_of_a_frame_is_known_of_all_of_it() -> None:
    filing = Filing()
    frame = filing.made(*[f("b") for _ in range(CHUNK)], f(), f(True), f("c"))
    filing.frames.current = frame
    for chunk in frame.chunks():
        filing.frames.note(chunk)
        list(filing.sieve.sift(chunk.rows, 0, frame.masks))
        frame.seen = chunk.first + 1
        assert filing.numbers(wanted(("b",))) == list(range(CHUNK if chunk.first else 1))
    frame.take_alone(CHUNK + 1)
    frame.end()
    filing.frames.add(frame)
    assert filing.numbers(wanted()) == [CHUNK]
    assert filing.numbers(wanted(("c",))) == [CHUNK + 2]


def test_the_latest_frames_are_kept_and_those_of_the_window() -> None:
    filing = Filing(most=3)
    for now in (0, 5, 10):
        filing.add(f(), f(), now=now)
    assert filing.numbers(wanted()) == [0, 1, 2, 3, 4, 5]
    filing.add(g(), now=11)
    assert filing.numbers(wanted()) == [2, 3, 4, 5]
    filing.add(now=30)
    assert filing.numbers(wanted()) == [4, 5]
    filing.add(f(), now=31)
    assert filing.numbers(wanted()) == [7]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=12),
    st.integers(1, 5),
    st.booleans(),
)
def test_no_more_frames_are_kept_than_are_needed(
    steps: list[tuple[int, int]], most: int, asks_before: bool
) -> None:
    filing, now = Filing(most=most), 0
    arrived: list[int] = []
    for wait, count in steps:
        now += wait
        if asks_before:
            filing.numbers(wanted())
        filing.add(*[f()] * count, now=now)
        arrived += [now] * count
    kept = filing.numbers(wanted())
    assert kept == list(range(len(arrived)))[len(arrived) - len(kept) :]
    within = sum(time >= now - WINDOW for time in arrived)
    assert len(kept) >= max(min(most, len(arrived)) - 3, within)
    assert len(kept) <= max(most, within)


def test_without_a_window_all_frames_are_kept_until_the_end() -> None:
    filing = Filing(most=1, window=None)
    made = [filing.add(f(), now=now, is_open=True) for now in (0, 100, 200)]
    assert filing.numbers(wanted()) == [0, 1, 2]
    assert (filing.frames.next_deadline(), list(filing.frames.due(10**9))) == (None, [])
    assert list(filing.frames.all()) == made
    assert list(filing.frames.all()) == []


def test_held_frames_are_due_when_they_have_waited_for_the_window() -> None:
    filing = Filing()
    assert filing.frames.next_deadline() is None
    filing.add(f(), now=1)
    assert filing.frames.next_deadline() is None
    made = [filing.add(f(), now=now, is_open=True) for now in (3, 5, 5)]
    assert filing.frames.next_deadline() == 3 + WINDOW
    assert list(filing.frames.due(2 + WINDOW)) == []
    assert list(filing.frames.due(3 + WINDOW)) == made[:1]
    assert filing.frames.next_deadline() == 5 + WINDOW
    assert list(filing.frames.due(99)) == made[1:]
    assert filing.frames.next_deadline() is None


def test_a_held_frame_is_due_though_it_is_kept_no_more() -> None:
    filing = Filing(most=1)
    made = [filing.add(f(), f(), now=now, is_open=True) for now in (0, 50)]
    assert filing.numbers(wanted()) == [2, 3]
    assert list(filing.frames.due(50 + WINDOW)) == made


def test_a_frame_with_unread_records_that_is_kept_no_more_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filing = of_few_fields(monkeypatch)
    filing.frames = FiledBatches(1, WINDOW)
    filing.add(f(x=True), f())
    learn_x(filing.sieve)
    assert filing.numbers(wanted()) == [0, 1]
    filing.add(f("b"), now=50)
    assert filing.numbers(wanted()) == []


def test_values_are_those_of_the_records_and_none_where_there_is_no_row() -> None:
    filing = Filing()
    filing.add(f("b"))
    filing.numbers(wanted())
    for _ in range(2):
        filed = filing.add(f("a"), f(True), f(None), f(5), g("c"))
        assert filed.values_of("k") == ["a", None, None, 5, "c"]
        assert filed.values_of("j") == [None] * 5


def test_a_follower_by_its_number_is_always_the_same() -> None:
    filed = Filing().add(f())
    follower = filed.follower(0)
    assert isinstance(follower, Follower)
    assert filed.follower(0) is follower

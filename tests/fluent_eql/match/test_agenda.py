from __future__ import annotations

from fluent_eql.match.agenda import Agenda


def test_items_are_taken_when_they_are_due_the_earliest_first() -> None:
    agenda: Agenda[str] = Agenda()
    for due, item in ((30, "c"), (10, "a"), (20, "b")):
        agenda.add(due, item)
    assert agenda.next_due() == 10
    assert list(agenda.take(9)) == []
    assert list(agenda.take(20)) == ["a", "b"]
    assert (agenda.next_due(), len(agenda)) == (30, 1)


def test_of_equal_times_the_one_added_first_comes_first_whatever_it_is() -> None:
    agenda: Agenda[object] = Agenda()
    items = [object() for _ in range(5)]
    for item in items:
        agenda.add(7, item)
    assert list(agenda.take(7)) == items


def test_what_is_added_while_it_is_taken_is_taken_too() -> None:
    agenda: Agenda[int] = Agenda()
    agenda.add(5, 5)
    taken = []
    for item in agenda.take(10):
        taken.append(item)
        if item < 12:
            agenda.add(item + 3, item + 3)
    assert taken == [5, 8]
    assert agenda.next_due() == 11


def test_everything_can_be_taken_whenever_it_is_due() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.add(10**30, "late")
    agenda.add(-1, "early")
    assert list(agenda.take(None)) == ["early", "late"]
    assert agenda.next_due() is None

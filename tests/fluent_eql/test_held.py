from __future__ import annotations

from fluent_eql.event import Event
from fluent_eql.held import Held, Subject, match_of, note_of
from fluent_eql.match.machine import StageMatch, order_of
from fluent_eql.notes import decode_note
from support.rules import rule

TWO = "sequence by k [n where true] [f where true]"
EVENT = Event("app", 5, b"\x80")


def match(held: Held | None, *, announced: bool = False) -> StageMatch:
    subject = Subject(EVENT, ("a",), held, announced)
    return StageMatch(order_of(7, 1, 2), (1, 0), None, 100, subject)


def test_a_match_of_a_note_is_the_noted_one_and_its_event_has_left() -> None:
    again = match_of(decode_note(note_of(rule(TWO), match(Held(EVENT, waiting=1)))), arrived=50)
    assert (again.order, again.stages, again.arrived) == ((7, 1, 2), (1, 0), 50)
    assert again.subject.by == ("a",)
    assert again.subject.held is not None
    assert not again.subject.held.open
    assert again.subject.event.raw == EVENT.raw


def test_an_event_that_completes_nothing_waits_for_nothing() -> None:
    again = match_of(decode_note(note_of(rule(TWO), match(None))), arrived=0)
    assert again.subject.held is None


def test_a_note_says_whether_the_alert_was_given_before_or_now() -> None:
    quiet, told, before = match(None), match(None), match(None, announced=True)
    told.sequence = (told,)
    notes = [decode_note(note_of(rule(TWO), one)) for one in (quiet, told, before)]
    assert [noted.announced for noted in notes] == [False, True, True]

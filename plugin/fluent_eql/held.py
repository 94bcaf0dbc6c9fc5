"""What the filter knows of an event besides its stages: who waits for it, and its note."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fluent_eql.alert import Alert
from fluent_eql.detection import JoinValues, SequenceRule
from fluent_eql.event import Event
from fluent_eql.match.machine import StageMatch
from fluent_eql.notes import NotedMatch, digest_of, encode_note
from fluent_eql.rules import Rule


@dataclass(slots=True, eq=False)
class Held:
    """An event that waits for ``waiting`` of its stage matches to be decided.

    ``alerts`` are those it has so far, each with its rule's number and whether it is new.
    ``matches`` are those that are not noted yet, each with its rule.
    """

    event: Event
    waiting: int = 0
    alerts: list[tuple[int, Alert, bool]] = field(default_factory=list)
    matches: list[tuple[SequenceRule, StageMatch]] = field(default_factory=list)
    open: bool = True


class Unread(NamedTuple):
    """An event that was filed unread: itself, when it came, and its number among all that came.

    ``only_begins`` says that it is known to satisfy the first stage of its rule, and no other.
    """

    event: Event
    arrived: int
    arrival: int
    only_begins: bool


@dataclass(slots=True)
class Subject:
    """What a stage match remembers. ``held`` is None where its event completes nothing.

    ``announced`` says that its alert was given before a restart. The ``event`` of a match that can
    stand in no alert has no record.
    """

    event: Event
    by: JoinValues
    held: Held | None
    announced: bool = False


def note_of(rule: Rule, match: StageMatch) -> bytes:
    """A stage match of a rule, whose subject is a :class:`Subject`, as a note."""
    subject: Subject = match.subject
    return encode_note(
        NotedMatch(
            rule_id=rule.id,
            digest=digest_of(rule),
            order=match.order,
            stages=match.stages,
            identity=match.identity,
            by=subject.by,
            event=subject.event,
            completes=subject.held is not None,
            announced=subject.announced or match.sequence is not None,
        )
    )


def match_of(noted: NotedMatch, arrived: int) -> StageMatch:
    """The stage match of a note; its event has left."""
    held = Held(noted.event, open=False) if noted.completes else None
    subject = Subject(noted.event, noted.by, held, noted.announced)
    return StageMatch(noted.order, noted.stages, noted.identity, arrived, subject)

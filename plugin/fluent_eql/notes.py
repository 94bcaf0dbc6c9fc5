"""Stage matches as bytes, so that a restarted filter knows them again.

A note is one msgpack list: the format's number, the rule's id, a digest of its query (a changed
rule begins anew), the match and the event. Nothing of the record has to be read to run the match
again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgpack

from fluent_eql.detection import Identity
from fluent_eql.event import Event, encode_value
from fluent_eql.match.machine import Order
from fluent_eql.rules import Rule

FORMAT = 1
SECOND = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedMatch:
    """A stage match of the rule ``rule_id`` whose query has this ``digest``.

    ``completes`` says that the event stands in the last stage, ``announced`` that its alert has
    been given. For the rest see :class:`fluent_eql.match.machine.StageMatch` and
    :class:`fluent_eql.detection.StagesOfKey`.
    """

    rule_id: str
    digest: bytes
    order: Order
    stages: tuple[int, ...]
    identity: Identity | None
    by: tuple[Any, ...]
    event: Event
    completes: bool
    announced: bool


def digest_of(rule: Rule) -> bytes:
    """The same for the same query with the same exceptions."""
    exceptions = [f"{stage}:{condition}" for stage, condition in rule.exceptions]
    text = "\0".join([rule.query_text, *exceptions])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]


def encode_note(noted: NotedMatch) -> bytes:
    """A stage match as bytes."""
    time, tiebreaker, arrival = noted.order
    event = noted.event
    return encode_value(
        [
            FORMAT,
            noted.rule_id,
            noted.digest,
            [*divmod(time, SECOND), tiebreaker, arrival],
            noted.stages,
            _without_time(noted.identity),
            noted.by,
            [event.tag, *divmod(event.time, SECOND), event.raw],
            noted.completes,
            noted.announced,
        ]
    )


def decode_note(data: bytes) -> NotedMatch:
    """The stage match of a note. Raises ValueError where it is none of this format."""
    try:
        values = msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogateescape")
        number, rule_id, digest, order, stages, identity, by, event, completes, announced = values
        if number != FORMAT:
            raise ValueError(f"expected format {FORMAT}, found {number}")
        seconds, nanoseconds, tiebreaker, arrival = order
        time = seconds * SECOND + nanoseconds
        return NotedMatch(
            rule_id=rule_id,
            digest=digest,
            order=(time, tiebreaker, arrival),
            stages=tuple(stages),
            identity=(tuple(identity[0]), time, identity[1]) if identity else None,
            by=tuple(by),
            event=_event(*event),
            completes=completes,
            announced=announced,
        )
    except (msgpack.UnpackException, ValueError, TypeError, LookupError) as error:
        raise ValueError(f"not a note: {error or type(error).__name__}") from error


def _without_time(identity: Identity | None) -> tuple[Any, Any] | None:
    """The time is that of the order; as nanoseconds it may be larger than msgpack's integers."""
    return (identity[0], identity[2]) if identity else None


def _event(tag: str, seconds: int, nanoseconds: int, raw: bytes) -> Event:
    return Event(tag, seconds * SECOND + nanoseconds, raw)

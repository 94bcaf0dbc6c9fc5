"""The EQL filter's state as bytes: what sequence rules remember, for a restart.

One msgpack map: ``format``, ``arrivals`` (how many events have been numbered) and ``rules``, by
rule id: a digest of the query, so that a changed rule begins anew, and its timelines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgpack

from fluent_eql.detection import SequenceRule
from fluent_eql.event import encode_value
from fluent_eql.match.snapshot import Plain, Reader, Writer

FORMAT = 1


@dataclass(frozen=True, slots=True)
class SubjectCodec:
    """How the filter's subjects of matches become plain values and back.

    ``key_of`` gives the join key of a subject.
    """

    write: Callable[[Any], Plain]
    read: Callable[[Plain], Any]
    key_of: Callable[[Any], Any]


def save(rules: Iterable[SequenceRule], arrivals: int, now: int, codec: SubjectCodec) -> bytes:
    """The state of these rules."""
    saved = {
        sequence.rule.id: [
            _digest(sequence),
            [
                Writer(now, codec.write).timeline(timeline)
                for timeline in sequence.matcher.timelines(now)
            ],
        ]
        for sequence in rules
    }
    return encode_value({"format": FORMAT, "arrivals": arrivals, "rules": saved})


def restore(
    state: bytes, rules: Iterable[SequenceRule], now: int, codec: SubjectCodec
) -> tuple[int, list[str]]:
    """Put a saved state into these rules; the number of arrivals, and what was left out.

    ``now`` is less by the time that has passed since. Raises ValueError where ``state`` is no
    state of this format.
    """
    try:
        values = msgpack.unpackb(state, strict_map_key=False, unicode_errors="surrogateescape")
        if values["format"] != FORMAT:
            raise ValueError(f"expected format {FORMAT}, found {values['format']}")
        known = {sequence.rule.id: sequence for sequence in rules}
        told = [
            f"{rule_id}: the rule is gone or has changed; what it remembered is forgotten"
            for rule_id, (digest, _) in values["rules"].items()
            if rule_id not in known or digest != _digest(known[rule_id])
        ]
        for rule_id, (digest, timelines) in values["rules"].items():
            if rule_id in known and digest == _digest(known[rule_id]):
                _restore_rule(known[rule_id], timelines, now, codec)
        return int(values["arrivals"]), told
    except (msgpack.UnpackException, ValueError, TypeError, LookupError) as error:
        raise ValueError(f"not a saved state: {error or type(error).__name__}") from error


def _restore_rule(
    sequence: SequenceRule, timelines: Iterable[Plain], now: int, codec: SubjectCodec
) -> None:
    matcher = sequence.matcher
    reader = Reader(now, matcher.empty, codec.read)
    restored = [reader.timeline(plain, matcher.limits.max_pending) for plain in timelines]
    for timeline in sorted(restored, key=lambda timeline: timeline.newest):
        _, recent, _ = timeline.parts()
        if recent:
            matcher.restore(codec.key_of(recent[-1].subject), timeline)


def _digest(sequence: SequenceRule) -> str:
    return hashlib.sha256(sequence.rule.query_text.encode()).hexdigest()

"""What can be told of an event without reading it: that it completes no sequence.

Such an event matters only when one comes that does, and for most join keys none ever comes. So it
is filed under its key unread: its conditions are tested when it is needed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from fluent_eql.keys import NO_KEY, KeyReader
from fluent_eql.lang import JoinKey, SequenceQuery, Stage, nodes
from fluent_eql.needles import groups_of

MOST_TEXTS = 2
"""That are looked for to tell whether a record may satisfy a condition."""

Texts = tuple[bytes, ...]
"""Bytes all of which are in a record that satisfies a condition."""


class Deferral:
    """Looks at raw records for one sequence, whose stages but the completing one have one key."""

    def __init__(self, completing: Texts, others: Iterable[Texts], by: tuple[JoinKey, ...]) -> None:
        self._completing = completing
        self._others = tuple(others)
        self._reader = KeyReader([[key.name for key in by]]) if by else None
        self._lacking = None if any(key.optional for key in by) else NO_KEY

    @classmethod
    def of(cls, query: SequenceQuery, completing: Stage) -> Deferral | None:
        """None where too little can be told of the query's events."""
        texts = texts_of(completing.condition.expression)
        others = [stage for stage in query.all_stages if stage is not completing]
        keys = {stage.by for stage in others}
        if not texts or len(keys) != 1:
            return None
        return cls(texts, [texts_of(s.condition.expression) for s in others], keys.pop())

    def may_complete(self, raw: bytes) -> bool:
        """Whether a record may satisfy the completing stage; another does not."""
        for text in self._completing:  # noqa: SIM110  a generator costs as much as the tests
            if text not in raw:
                return False
        return True

    def may_stand(self, raw: bytes) -> bool:
        """Whether a record may satisfy one of the other stages; another does not."""
        for texts in self._others:
            for text in texts:
                if text not in raw:
                    break
            else:
                return True
        return False

    def key_of(self, raw: bytes) -> Hashable | None:
        """The join key of a record; NO_KEY or None as :meth:`KeyReader.keys_of` says.

        None as well where a field has no value that need not have one, or there are no fields.
        """
        if self._reader is None:
            return None
        [key] = self._reader.keys_of(raw)
        return self._lacking if key == NO_KEY else key


def texts_of(expression: nodes.Expression) -> Texts:
    """Bytes that every satisfying record has, the longest ones, which say most and cost least."""
    found = [next(iter(needles)) for needles in groups_of(expression) if len(needles) == 1]
    texts = {needle.text for needle in found if needle.text and not needle.caseless}
    raw = [text.encode("utf-8", "surrogateescape") for text in texts]
    return tuple(sorted(raw, key=lambda text: (-len(text), text))[:MOST_TEXTS])

"""Which tags a filter or an output takes, as Fluent Bit's router decides it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TagMatch:
    """The records whose tag fits ``glob``, or ``regex``, or either where both are set.

    In ``glob`` a ``*`` stands for any run of characters, an empty one too, and everything else
    for itself, case-sensitively. ``regex`` is a Python expression that must match at the tag's
    start, and more than nothing. Both are as in Fluent Bit's ``flb_router_match``.
    """

    glob: re.Pattern[str] | None
    regex: re.Pattern[str] | None

    def accepts(self, tag: str) -> bool:
        if self.glob is not None and self.glob.fullmatch(tag):
            return True
        found = self.regex.match(tag) if self.regex is not None else None
        return found is not None and found.end() > 0


def glob(pattern: str) -> re.Pattern[str]:
    """An option's parser: the text of a ``match`` key. Raises ValueError if it is empty."""
    if not pattern:
        raise ValueError("expected a tag pattern such as app.*, found nothing")
    literals = re.sub(r"\*+", "*", pattern).split("*")
    return re.compile(".*".join(re.escape(literal) for literal in literals), re.DOTALL)


def regex(pattern: str) -> re.Pattern[str]:
    """An option's parser: the text of a ``match_regex`` key. Raises ValueError if it is invalid."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"expected a regular expression, found {pattern!r}: {error}") from error


EVERY_TAG = TagMatch(glob("*"), None)

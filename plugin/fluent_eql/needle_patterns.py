"""Needles as patterns of hyperscan."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import hyperscan

from fluent_eql.api import Body
from fluent_eql.needles import Needle

STRING_HEADER = rb"(?:[\xa0-\xbf]|[\xd9\xc4].|[\xda\xc5]..|[\xdb\xc6]....)"
ARRAY_HEADER = rb"[\x90-\x9f\xdc\xdd]"
"""Its first byte; the number of elements may follow."""
SHORT_HEADER = rb"[\xa0-\xbf]"
OTHER_HEADER = rb"[\x90-\x9f\xc4-\xc6\xd9-\xdd]"
"""The first byte of a string of more than 31 bytes, of a bin or of an array."""
STRING_HEADERS = ((1, range(0xA0, 0xC0)), (2, (0xD9, 0xC4)), (3, (0xDA, 0xC5)), (5, (0xDB, 0xC6)))
"""The lengths of string headers, and their first bytes."""

INTEGERS = (
    *((b"\xcc", ">B"), (b"\xcd", ">H"), (b"\xce", ">I"), (b"\xcf", ">Q")),
    *((b"\xd0", ">b"), (b"\xd1", ">h"), (b"\xd2", ">i"), (b"\xd3", ">q")),
)
"""The headers of integers, and how what follows is packed."""

MANY = 100
"""The number of needles past which they are looked for without their fields."""
LEAST_TEXT = 4
"""The length of a text, in bytes, below which it would be found too often."""
SHORT = 70
"""The bytes up to which hyperscan takes a body for short."""
TAIL = 2
"""The bytes of a field's name that are looked for with a text. All of it would be found in every
record, and hyperscan would look at each of them closely: the scan would take three times as long.
"""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What hyperscan looks for, and the needles that it stands for.

    ``behind`` is a field's name that has to stand before the text, of which the pattern holds only
    the ``size`` bytes themselves; empty where the expression says all.
    """

    expression: bytes
    caseless: bool
    needles: tuple[Needle, ...]
    behind: bytes = b""
    size: int = 0

    def holds(self, body: Body, end: int) -> bool:
        """Whether a find that ends there is one of the needles."""
        name, text = self.behind, end - self.size
        if not name:
            return True
        for width, first_bytes in STRING_HEADERS:
            header = text - width
            if header > len(name) and body[header] in first_bytes:  # noqa: SIM102  it is faster
                if body[header - len(name) : header] == name:
                    return True
        return False


def patterns_of(needles: Sequence[Needle]) -> list[Pattern]:
    """The patterns for some needles.

    Few are looked for with the end of the field's name before them, of many only the texts:
    names that many patterns begin with would make compiling and scanning slow. What is found is
    looked at more closely.
    """
    are_many = len(needles) > MANY
    patterns = [_pattern_for(needle, are_many) for needle in needles]
    fields: dict[str, list[Needle]] = {}
    for needle in needles:
        if needle.field is not None:
            fields.setdefault(needle.field, []).append(needle)
    patterns += [
        Pattern(_escaped(field) + ARRAY_HEADER, False, tuple(those))
        for field, those in fields.items()
    ]
    return patterns


def _pattern_for(needle: Needle, is_one_of_many: bool) -> Pattern:
    if needle.number is not None and needle.field is not None:
        return Pattern(
            _escaped(needle.field)[-4 * TAIL :] + _number(needle.number), False, (needle,)
        )
    text = _text_of(needle)
    if needle.field is None:
        return Pattern(text, needle.caseless, (needle,))
    field, size = _bytes_of(needle.field), len(_bytes_of(needle.text))
    if is_one_of_many and size >= LEAST_TEXT and not needle.is_common:
        return Pattern(text, needle.caseless, (needle,), field, size)
    text = _escaped(needle.text)
    if needle.caseless:
        text = b"(?i:" + text + b")"
    name = field if is_one_of_many else field[-TAIL:]
    return Pattern(_escaped_bytes(name) + STRING_HEADER + text, False, (needle,), field, size)


def loose_patterns(needles: Iterable[Needle]) -> list[Pattern]:
    """Patterns for needles whose every find is one, for scans of single records.

    Where a needle's text is long enough, the field before it is not looked for; else a long value
    of the field is a find whatever it is.
    """
    found: dict[tuple[bytes, bool], list[Needle]] = {}
    for needle in sorted(needles, key=repr):
        found.setdefault(_loose(needle), []).append(needle)
    return [
        Pattern(expression, caseless, tuple(those))
        for (expression, caseless), those in found.items()
    ]


def _loose(needle: Needle) -> tuple[bytes, bool]:
    if needle.number is not None and needle.field is not None:
        value = b"(?:" + _number(needle.number) + b"|" + ARRAY_HEADER + b")"
        return _escaped(needle.field) + value, False
    is_long = len(_bytes_of(needle.text)) >= LEAST_TEXT
    if needle.field is None or needle.is_whole or is_long:
        return _text_of(needle), needle.caseless
    text = _escaped(needle.text)
    if needle.caseless:
        text = b"(?i:" + text + b")"
    value = b"(?:" + SHORT_HEADER + text + b"|" + OTHER_HEADER + b")"
    return _escaped(needle.field) + value, False


def _number(value: int) -> bytes:
    """A whole number in every form that msgpack has for it."""
    floats = [0.0, -0.0] if value == 0 else [float(value)]
    forms = [b"\xcb" + struct.pack(">d", one) for one in floats]
    forms += [
        b"\xca" + struct.pack(">f", one)
        for one in floats
        if struct.unpack(">f", struct.pack(">f", one))[0] == one
    ]
    if -32 <= value < 128:
        forms.append(bytes([value & 0xFF]))
    for header, code in INTEGERS:
        with contextlib.suppress(struct.error):
            forms.append(header + struct.pack(code, value))
    return b"(?:" + b"|".join(map(_escaped_bytes, forms)) + b")"


def _text_of(needle: Needle) -> bytes:
    """The text, of a whole value with the last byte of a header, which tells the length."""
    if not needle.is_whole:
        return _escaped(needle.text)
    return _text_behind(_last_header_bytes(needle.text), needle.text)


def _text_behind(last_bytes: Iterable[int], text: str) -> bytes:
    """A text behind one of the bytes that the header of a string may end with."""
    return b"[" + _escaped_bytes(bytes(sorted(last_bytes))) + b"]" + _escaped(text)


def _last_header_bytes(text: str) -> list[int]:
    """The last bytes of the headers that a string may have, which tell its length."""
    size = len(_bytes_of(text))
    return [size & 0xFF] + ([0xA0 + size] if size < 32 else [])


def scannable(body: Body) -> Body:
    """The body, or a longer one where it is so short that hyperscan could miss a find in it.

    For up to 70 bytes it has an engine of its own, which does so where the text of one pattern is
    the end of another.
    """
    return body if len(body) > SHORT else bytes(body) + bytes(SHORT)


def database_of(patterns: Sequence[Pattern], *, once: bool = False) -> Any:
    """A database of patterns; with ``once``, each is found at most once in a scan."""
    always = hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_SINGLEMATCH if once else 0)
    database = hyperscan.Database()
    database.compile(
        expressions=[pattern.expression for pattern in patterns],
        ids=list(range(len(patterns))),
        flags=[
            always | (hyperscan.HS_FLAG_CASELESS if pattern.caseless else 0) for pattern in patterns
        ],
    )
    return database


def found_dotted(names: Iterable[str]) -> Callable[[bytes], bool]:
    """Tells whether a body has a string that may be a key with a dot, by which it spells a field.

    That is one of two or more parts of one of the names, which stand in it one after another.
    Bodies are scanned for what the few kinds of them begin with first, which takes half the time.
    """
    keys = sorted({key for name in names for key in _dotted_keys(name)})
    if not keys:
        return lambda body: False
    headers: dict[str, set[int]] = {}
    for key in keys:
        headers.setdefault(key[: key.index(".") + 1], set()).update(_last_header_bytes(key))
    may_be_found = _finding([_text_behind(ends, start) for start, ends in headers.items()])
    is_found = _finding([_text_behind(_last_header_bytes(key), key) for key in keys])
    return lambda body: may_be_found(body) and is_found(body)


def _finding(expressions: Sequence[bytes]) -> Callable[[bytes], bool]:
    """Tells whether one of these is in a body."""
    patterns = [Pattern(expression, False, ()) for expression in expressions]
    database = database_of(patterns, once=True)

    def is_found(body: bytes) -> bool:
        found: list[int] = []

        def on_find(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append(number)

        database.scan(scannable(body), match_event_handler=on_find)
        return bool(found)

    return is_found


def _dotted_keys(name: str) -> Iterator[str]:
    parts = name.split(".")
    for start in range(len(parts)):
        for end in range(start + 2, len(parts) + 1):
            yield ".".join(parts[start:end])


def _escaped(text: str) -> bytes:
    return _escaped_bytes(_bytes_of(text))


def _escaped_bytes(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in text)


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

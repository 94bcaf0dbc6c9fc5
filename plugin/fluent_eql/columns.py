"""Some fields of all the records of a body, read with one call.

Records that spell a field in another way than nested, or in which it has a value of a rare type,
are left to :mod:`fluent_eql.fields`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from fluent_eql.api import Body
from fluent_eql.fields import Values
from fluent_eql.needle_patterns import found_dotted

Row = Any
"""What was read of one record: a struct."""

Value = str | int | tuple[str | int | None, ...] | None
"""Of a field in a row."""

WIDE_ARRAY = b"\xdd"
HEAD_SIZE = 5

ESCAPED = re.compile(r"[\x00-\x1f\"\\]")
"""What msgspec would have to escape in JSON, and does not take in the name of a field."""


class _Object(msgspec.Struct, frozen=True, gc=False):
    """An object of which it is known that it is there."""


class _Metadata(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Time and metadata of an entry, unread."""


Plain = str | int | None
"""Of a join key: several values would be several keys."""


class Columns:
    """Reads rows, with these fields and ``keys``, the fields of join keys, from bodies.

    Of ``objects``, names without dots, a row has whether they are there; ``others`` are the fields
    for which it is of interest. No name is the beginning of another, see :func:`fitting`.
    """

    def __init__(
        self,
        names: Collection[str],
        keys: Collection[str],
        objects: Collection[str],
        others: Collection[str] = (),
    ) -> None:
        leaves: dict[str, Any] = dict.fromkeys(objects, _Object | None)
        leaves |= dict.fromkeys(names, Value) | dict.fromkeys(keys, Plain)
        self.names = frozenset((*names, *keys))
        self._paths: dict[str, str] = {}
        record = self._struct(leaves, "", "")
        entry = msgspec.defstruct(
            "Entry",
            [("time", _Metadata | msgspec.msgpack.Ext | int | float), ("record", record)],
            array_like=True,
            gc=False,
        )
        many: Any = list[entry]  # type: ignore[valid-type]
        self._decode_entries: Callable[[bytes], Any] = msgspec.msgpack.Decoder(many).decode
        self._decode_entry: Callable[[bytes], Any] = msgspec.msgpack.Decoder(entry).decode
        self._has_dotted = found_dotted({*self.names, *others})

    def rows(self, array: bytes, ends: Sequence[int], start: int = 0) -> list[Row | None]:
        """A row for each entry of an array, made by :func:`array_of` with the same arguments.

        None for one that is read elsewhere.
        """
        if not self._has_dotted(array):
            try:
                return [entry.record for entry in self._decode_entries(array)]
            except (msgspec.MsgspecError, ValueError, RecursionError):
                pass
        before = HEAD_SIZE - start
        return [
            self.row(array[before + begin : before + end])
            for begin, end in zip((start, *ends), ends, strict=False)
        ]

    def row(self, entry: bytes) -> Row | None:
        """The row of one entry."""
        if self._has_dotted(entry):
            return None
        try:
            return self._decode_entry(entry).record
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None

    def getter(
        self, names: Sequence[str], objects: Sequence[str] = ()
    ) -> Callable[[Row], tuple[Any, ...]]:
        """Gives of a row the values of these fields, and whether these objects are there."""
        values = [f"row.{self._paths[name]}, " for name in names]
        values += [f"row.{self._paths[name]} is not None, " for name in objects]
        get: Callable[[Row], tuple[Any, ...]] = _compiled(f"lambda row: ({''.join(values)})")
        return get

    def value(self, name: str) -> Callable[[Row], Any]:
        """Gives of a row the value of one field."""
        get: Callable[[Row], Any] = _compiled(f"lambda row: row.{self._paths[name]}")
        return get

    def values(self, rows: Iterable[Row | None], name: str) -> list[Any]:
        """The values of one field in rows, in their order; None as well where there is no row."""
        value = f"None if row is None else row.{self._paths[name]}"
        found: list[Any] = _compiled(f"lambda rows: [{value} for row in rows]")(rows)
        return found

    def _struct(self, leaves: dict[str, Any], prefix: str, path: str) -> type[msgspec.Struct]:
        """The struct of an object whose fields these are."""
        inner: dict[str, dict[str, Any]] = {}
        for name, kind in leaves.items():
            first, _, rest = name.partition(".")
            if rest:
                inner.setdefault(first, {})[rest] = kind
        keys = dict.fromkeys(name.partition(".")[0] for name in leaves)
        fields: list[Any] = []
        for number, key in enumerate(keys):
            attribute = f"f{number}"
            if key in inner:
                struct = self._struct(inner[key], f"{prefix}{key}.", f"{path}{attribute}.")
                fields.append((attribute, struct, struct()))
            else:
                fields.append((attribute, leaves[key], None))
                self._paths[prefix + key] = path + attribute
        return msgspec.defstruct(
            "Row",
            fields,
            frozen=True,
            gc=False,
            rename={f"f{number}": key for number, key in enumerate(keys)},
        )


def array_of(body: Body, ends: Sequence[int], start: int = 0) -> bytes:
    """The entries of a body, from ``start`` on, which end there, as one msgpack array."""
    head = WIDE_ARRAY + len(ends).to_bytes(HEAD_SIZE - 1, "big")
    return b"".join((head, memoryview(body)[start : ends[-1]]))


@lru_cache(maxsize=4096)
def _compiled(function: str) -> Any:
    """A function that reads attributes of structs, for a quarter of what attrgetter takes."""
    return eval(function)


def values_of(value: Value) -> Values:
    """A row's value as :mod:`fluent_eql.fields` has it."""
    if value is None:
        return ()
    if value.__class__ is tuple:
        return tuple(item for item in value if item is not None)
    return (value,)


def fitting(names: Collection[str]) -> Iterator[str]:
    """Those of the names that can be columns together: none is the beginning of another."""
    starts = {name[:at] for name in names for at, sign in enumerate(name) if sign == "."}
    for name in names:
        if name not in starts and all(name.split(".")) and ESCAPED.search(name) is None:
            yield name

"""A field's values in a record, however the record spells the field."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from fluent_eql.event import BIN_HEADERS, decode_record, text_of

PLAIN = frozenset([str, int, float, bool])
VALUES = (*PLAIN, bytes)
NOTHING = "nothing"
"""An attribute that is None: with two of it, attrgetter always gives a tuple."""
MOST_FORMS = 16
"""Of a name's spellings: one of five parts has so many."""
MOST_AT_ONCE = 40
"""Fields that are read together; of more, few are asked for in each record."""

Values = tuple[Any, ...]

FieldValues = Mapping[str, Values]
"""Fields by their dotted names: all that are asked for are there."""


class Fields(dict[str, Values]):
    """The fields of one record by their dotted names.

    A name is found nested (``{"process": {"name": …}}``), flat (``{"process.name": …}``) and
    mixed; the values of all the forms there are add up. They are strings, integers, floats and
    booleans, in their order: arrays are flattened, also those on the way to the field. Null, empty
    arrays, objects and extension types are no values; bin is read as text.

    Values are looked for when they are first asked for. The record must not change meanwhile.
    """

    __slots__ = ("_record",)

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    def __missing__(self, name: str) -> Values:
        found: list[Any] = []
        _collect(self._record, _splits(name), found)
        values = self[name] = tuple(found)
        return values


class Projection:
    """Reads these fields, and only these, from raw records.

    Where it can it has msgspec decode them into a struct that has an attribute for each place
    where a part of a name may stand, which takes a quarter of the time of decoding all. Where that
    does not fit, as with an array of objects, all is decoded under the names' first parts. What
    does not fit that, such as text that is not UTF-8, is decoded whole; so is the record of which
    a field is asked for whose name does not fit.
    """

    def __init__(self, names: Iterable[str]) -> None:
        wanted = frozenset(names)
        self._names = tuple(sorted(name for name in wanted if _fits(name, wanted)))
        self._shape = shape = _Shape.of(frozenset(self._names))
        if shape is None:
            return
        self._decode = msgspec.msgpack.Decoder(shape.struct).decode
        self._ways = {name: _Ways(paths) for name, paths in shape.paths.items()}
        paths = [shape.paths[name] for name in self._names]
        self._usual = attrgetter(*(ways[0] for ways in paths), NOTHING, NOTHING)
        unusual = [way for ways in paths for way in ways[1:]]
        self._unusual = attrgetter(*unusual, NOTHING, NOTHING)
        self._no_unusual = (None,) * (len(unusual) + 2)
        try:
            self._tops = _Tops(wanted)
        except ValueError:  # a key that msgspec would have to escape in JSON
            self._tops = _Tops(self._names)
        self._are_few = len(wanted) <= MOST_AT_ONCE and len(wanted) == len(self._names)

    def leaves(self, raw: bytes) -> tuple[Any, ...] | None:
        """What stands where the names end, in the order of the names; None where nothing does.

        None alone where a record spells one of them in a rare way, where there are many names, or
        where the record cannot be read so. Raises nothing.
        """
        if self._shape is None or not self._are_few:
            return None
        try:
            root = self._decode(raw)
            if self._unusual(root) != self._no_unusual:
                return None
            found: tuple[Any, ...] = self._usual(root)
        except (msgspec.MsgspecError, ValueError, RecursionError, AttributeError):
            return None
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of :meth:`leaves`, which gives two more."""
        return self._names

    def fields(self, raw: bytes) -> FieldValues:
        """The fields of a record. Raises ValueError where ``raw`` is not one msgpack map."""
        if self._shape is None:
            return Fields(decode_record(raw))
        try:
            root = self._decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._tops.fields(raw)
        if self._are_few:
            try:
                if self._unusual(root) == self._no_unusual:
                    values = [
                        (leaf,)
                        if leaf.__class__ is str
                        else ()
                        if leaf is None
                        else _values_of(leaf)
                        for leaf in self._usual(root)
                    ]
                    return dict(zip(self._names, values, strict=False))
            except AttributeError:  # an object on the way is null
                pass
        return _ProjectedFields(root, self._ways, raw)


class _ProjectedFields(Fields):
    __slots__ = ("_ways", "_raw")

    def __init__(self, root: Any, ways: Mapping[str, _Ways], raw: bytes) -> None:
        self._record = root
        self._ways = ways
        self._raw = raw

    def __missing__(self, name: str) -> Values:
        ways = self._ways.get(name)
        if ways is None:
            values = Fields(decode_record(self._raw))[name]
        else:
            values = ways.values(self._record)
        self[name] = values
        return values


class _Tops:
    """Decodes of records only what stands under the keys with which some names may begin."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._keys = sorted({key for name in names for key, _ in _fronts(name)})
        attributes = [f"f{number}" for number in range(len(self._keys))]
        struct = msgspec.defstruct(
            "Tops",
            [(attribute, Any, None) for attribute in attributes],
            rename=dict(zip(attributes, self._keys, strict=True)),
            gc=False,
        )
        self._decode = msgspec.msgpack.Decoder(struct).decode

    def fields(self, raw: bytes) -> Fields:
        """Raises ValueError where ``raw`` is not one msgpack map."""
        if not any(header in raw for header in BIN_HEADERS):
            with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
                values = msgspec.structs.astuple(self._decode(raw))
                return _PartialFields(dict(zip(self._keys, values, strict=True)), self._names, raw)
        return Fields(decode_record(raw))


class _PartialFields(Fields):
    """Of a record that was decoded as far as some names need."""

    __slots__ = ("_names", "_raw")

    def __init__(self, record: Mapping[str, Any], names: Collection[str], raw: bytes) -> None:
        self._record = record
        self._names = names
        self._raw = raw

    def __missing__(self, name: str) -> Values:
        if name not in self._names:
            self._record = decode_record(self._raw)
        return super().__missing__(name)


class _Ways:
    """The places of a struct where the values of one field may stand."""

    __slots__ = ("_paths", "_leaves")

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._leaves = attrgetter(*paths, NOTHING, NOTHING)

    def values(self, root: Any) -> Values:
        try:
            leaves = [leaf for leaf in self._leaves(root) if leaf is not None]
        except AttributeError:  # an object on the way is null
            leaves = [_leaf(root, path) for path in self._paths]
        if len(leaves) == 1:
            return _values_of(leaves[0])
        return tuple(value for leaf in leaves for value in _values_of(leaf))


def _leaf(root: Any, path: str) -> Any:
    for attribute in path.split("."):
        root = getattr(root, attribute, None)
    return root


def _fits(name: str, names: Iterable[str]) -> bool:
    """Whether a name has few spellings, and is not the beginning of another."""
    has_few_forms = 2 ** name.count(".") <= MOST_FORMS
    return has_few_forms and not any(other.startswith(f"{name}.") for other in names)


Splits = tuple[tuple[str, "Splits | None"], ...]
"""The ways to take a key off a name's front: the key, and those of the rest or None."""


@lru_cache(maxsize=4096)
def _splits(name: str) -> Splits:
    return tuple((key, _splits(rest) if rest is not None else None) for key, rest in _fronts(name))


def _fronts(name: str) -> list[tuple[str, str | None]]:
    """The keys that may stand at a name's front, each with the rest of the name."""
    parts = name.split(".")
    fronts: list[tuple[str, str | None]] = [
        (".".join(parts[:size]), ".".join(parts[size:])) for size in range(1, len(parts))
    ]
    return [*fronts, (name, None)]


class _Shape:
    """A struct for the places where some names' parts may stand, and the paths to their values.

    ``paths`` are those of each name, with dots between the attributes.
    """

    def __init__(self, struct: type[msgspec.Struct], paths: dict[str, list[str]]) -> None:
        self.struct = struct
        self.paths = paths

    @classmethod
    def of(cls, names: frozenset[str]) -> _Shape | None:
        """None where there can be no such struct: one name is the beginning of another."""
        if any(2 ** name.count(".") > MOST_FORMS for name in names):
            return None
        leaves: dict[str, str] = {}
        rests: dict[str, set[str]] = {}
        for name in names:
            for key, rest in _fronts(name):
                if rest is None:
                    leaves[key] = name
                else:
                    rests.setdefault(key, set()).add(rest)
        inner = {key: cls.of(frozenset(rest)) for key, rest in rests.items()}
        if leaves.keys() & inner.keys() or None in inner.values():
            return None
        return cls._made({key: shape for key, shape in inner.items() if shape}, leaves)

    @classmethod
    def _made(cls, inner: dict[str, _Shape], leaves: dict[str, str]) -> _Shape | None:
        keys = [*inner, *leaves]
        attributes = {key: f"f{number}" for number, key in enumerate(keys)}
        fields: list[Any] = [
            (attributes[key], shape.struct | None, shape.struct()) for key, shape in inner.items()
        ]
        fields += [(attributes[key], Any, None) for key in leaves]
        try:
            struct = msgspec.defstruct(
                "Shape",
                fields,
                frozen=True,
                gc=False,
                rename={attribute: key for key, attribute in attributes.items()},
                namespace={NOTHING: None},
            )
        except ValueError:  # a key that msgspec would have to escape in JSON
            return None
        paths: dict[str, list[str]] = {}
        for key, shape in inner.items():
            for rest, ways in shape.paths.items():
                name = f"{key}.{rest}"
                paths.setdefault(name, []).extend(f"{attributes[key]}.{way}" for way in ways)
        for key, name in leaves.items():
            paths.setdefault(name, []).append(attributes[key])
        return cls(struct, paths)


def _values_of(leaf: Any) -> Values:
    """The scalars of what stands where a name ends."""
    if leaf.__class__ in PLAIN:
        return (leaf,)
    if leaf is None:
        return ()
    if isinstance(leaf, list):
        if len(leaf) == 1 and leaf[0].__class__ in PLAIN:
            return (leaf[0],)
        if set(map(type, leaf)) <= PLAIN:
            return tuple(leaf)
        leaf = _items(leaf)
    else:
        leaf = (leaf,)
    return tuple(
        text_of(item) if isinstance(item, bytes) else item
        for item in leaf
        if isinstance(item, VALUES)
    )


def _collect(record: Mapping[str, Any], splits: Splits, found: list[Any]) -> None:
    for key, rest in splits:
        value = record.get(key)
        if value is None:
            continue
        if rest is None:
            found += _values_of(value)
            continue
        for item in _items(value) if isinstance(value, list) else (value,):
            if isinstance(item, dict):
                _collect(item, rest, found)


def _items(array: list[Any]) -> Iterator[Any]:
    """What an array and the arrays in it hold, however deep, without recursion."""
    stack = [iter(array)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()

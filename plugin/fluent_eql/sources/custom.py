"""One's own mapping: the ``fields`` of a filter's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from fluent_eql import options
from fluent_eql.options import Named, option
from fluent_eql.sources.mapping import Alternative, Constant, Fixed, Path, Place, path
from fluent_eql.sources.transforms import TRANSFORMS

WORDS = {"true": True, "false": False}


def source_field(text: str) -> Path:
    """The name of a field in the record. Raises ValueError as :func:`mapping.path` does."""
    return path(text)


def constant(text: str) -> Constant:
    """``true``, ``false`` and whole numbers as such, all else as text. Raises ValueError."""
    if text in WORDS:
        return WORDS[text]
    try:
        return options.integer(-(2**63), 2**63 - 1)(text)
    except ValueError:
        return options.text(text)


@dataclass(frozen=True, slots=True)
class MappedValue:
    """A value of the source's field, as text, and what it stands for."""

    text: str
    value: Constant


def value_map(text: str) -> NoReturn:
    """Refuse what is no map of values."""
    raise ValueError(f"expected a map of values, found {text!r}")


def mapped_value(found: Named) -> MappedValue:
    """What stands under a value."""
    return MappedValue(found.name, constant(found.value))


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """The keys under an ECS field: where its values come from."""

    names: tuple[Path, ...] = option(
        "from",
        source_field,
        "fields of the record; the first one with a value counts",
        default=(),
        many=True,
    )
    convert: str | None = option(
        "as",
        options.choice(*TRANSFORMS),
        "what is made of the values",
        default=None,
    )
    values: tuple[MappedValue, ...] = option(
        "values",
        value_map,
        "what values stand for; those that are not named here count for nothing",
        default=(),
        many=True,
        named=mapped_value,
    )
    value: Constant | None = option(
        "value",
        constant,
        "a value for every record, where none of the fields has one",
        default=None,
    )

    def __post_init__(self) -> None:
        if not self.names and self.value is None:
            raise ValueError("expected from or value, found neither")
        if not self.names and (self.convert or self.values):
            raise ValueError("as and values are for the values of fields: from is missing")
        if len({item.text for item in self.values}) < len(self.values):
            raise ValueError("values: a value is given twice")

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Where the field's values are, as a mapping has it."""
        transform = TRANSFORMS[self.convert] if self.convert else None
        values = {item.text: item.value for item in self.values} or None
        found: tuple[Alternative, ...] = tuple(
            Place(name, transform, values) for name in self.names
        )
        return found if self.value is None else (*found, Fixed(self.value))


@dataclass(frozen=True, slots=True)
class MappedField:
    """An ECS field by its name, and where its values come from."""

    name: str
    mapping: FieldMapping


def mapped_field(found: Named) -> MappedField:
    """What stands under an ECS field's name."""
    return MappedField(found.name, found.value)


def map_of_fields(text: str) -> NoReturn:
    """Refuse what is no map of ECS fields."""
    raise ValueError(f"expected a map of ECS fields, found {text!r}")

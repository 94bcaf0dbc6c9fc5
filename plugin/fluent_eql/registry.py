"""The filters that a configuration can name.

Installed packages announce theirs by an entry point of the group ``fluent_eql.filters``. An entry
point is imported when its filter is first asked for, and what it names is checked there and then
against :class:`fluent_eql.api.FilterPlugin`, so that an error names the culprit before a record
flows.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from fluent_eql.api import Filter, FilterPlugin
from fluent_eql.errors import FilterError, FluentEqlError

GROUP = "fluent_eql.filters"

RESERVED_KEYS = frozenset({"name", "alias", "match", "match_regex", "tag_prefix"})
"""Keys of a filter section that the pipeline reads; a filter's options may not use them."""

FILTER_METHODS = ("screen", "process", "advance", "next_deadline", "flush", "metrics")


class FilterRegistry:
    """Filter plugins by name. Names are looked up in any case."""

    def __init__(self, found: Iterable[EntryPoint] = ()) -> None:
        self._plugins: dict[str, FilterPlugin] = {}
        self._origins: dict[str, str] = {}
        self._found: dict[str, list[EntryPoint]] = {}
        for entry_point in found:
            self._found.setdefault(entry_point.name.lower(), []).append(entry_point)

    def register(self, name: str, plugin: object, *, origin: str = "") -> None:
        """Add a plugin, in the place of one with that name; for tests and for embedding.

        ``plugin`` is a class, or any object, as :class:`fluent_eql.api.FilterPlugin` describes
        it; ``origin`` says in errors where it comes from. Raises FilterError if the plugin does
        not honour the contract.
        """
        key = name.lower()
        check_plugin(plugin, culprit=_culprit(key, origin))
        self._plugins[key] = cast(FilterPlugin, plugin)
        self._origins[key] = origin

    def names(self) -> list[str]:
        """All names that :meth:`get` knows, sorted. Imports nothing."""
        return sorted({*self._plugins, *self._found})

    def get(self, name: str) -> FilterPlugin:
        """The plugin with this name.

        Raises FilterError for an unknown name (with the nearest known one), and for an entry
        point that cannot be imported, is ambiguous or breaks the contract.
        """
        key = name.lower()
        if key not in self._plugins:
            entry_point = self._entry_point(key)
            self.register(key, _load(entry_point), origin=_distribution(entry_point))
        return self._plugins[key]

    def make(self, name: str, options: Any) -> Filter:
        """Make a filter from an instance of its plugin's ``Options``.

        Raises the plugin's own FluentEqlError, and FilterError for a plugin that fails
        otherwise or makes something that is no Filter.
        """
        return make_filter(self.get(name), options, culprit=self.culprit(name))

    def culprit(self, name: str) -> str:
        """A filter as errors name it, with the package that it came from where that is known."""
        return _culprit(name.lower(), self._origins.get(name.lower(), ""))

    def _entry_point(self, name: str) -> EntryPoint:
        found = self._found.get(name)
        if not found:
            raise FilterError(f"no filter is named {name!r}{self._suggestion(name)}")
        if len({entry_point.value for entry_point in found}) > 1:
            origins = " and ".join(sorted({_distribution(point) for point in found}))
            raise FilterError(f"the filter name {name!r} is claimed by {origins}")
        return found[0]

    def _suggestion(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.names(), n=1)
        if near:
            return f"; did you mean {near[0]}?"
        return f"; there are {', '.join(self.names())}" if self.names() else ""


@functools.cache
def installed() -> FilterRegistry:
    """The registry of what is installed; the same object at every call."""
    return FilterRegistry(entry_points(group=GROUP))


def check_plugin(plugin: object, *, culprit: str) -> None:
    """Check ``Options`` and ``create``. Raises FilterError that names ``culprit``."""
    _check_schema(getattr(plugin, "Options", None), culprit, "Options", RESERVED_KEYS)
    _check_create(getattr(plugin, "create", None), culprit)


def make_filter(plugin: FilterPlugin, options: Any, *, culprit: str) -> Filter:
    """Call ``plugin.create`` and check what it made; raises as :meth:`FilterRegistry.make` does."""
    try:
        made: object = plugin.create(options)
    except FluentEqlError:
        raise
    except Exception as error:
        raise FilterError(f"{culprit}: create failed: {_describe(error)}") from error
    missing = [name for name in FILTER_METHODS if not callable(getattr(made, name, None))]
    if missing:
        kind = type(made).__name__
        raise FilterError(f"{culprit}: create made a {kind} without {', '.join(missing)}")
    assert isinstance(made, Filter)
    return made


def _check_schema(schema: object, culprit: str, name: str, reserved: frozenset[str]) -> None:
    """Check the dataclass ``name`` of options, and those of the maps that they take."""
    if not isinstance(schema, type) or not dataclasses.is_dataclass(schema):
        raise FilterError(f"{culprit}: expected a dataclass under the name {name}")
    parameters: Any = getattr(schema, "__dataclass_params__", None)
    if not parameters.frozen:
        raise FilterError(f"{culprit}: its {name} dataclass is not frozen")
    seen: set[str] = set()
    for field in dataclasses.fields(schema):
        spec = field.metadata.get("option")
        if spec is None:
            raise FilterError(f"{culprit}: {name}.{field.name} is not made with option()")
        if spec.key != spec.key.lower():
            raise FilterError(f"{culprit}: the option key {spec.key!r} is not in lower case")
        if spec.key in reserved:
            raise FilterError(f"{culprit}: the option key {spec.key!r} belongs to the pipeline")
        if spec.key in seen:
            raise FilterError(f"{culprit}: the option key {spec.key!r} is used twice")
        seen.add(spec.key)
        if spec.schema is not None:
            _check_schema(spec.schema, f"{culprit}, option {spec.key}", "schema", frozenset())


def _check_create(create: Any, culprit: str) -> None:
    if not callable(create):
        raise FilterError(f"{culprit}: expected a class method create(options)")
    try:
        inspect.signature(create).bind(None)
    except ValueError:
        return
    except TypeError as error:
        raise FilterError(
            f"{culprit}: create must take the options alone: a class method create(cls, options)"
        ) from error


def _load(entry_point: EntryPoint) -> Any:
    try:
        return entry_point.load()
    except Exception as error:
        culprit = _culprit(entry_point.name, _distribution(entry_point))
        raise FilterError(
            f"{culprit}: {entry_point.value} cannot be imported: {_describe(error)}"
        ) from error


def _culprit(name: str, origin: str) -> str:
    return f"filter {name} ({origin})" if origin else f"filter {name}"


def _distribution(entry_point: EntryPoint) -> str:
    dist = entry_point.dist
    return f"{dist.name} {dist.version}" if dist else entry_point.value


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

"""The functions of EQL, by name.

Names, arguments and case-insensitive forms are those of Elasticsearch's "EQL function reference".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import partial
from typing import Any

from fluent_eql.lang import texts
from fluent_eql.lang.numbers import OPERATIONS, parse_number


class ValueType(Enum):
    """What a value can be; it is named by how a message calls it."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"


STRING, NUMBER, BOOLEAN = ValueType
ANY = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function and how it may be called.

    ``parameters`` are the types it takes, ANY for all; of ``variadic`` ones the last repeats.
    ``least`` is how many arguments it needs: the ones after may be null, too. ``run`` gives a
    result, None for null, of the type ``returns``, whatever the values. ``insensitive`` says
    whether a ``~`` may follow the name; ``run`` has an option of that name then.
    """

    name: str
    run: Callable[..., Any]
    parameters: tuple[ValueType | None, ...]
    returns: ValueType
    least: int
    variadic: bool = False
    insensitive: bool = False

    @property
    def most(self) -> int | None:
        """The largest number of arguments; None where it has no limit."""
        return None if self.variadic else len(self.parameters)

    @property
    def arity(self) -> str:
        """The number of arguments in words."""
        if self.most is not None and self.least != self.most:
            return f"{self.least} to {self.most} arguments"
        count = "at least " if self.most is None else ""
        return f"{count}{self.least} argument{'s' if self.least > 1 else ''}"

    def parameter(self, index: int) -> ValueType | None:
        """The type of the argument at ``index``, ANY for all."""
        return self.parameters[min(index, len(self.parameters) - 1)]

    def runner(self, insensitive: bool) -> Callable[..., Any]:
        """What computes the result, of ``name~`` if ``insensitive``."""
        return partial(self.run, insensitive=True) if insensitive else self.run


def _cidr_match(*values: Any) -> bool | None:
    raise TypeError("cidrMatch is built for its networks, see fluent_eql.lang.values")


def _arithmetic(name: str, operator: str) -> Function:
    return Function(name, OPERATIONS[operator], (NUMBER, NUMBER), NUMBER, 2)


def _test(name: str, run: Callable[..., Any]) -> Function:
    return Function(name, run, (STRING, STRING), BOOLEAN, 2, insensitive=True)


FUNCTIONS = {
    function.name.lower(): function
    for function in (
        _arithmetic("add", "+"),
        Function(
            "between",
            texts.between,
            (STRING, STRING, STRING, BOOLEAN),
            STRING,
            3,
            insensitive=True,
        ),
        Function("cidrMatch", _cidr_match, (STRING, STRING), BOOLEAN, 2, variadic=True),
        Function("concat", texts.concat, (ANY,), STRING, 1, variadic=True),
        _arithmetic("divide", "/"),
        _test("endsWith", texts.ends_with),
        Function("indexOf", texts.index_of, (STRING, STRING, NUMBER), NUMBER, 2, insensitive=True),
        Function("length", texts.length, (STRING,), NUMBER, 1),
        _arithmetic("modulo", "%"),
        _arithmetic("multiply", "*"),
        Function("number", parse_number, (STRING, NUMBER), NUMBER, 1),
        _test("startsWith", texts.starts_with),
        Function("string", texts.to_string, (ANY,), STRING, 1),
        _test("stringContains", texts.contains),
        Function("substring", texts.substring, (STRING, NUMBER, NUMBER), STRING, 2),
        _arithmetic("subtract", "-"),
    )
}

BY_OPERATOR = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "modulo",
}
"""The function that an operator of arithmetic stands for."""


def find_function(name: str) -> Function | None:
    """The function of that name, in any case; None where there is none."""
    return FUNCTIONS.get(name.lower())


def similar_function(name: str) -> str | None:
    """The name of the function that was probably meant."""
    close = get_close_matches(name.lower(), FUNCTIONS, n=1)
    return FUNCTIONS[close[0]].name if close else None

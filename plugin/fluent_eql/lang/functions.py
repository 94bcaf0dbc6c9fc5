"""The functions of EQL, by name.

Names, arguments and case-insensitive forms are those of Elasticsearch's "EQL function reference".
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Function:
    """A function and how it may be called.

    ``most`` is None where the number of arguments has no limit, ``insensitive`` says whether a
    ``~`` may follow the name, ``built`` whether this version can run it.
    """

    name: str
    least: int
    most: int | None
    insensitive: bool = False
    built: bool = False

    @property
    def arity(self) -> str:
        """The number of arguments in words."""
        if self.most is not None and self.least != self.most:
            return f"{self.least} to {self.most} arguments"
        count = "at least " if self.most is None else ""
        return f"{count}{self.least} argument{'s' if self.least > 1 else ''}"


FUNCTIONS = {
    function.name.lower(): function
    for function in (
        Function("add", 2, 2),
        Function("between", 3, 4, insensitive=True),
        Function("cidrMatch", 2, None, built=True),
        Function("concat", 1, None),
        Function("divide", 2, 2),
        Function("endsWith", 2, 2, insensitive=True),
        Function("indexOf", 2, 3, insensitive=True),
        Function("length", 1, 1),
        Function("modulo", 2, 2),
        Function("multiply", 2, 2),
        Function("number", 1, 2),
        Function("startsWith", 2, 2, insensitive=True),
        Function("string", 1, 1),
        Function("stringContains", 2, 2, insensitive=True),
        Function("substring", 2, 3),
        Function("subtract", 2, 2),
    )
}


def find_function(name: str) -> Function | None:
    """The function of that name, in any case; None where there is none."""
    return FUNCTIONS.get(name.lower())


def similar_function(name: str) -> str | None:
    """The name of the function that was probably meant."""
    close = get_close_matches(name.lower(), FUNCTIONS, n=1)
    return FUNCTIONS[close[0]].name if close else None

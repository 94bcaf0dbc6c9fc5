"""Values that may pass a test of a condition: guesses, each to be tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, permutations, product
from typing import Any

from fluent_eql.lang import nodes
from fluent_eql.lang.lucene import (
    Chars,
    Complement,
    Concatenation,
    Intersection,
    Interval,
    Node,
    Repetition,
    Text,
    Union,
    parse_regex,
)
from fluent_eql.lang.networks import parse_network

LONG = 2_500
"""Characters; more than a condition is likely to ask for."""
ANYTHING = (
    *("value", "q7", "/k/v.z", "HOST7", "198.51.100.7", "k.example.test", ""),
    *(7, 4711, 70_000, -3, 0.5, True, False, "x" * LONG),
)
"""What a field may hold of which nothing is known."""
FILLS = ("", "k", "q7", "/v/w", "\\v\\w.z", " -u 9 ", "x" * LONG)
"""What a ``*`` may stand for."""
CHARACTERS = ("k", "C", "7", "_", "/", " ", "-", "é")
"""What a ``?`` may stand for, and a character class."""
PLACES = {"startsWith": ("", "*"), "endsWith": ("*", ""), "stringContains": ("*", "*")}
"""Where more may stand beside the text that these functions look for."""
MOST_TEXTS = 30
MOST_LITERALS = 4

Scalar = str | int | float | bool


def candidates(test: nodes.Expression, others: Sequence[str] = ()) -> list[Scalar]:
    """Values of a test's only field of which one may pass, as far as can be guessed.

    ``others`` are texts that the value should hold as well.
    """
    match test:
        case nodes.Comparison(operator, nodes.Field(), nodes.Literal(value=value)):
            found = _near(value) if operator not in ("==", "!=") else _scalars([value])
        case nodes.Membership(nodes.Field(), _, values):
            found = _scalars(literal.value for literal in _literals(values))
        case nodes.PatternMatch(operator, nodes.Field(), patterns):
            texts = [str(pattern.value) for pattern in patterns]
            if operator.startswith("regex"):
                found = [made for text in texts for made in of_regex(parse_regex(text))]
            else:
                found = [made for text in texts for made in of_wildcard(text, others)]
        case nodes.FunctionCall("cidrMatch", _, (nodes.Field(), *networks)):
            found = [_address(str(literal.value)) for literal in _literals(networks)]
        case nodes.FunctionCall(name, _, (nodes.Field(), nodes.Literal(str(text)))) if (
            name in PLACES
        ):
            left, right = PLACES[name]
            found = [(left and fill) + text + (right and fill) for fill in _fills(others)]
        case _:
            found = _around([*_literals_in(test), *others])
    return distinct(found)


def related(value: Scalar) -> list[Scalar]:
    """Values that a computation may find to go with a value of another field."""
    if not isinstance(value, str) or len(value) == LONG:
        return [value]
    parts = [value[: value.rfind(sign) + 1] for sign in "/\\.@" if sign in value]
    longer = [value + end for end in ("x", ".k.test", "$", "/k.z")]
    return [value, *longer, *parts, value[:-1], value[:3], f"x{value}", f"x {value} y"]


def distinct(values: Iterable[Any]) -> list[Any]:
    """The values without repetitions; true is not 1, nor is 1.0."""
    return list({(type(value), value): value for value in values}.values())


def of_wildcard(pattern: str, others: Sequence[str] = ()) -> Iterator[str]:
    """Texts that a wildcard pattern matches."""
    if "*" not in pattern and "?" not in pattern:
        yield pattern
        return
    for fill, char in product(_fills(others), CHARACTERS if "?" in pattern else "?"):
        yield pattern.replace("?", char).replace("*", fill)


def _fills(others: Sequence[str]) -> tuple[str, ...]:
    return (*FILLS, *others, " ".join(others))


def of_regex(node: Node) -> list[str]:
    """Texts most of which a regular expression matches."""
    match node:
        case Text(text):
            return [text]
        case Chars():
            return [char for char in _some_of(node) if _holds(node, char)]
        case Interval(low, high, digits):
            return [str(number).zfill(digits or 1) for number in (low, high)]
        case Concatenation(parts):
            columns = [of_regex(part) for part in parts]
            firsts = [column[: max(1, 12 // len(parts))] for column in columns]
            return ["".join(chosen) for chosen in islice(product(*firsts), MOST_TEXTS)]
        case Union(parts) | Intersection(parts):
            return [text for part in parts for text in of_regex(part)][:MOST_TEXTS]
        case Complement():
            return [text for text in ANYTHING if isinstance(text, str)]
        case Repetition(part, least, most):
            return [_repeated(of_regex(part), times) for times in _times(least, most)]
    raise TypeError(f"no regular expression: {node}")


def _times(least: int, most: int | None) -> list[int]:
    return [times for times in (least, least + 1, least + 7) if most is None or times <= most]


def _repeated(texts: Sequence[str], times: int) -> str:
    """Of each text one after another, as far as ``times`` goes."""
    return "".join(texts[number % len(texts)] for number in range(times)) if texts else ""


def _some_of(chars: Chars) -> list[str]:
    if chars.negated:
        return list(CHARACTERS)
    ranged = [chr(point) for low, high in chars.ranges for point in (low, (low + high) // 2)]
    return [*chars.single, *ranged]


def _holds(chars: Chars, char: str) -> bool:
    listed = char in chars.single or any(low <= ord(char) <= high for low, high in chars.ranges)
    return listed is not chars.negated


def _near(bound: nodes.Value) -> list[Scalar]:
    """Values below, at and above a bound."""
    if isinstance(bound, str):
        return [bound, f"{bound}k", bound[:-1]]
    if bound is None or isinstance(bound, bool):
        return _scalars([bound])
    return [bound, bound + 1, bound - 1, bound + 0.5, bound - 0.5]


def _address(network: str) -> str:
    """An address within a network, the second where there is one."""
    found = parse_network(network)
    return str(found[min(1, found.num_addresses - 1)])


def _around(literals: Sequence[Scalar]) -> list[Scalar]:
    """Values made of the literals that stand in a computation."""
    texts = [value for value in literals if isinstance(value, str)][:MOST_LITERALS]
    numbers = [value for value in literals if not isinstance(value, str | bool)]
    made: list[Scalar] = [*literals, *ANYTHING]
    for size in range(1, len(texts) + 1):
        for chosen in permutations(texts, size):
            made += ["".join(chosen), "k".join(chosen), f"k {' '.join(chosen)} k"]
    for number in numbers:
        made += [*_near(number), -number]
        if 0 <= number < LONG:
            lengths = (int(number) + extra for extra in (-1, 0, 1))
            made += ["x" * length for length in lengths if length >= 0]
    made += [left + right for left in numbers for right in numbers]
    made += [left - right for left in numbers for right in numbers]
    made += [str(number) for number in numbers]
    return made


def _literals_in(node: nodes.Expression) -> Iterator[Scalar]:
    match node:
        case nodes.Literal(value) if value is not None:
            yield value
        case nodes.And(parts) | nodes.Or(parts) | nodes.FunctionCall(_, _, parts):
            for part in parts:
                yield from _literals_in(part)
        case nodes.Comparison(_, left, right):
            yield from (*_literals_in(left), *_literals_in(right))
        case nodes.Membership(operand, _, values):
            yield from (*_literals_in(operand), *(_scalars(v.value for v in _literals(values))))
        case nodes.PatternMatch(_, operand, patterns):
            fitting = [next(iter(of_wildcard(str(pattern.value)))) for pattern in patterns]
            yield from (*_literals_in(operand), *fitting)
        case nodes.Not(operand):
            yield from _literals_in(operand)


def _literals(values: Iterable[nodes.Expression]) -> list[nodes.Literal]:
    return [value for value in values if isinstance(value, nodes.Literal)]


def _scalars(values: Iterable[nodes.Value]) -> list[Scalar]:
    return [value for value in values if value is not None]

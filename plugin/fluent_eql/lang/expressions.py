"""The grammar of conditions: what stands after ``where``.

From loose to tight: ``or``, ``and``, ``not``, comparisons (which do not chain), ``+ -``, ``* / %``,
sign, and the predicates ``in like : regex`` on a single operand.
"""

from __future__ import annotations

from fluent_eql.lang.cursor import Cursor, is_one_of
from fluent_eql.lang.nodes import (
    And,
    Arithmetic,
    Comparison,
    Expression,
    Field,
    FunctionCall,
    Literal,
    Membership,
    Negative,
    Not,
    Or,
    PatternMatch,
)
from fluent_eql.lang.tokens import Kind, Token

OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN = range(7)
BINARY = {
    "or": OR,
    "and": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
}
PATTERN_OPERATORS = (":", "like", "like~", "regex", "regex~")
MOST_PARTS = 32
CONSTANTS = {"true": True, "false": False, "null": None}


def parse_expression(cursor: Cursor) -> Expression:
    """Read one condition or value."""
    return _expression(cursor, OR)


def parse_field(cursor: Cursor) -> Field:
    """Read a field name: parts, plain or in backticks, joined by dots; ``?`` before it."""
    start = cursor.token
    optional = cursor.accept("?") is not None
    parts = [_name_part(cursor, first=True)]
    while cursor.accept("."):
        parts.append(_name_part(cursor, first=False))
    name = ".".join(parts)
    if name.count(".") >= MOST_PARTS:
        message = f"expected a field name of at most {MOST_PARTS} parts"
        raise cursor.error(message, start.position)
    return Field(name, optional, start.position)


def _name_part(cursor: Cursor, *, first: bool) -> str:
    token = cursor.token
    plain = token.kind is Kind.NAME or (token.kind is Kind.KEYWORD and not first)
    if (plain and not token.text.endswith("~")) or token.kind is Kind.QUOTED_NAME:
        return str(cursor.take().value)
    raise cursor.unexpected("expected a field name")


def _expression(cursor: Cursor, level: int) -> Expression:
    with cursor.nested():
        left = _operand(cursor, level)
        while _level(cursor.token) >= level:
            left = _binary(cursor, left)
        return left


def _level(token: Token) -> int:
    return BINARY.get(token.text, -1) if token.kind in (Kind.KEYWORD, Kind.SYMBOL) else -1


def _binary(cursor: Cursor, left: Expression) -> Expression:
    operator = cursor.take()
    level = BINARY[operator.text]
    right = _expression(cursor, level + 1)
    if level == OR:
        operands = (*left.operands, right) if isinstance(left, Or) else (left, right)
        return Or(operands, operands[0].position)
    if level == AND:
        operands = (*left.operands, right) if isinstance(left, And) else (left, right)
        return And(operands, operands[0].position)
    if level == COMPARISON:
        if _level(cursor.token) == COMPARISON:
            raise cursor.unexpected("expected and, or, or the end: comparisons do not chain")
        return Comparison(operator.text, left, right, operator.position)
    return Arithmetic(operator.text, left, right, operator.position)


def _operand(cursor: Cursor, level: int) -> Expression:
    if cursor.at("not") and level <= NOT:
        position = cursor.take().position
        return Not(_expression(cursor, NOT), position)
    if cursor.at("-", "+"):
        sign = cursor.take()
        operand = _expression(cursor, SIGN)
        return _signed(sign, operand)
    return _with_predicate(cursor, _primary(cursor))


def _signed(sign: Token, operand: Expression) -> Expression:
    if sign.text == "+":
        return operand
    if isinstance(operand, Literal) and type(operand.value) in (int, float):
        return Literal(-operand.value, sign.position)  # type: ignore[operator]
    return Negative(operand, sign.position)


def _primary(cursor: Cursor) -> Expression:
    token = cursor.token
    if cursor.accept("("):
        inner = _expression(cursor, OR)
        cursor.expect(")")
        return inner
    if _is_constant(token):
        return _constant(cursor)
    if token.kind is Kind.NAME and is_one_of(cursor.following, ("(",)):
        return _call(cursor)
    if token.kind in (Kind.NAME, Kind.QUOTED_NAME) or cursor.at("?"):
        field = parse_field(cursor)
        if cursor.at("["):
            raise cursor.unexpected("expected no index: a field stands for all of its values")
        return field
    raise cursor.unexpected("expected a field, a value, a function or (")


def _is_constant(token: Token) -> bool:
    if token.kind is Kind.KEYWORD:
        return token.text in CONSTANTS
    return token.kind in (Kind.STRING, Kind.INTEGER, Kind.DECIMAL)


def _constant(cursor: Cursor) -> Literal:
    if not _is_constant(cursor.token):
        raise cursor.unexpected("expected a value")
    token = cursor.take()
    value = CONSTANTS[token.text] if token.kind is Kind.KEYWORD else token.value
    return Literal(value, token.position)


def _call(cursor: Cursor) -> FunctionCall:
    name = cursor.take()
    arguments = _list(cursor)
    insensitive = name.text.endswith("~")
    return FunctionCall(name.text.removesuffix("~"), insensitive, arguments, name.position)


def _list(cursor: Cursor) -> tuple[Expression, ...]:
    """Read a list in parentheses; it may be empty."""
    cursor.expect("(")
    if cursor.accept(")"):
        return ()
    values = [_expression(cursor, OR)]
    while cursor.accept(","):
        values.append(_expression(cursor, OR))
    cursor.expect(")")
    return tuple(values)


def _with_predicate(cursor: Cursor, operand: Expression) -> Expression:
    if cursor.at("not") and is_one_of(cursor.following, ("in", "in~")):
        position = cursor.take().position
        return Not(_membership(cursor, operand), position)
    if cursor.at("not") and is_one_of(cursor.following, PATTERN_OPERATORS):
        wanted = f"expected not before the field (not field {cursor.following} …)"
        raise cursor.unexpected(wanted)
    if cursor.at("in", "in~"):
        return _membership(cursor, operand)
    if cursor.at(*PATTERN_OPERATORS):
        operator = cursor.take()
        return PatternMatch(operator.text, operand, _patterns(cursor), operator.position)
    return operand


def _membership(cursor: Cursor, operand: Expression) -> Membership:
    operator = cursor.take()
    return Membership(operand, operator.text == "in~", _list(cursor), operator.position)


def _patterns(cursor: Cursor) -> tuple[Literal, ...]:
    if not cursor.accept("("):
        return (_constant(cursor),)
    if cursor.accept(")"):
        return ()
    patterns = [_constant(cursor)]
    while cursor.accept(","):
        patterns.append(_constant(cursor))
    cursor.expect(")")
    return tuple(patterns)

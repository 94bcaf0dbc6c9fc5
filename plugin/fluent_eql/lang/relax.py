"""What can be told of a condition from some of its fields alone."""

from __future__ import annotations

from collections.abc import Collection

from fluent_eql.lang import nodes


def relaxed(expression: nodes.Expression, names: Collection[str]) -> nodes.Expression | None:
    """A condition on no other fields than these that holds wherever ``expression`` holds.

    None where that would be any event. ``expression`` is in normal form.
    """
    match expression:
        case nodes.And(operands, position):
            parts = [relaxed(operand, names) for operand in operands]
            left = tuple(part for part in parts if part is not None)
            if len(left) < 2:
                return left[0] if left else None
            return nodes.And(left, position)
        case nodes.Or(operands, position):
            parts = [relaxed(operand, names) for operand in operands]
            left = tuple(part for part in parts if part is not None)
            return nodes.Or(left, position) if len(left) == len(parts) else None
    return expression if all(name in names for name in nodes.field_names(expression)) else None

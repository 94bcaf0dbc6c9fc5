"""YAML scalars as values of a record.

YAML has too many ways to make something else of a text: ``on`` and ``no`` are booleans to it,
``12:30`` is a number and ``2026-11-24`` a date. Here only what JSON would call a boolean, a null,
a whole or a decimal number is one, and only where it is not quoted.
"""

from __future__ import annotations

import re

import yaml

WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
BOOLEANS = {"true": True, "false": False}
LEAST, MOST = -(2**63), 2**64 - 1
"""The whole numbers that a msgpack record can hold."""

STRING_TAG = "tag:yaml.org,2002:str"
NULL_TAG = "tag:yaml.org,2002:null"

Scalar = str | int | float | bool | None


def scalar_of(node: yaml.ScalarNode) -> Scalar:
    """The value that a scalar stands for.

    Raises ValueError for what no record can hold: a whole number of more than 64 bits, and half
    of a surrogate pair.
    """
    text: str = node.value
    if node.style is None and node.tag != STRING_TAG:
        if node.tag == NULL_TAG:
            return None
        if text in BOOLEANS:
            return BOOLEANS[text]
        if WHOLE.fullmatch(text):
            return _whole(text)
        if DECIMAL.fullmatch(text):
            return float(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected a text, found half of a surrogate pair in it") from None
    return text


def _whole(text: str) -> int:
    if len(text) > len(str(LEAST)) or not LEAST <= int(text) <= MOST:
        raise ValueError(f"expected a whole number of at most 64 bits, found {text[:40]}")
    return int(text)

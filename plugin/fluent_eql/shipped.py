"""Where the rules that come with the package lie."""

from __future__ import annotations

import sys
from pathlib import Path

from fluent_eql.errors import RuleErrors, RuleFileError

RULES = Path("conf", "rules")


def shipped_rules() -> Path:
    """The folder of the shipped rules: in a checkout, else where the wheel installs data.

    Raises RuleErrors naming the places looked at.
    """
    checkout = Path(__file__).resolve().parents[2] / RULES
    installed = Path(sys.prefix, "share", "fluent-eql") / RULES
    for folder in (checkout, installed):
        if folder.is_dir():
            return folder
    message = f"expected the shipped rules here or in {installed}"
    raise RuleErrors([RuleFileError(message, source=str(checkout))])

"""Where the rules that come with the package lie."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from fluent_eql.errors import RuleErrors, RuleFileError

RULES = Path("conf", "rules")


def shipped_rules() -> Path:
    """The folder of the shipped rules: in a checkout, else where the wheel installs data.

    Raises RuleErrors naming the places looked at.
    """
    checkout = Path(__file__).resolve().parents[2] / RULES
    installed = [Path(folder, "share", "fluent-eql") / RULES for folder in _data_folders()]
    for folder in (checkout, *installed):
        if folder.is_dir():
            return folder
    message = f"expected the shipped rules here or in {' or '.join(map(str, installed))}"
    raise RuleErrors([RuleFileError(message, source=str(checkout))])


def _data_folders() -> Iterator[str]:
    """Where installers put a wheel's data: of an environment, a system, a user."""
    system = sysconfig.get_path("data")
    user = sysconfig.get_path("data", sysconfig.get_preferred_scheme("user"))
    yield from dict.fromkeys((sys.prefix, system, user))

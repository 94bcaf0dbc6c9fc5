"""Any number of rules that resemble the shipped one and look for other things."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from fluent_eql.shipped import shipped_rules

FOLDERS = ("/tmp/", "/var/tmp/", "/dev/shm/", "/var/log/", "/boot/", "/run/user/", "/var/run/user/")
"""Where the shipped rule's programs are."""

PLACES = ("/opt", "/srv", "/home", "/mnt/data", "/usr/local/share", "/var/spool", "/var/lib/docker")


def write_rules(count: int, folder: Path) -> Path:
    """Put the shipped rule and ``count - 1`` others into ``folder``, which is given back.

    No record that the benchmark makes is under a folder of the others.
    """
    (shipped,) = shipped_rules().glob("*.toml")
    text = shipped.read_text()
    for number in range(count):
        (folder / f"rule-{number:04d}.toml").write_text(_variant(text, number) if number else text)
    return folder


def _variant(text: str, number: int) -> str:
    """The rule with an id, a name and folders of its own."""
    place = PLACES[number % len(PLACES)]
    for folder in FOLDERS:
        text = text.replace(f'"{folder}*"', f'"{place}/app{number:04d}{folder}*"')
    rule_id = uuid.uuid5(uuid.NAMESPACE_OID, str(number))
    text = re.sub(r'^rule_id = ".*"', f'rule_id = "{rule_id}"', text, flags=re.MULTILINE)
    return re.sub(r'^name = "(Network.*)"', rf'name = "\1 {number}"', text, flags=re.MULTILINE)

"""The rules to load: any number that resemble the shipped one, or the public ones for Linux."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from pathlib import Path

from fluent_eql.rules import load_rules, os_types_of
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.bench.workloads import VARIABLE, Workload

FOLDERS = ("/tmp/", "/var/tmp/", "/dev/shm/", "/var/log/", "/boot/", "/run/user/", "/var/run/user/")
"""Where the shipped rule's programs are."""

PLACES = ("/opt", "/srv", "/home", "/mnt/data", "/usr/local/share", "/var/spool", "/var/lib/docker")


def rules_for(workload: Workload, folder: Path) -> Path:
    """Put the rules of a workload into ``folder``, which is given back.

    Raises RuntimeError where it asks for public rules and nothing names their folder.
    """
    if not workload.public:
        return write_rules(workload.rules, folder)
    source = public_rules()
    if source is None:
        raise RuntimeError(f"{VARIABLE} names no folder with rules")
    return copy_linux_rules(source, folder)


def public_rules() -> Path | None:
    """The folder with Elastic's public rules, if the environment names one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def copy_linux_rules(source: Path, folder: Path) -> Path:
    """Put the rules below ``source`` that ask for Linux into ``folder``, which is given back."""
    for number, rule in enumerate(load_rules([source]).rules):
        if "linux" in os_types_of(rule):
            shutil.copy(rule.source, folder / f"{number:04d}-{Path(rule.source).name}")
    return folder


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

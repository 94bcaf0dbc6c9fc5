from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.rules import load_rules
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.replay.found import Found
from fluent_pipeline.replay.page import SHOWN_ALERTS, Report, page_of, shown

RULE = load_rules([shipped_rules()]).rules[0]
CHROMIUM = shutil.which("chromium")
HOSTILE = "</dd><script>document.title='taken'</script><img src=x onerror=alert(1)>\"'"


class Reader(HTMLParser):
    """The elements of a page and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def found(number: int = 1, host: str = "web-01", **fields: Any) -> Found:
    events = [
        {"stage": 0, "@timestamp": "2026-11-24T02:48:32.5Z", "event.id": "n", **fields},
        {"stage": 1, "@timestamp": f"2026-11-24T02:48:{33 + number % 20}Z", "file.path": "/x"},
    ]
    return Found(
        {
            "id": f"a{number}",
            "rule": {"id": RULE.id, "name": RULE.name},
            "severity": "low",
            "risk_score": 21,
            "sequence": {"by": {"host.id": "h"}, "span_ns": 812_000_000, "events": events},
        },
        host,
    )


def report(*alerts: Found, rules: Sequence[Any] = (RULE,), files: Sequence[str] = ("f",)) -> Report:
    return Report(files, rules, 928, 3, alerts, 0.5, datetime(2026, 11, 24, tzinfo=UTC))


def read(*alerts: Found, **settings: Any) -> Reader:
    reader = Reader(page_of(report(*alerts, **settings)))
    assert reader.open == []
    return reader


def test_the_page_tells_counts_rules_hosts_and_alerts_with_their_events() -> None:
    text = read(found(1), found(2), found(3, "db-01")).text
    for told in (
        "3 alerts",
        "1 of 1 rules have alerts",
        "2 hosts with alerts",
        "928 records",
        "3 unreadable",
        "T1071.001",
        "db-01",
        "/x",
        "0.812 s",
        "+1.500 s",
        "2026-11-24T02:48:32.5Z",
    ):
        assert told in text, told


def test_a_replay_without_alerts_has_a_page_too() -> None:
    text = read().text
    assert "0 alerts" in text
    assert "0 of 1 rules have alerts" in text
    assert "None." in text


def test_late_alerts_and_alerts_of_one_event_are_shown() -> None:
    sequence = found()
    late = Found({**sequence.alert, "late": True}, "")
    one = {key: value for key, value in sequence.alert.items() if key != "sequence"}
    single = Found({**one, "events": [{"stage": 0, "@timestamp": "?", "n": [1, None]}]}, "h")
    text = read(late, single).text
    assert "2 alerts, 1 late" in text
    assert "unknown" in text
    assert "[1, null]" in text
    assert "1 without a time that can be read" in text


def test_the_page_has_no_scripts_and_loads_nothing() -> None:
    reader = read(found())
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name == "src"]
    links = {value for name, value in reader.attributes if name == "href"}
    assert all(link.startswith("https://attack.mitre.org/") for link in links)
    assert any("default-src 'none'" in value for _, value in reader.attributes)


def test_what_comes_from_outside_is_text() -> None:
    alert = found(1, HOSTILE, **{HOSTILE: HOSTILE}).alert
    named = {**alert, "id": HOSTILE, "rule": {"id": HOSTILE, "name": HOSTILE}, "severity": HOSTILE}
    alerts = [found(1, HOSTILE, **{HOSTILE: [HOSTILE]}), Found(named, HOSTILE)]
    rule = replace(
        RULE, id=HOSTILE, name=HOSTILE, severity=HOSTILE, description=HOSTILE, threats=RULE.threats
    )
    reader = read(*alerts, rules=(rule,), files=(HOSTILE,))
    assert not {"script", "img"} & set(reader.tags)
    assert reader.text.count("document.title='taken'") >= 10


def test_a_reference_that_is_no_web_address_is_no_link() -> None:
    threat = RULE.threats[0]
    technique = replace(threat.techniques[0], reference="javascript:alert(1)")
    rule = replace(RULE, threats=(replace(threat, techniques=(technique,), subtechniques=()),))
    assert "href" not in {name for name, _ in read(found(), rules=(rule,)).attributes}


@given(st.text())
def test_any_text_is_shown_without_markup_and_without_what_turns_it_around(text: str) -> None:
    reader = Reader(f"<p>{shown(text + chr(0x202E) + chr(0xD800))}</p>")
    assert reader.tags == ["p"]
    assert all(char.isprintable() or char == "\n" for char in reader.text)
    shown(text + "\udc80\0").encode()


def test_of_very_many_alerts_the_first_are_shown_and_all_counted() -> None:
    page = page_of(report(*(found(number) for number in range(SHOWN_ALERTS + 5))))
    assert page.count("<details>") == SHOWN_ALERTS
    assert f"The first {SHOWN_ALERTS:,} of {SHOWN_ALERTS + 5:,}" in page


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_shows_the_page_and_runs_nothing_of_it(tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    page.write_text(page_of(report(found(1, HOSTILE, **{HOSTILE: HOSTILE}))))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path}/profile", page.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    shown_page = done.stdout.decode()
    assert "<title>Replay: 1 alerts</title>" in shown_page
    assert "<script" not in shown_page
    assert "<img" not in shown_page
    assert "&lt;script&gt;document.title='taken'" in shown_page

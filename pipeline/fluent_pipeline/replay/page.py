"""What a replay found, as one HTML file without scripts and without anything from outside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.metadata import version
from itertools import groupby
from typing import Any

from fluent_eql.event_time import nanoseconds_of
from fluent_eql.rules import SEVERITIES, Rule
from fluent_pipeline.replay.found import Found
from fluent_pipeline.replay.style import STYLE
from fluent_pipeline.replay.timeline import OTHER, severity_of, timeline

SHOWN_ALERTS = 2000
"""Alerts that are shown with their events; all are counted."""
UNKNOWN = "unknown"
PLAIN_FIELDS = ("stage", "@timestamp", "event.id")


@dataclass(frozen=True, slots=True)
class Report:
    """What the page is about. ``seconds`` is how long the replay took, ``made`` when it ended."""

    files: Sequence[str]
    rules: Sequence[Rule]
    records: int
    unreadable: int
    alerts: Sequence[Found]
    seconds: float
    made: datetime


def page_of(report: Report) -> str:
    """The page. All that comes from records, rules and file names is escaped."""
    ordered = sorted(report.alerts, key=lambda found: found.order)
    parts = [
        "<h1>Replay</h1>",
        _about(report),
        _figures(report),
        _section("Alerts over time", _chart(ordered)) if ordered else "",
        _section("Rules", _rules(ordered, report.rules)),
        _section("Hosts", _hosts(ordered)) if ordered else "",
        _section("Alerts", _alerts(ordered)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        '<meta name="referrer" content="no-referrer">'
        f"<title>Replay: {len(ordered)} alerts</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(part for part in parts if part)
        + "</main></body></html>\n"
    )


def shown(value: Any) -> str:
    """A value as text that is safe in HTML; what no font shows is U+FFFD."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return escape("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text))


def _about(report: Report) -> str:
    names = ", ".join(shown(name) for name in report.files[:10])
    more = f" and {len(report.files) - 10} more" if len(report.files) > 10 else ""
    made = f"{report.made:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f'<p class="about">{names}{more}<br>fluent-eql {shown(version("fluent-eql"))}, {made}, '
        f"{report.seconds:.2f} s; all times as the records have them, charts in UTC</p>"
    )


def _figures(report: Report) -> str:
    late = sum(bool(found.alert.get("late")) for found in report.alerts)
    firing = len({found.alert["rule"]["id"] for found in report.alerts})
    hosts = len({found.host for found in report.alerts})
    figures = [
        (len(report.alerts), f"alerts, {late} late" if late else "alerts"),
        (firing, f"of {len(report.rules)} rules have alerts"),
        (hosts, "hosts with alerts"),
        (report.records, "records"),
        (report.unreadable, "unreadable"),
    ]
    items = "".join(f"<li><b>{number:,}</b> {what}</li>" for number, what in figures)
    return f'<ul class="figures">{items}</ul>'


def _chart(alerts: Sequence[Found]) -> str:
    return f'<div class="wide">{timeline(alerts)}</div>{_legend(alerts)}'


def _legend(alerts: Sequence[Found]) -> str:
    counts = Counter(map(severity_of, alerts))
    items = [
        f'<li><i class="{name}"></i>{counts[name]} {name}</li>'
        for name in (*SEVERITIES, OTHER)
        if counts[name]
    ]
    untimed = sum(found.time is None for found in alerts)
    told = f"<li>{untimed} without a time that can be read</li>" if untimed else ""
    return f'<ul class="legend">{"".join(items)}{told}</ul>'


def _rules(alerts: Sequence[Found], rules: Sequence[Rule]) -> str:
    found = _by(alerts, lambda alert: str(alert.alert["rule"]["id"]))
    rows = []
    for rule in sorted(rules, key=lambda rule: (-len(found.get(rule.id, ())), rule.name)):
        own = found.get(rule.id, [])
        hosts = len({alert.host for alert in own})
        rows.append(
            [
                f"{shown(rule.name)}<br><small>{shown(rule.description)}</small>",
                f'<i class="{_class(rule.severity)}"></i>{shown(rule.severity)}',
                _techniques(rule),
                str(len(own)),
                str(hosts) if own else "",
                *_first_and_last(own),
            ]
        )
    names = ("Rule", "Severity", "Techniques", "Alerts", "Hosts", "First", "Last")
    return _table(names, rows, numbers=(3, 4))


def _hosts(alerts: Sequence[Found]) -> str:
    found = _by(alerts, lambda alert: alert.host)
    rows = [
        [
            shown(host or UNKNOWN),
            str(len(own)),
            str(len({alert.alert["rule"]["id"] for alert in own})),
            *_first_and_last(own),
        ]
        for host, own in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    return _table(("Host", "Alerts", "Rules", "First", "Last"), rows, numbers=(1, 2))


def _alerts(alerts: Sequence[Found]) -> str:
    if not alerts:
        return "<p>None.</p>"
    told = ""
    if len(alerts) > SHOWN_ALERTS:
        told = f"<p>The first {SHOWN_ALERTS:,} of {len(alerts):,}; all are in the tables above.</p>"
    return told + "\n".join(_alert(found) for found in alerts[:SHOWN_ALERTS])


def _alert(found: Found) -> str:
    alert, severity = found.alert, str(found.alert.get("severity"))
    sequence = alert.get("sequence", {})
    late = " <em>late</em>" if alert.get("late") else ""
    span = sequence.get("span_ns")
    facts = [("id", alert["id"]), ("risk score", alert.get("risk_score"))]
    facts += list(sequence.get("by", {}).items())
    if span is not None:
        facts.append(("span", f"{span / 10**9:.3f} s"))
    return (
        f'<details><summary><i class="{_class(severity)}"></i>'
        f"<time>{shown(found.events[-1]['@timestamp'])}</time> "
        f"<b>{shown(alert['rule']['name'])}</b>{late} {shown(found.host or UNKNOWN)}</summary>"
        + _facts(facts)
        + "<ol>"
        + "".join(_event(event, found.events[0]) for event in found.events)
        + "</ol></details>"
    )


def _event(event: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """An event with the time since the first one, and its fields."""
    gap = _gap(first["@timestamp"], event["@timestamp"])
    fields = [(name, value) for name, value in event.items() if name not in PLAIN_FIELDS]
    identity = [("event.id", event["event.id"])] if "event.id" in event else []
    return (
        f'<li value="{shown(event["stage"])}"><time>{shown(event["@timestamp"])}</time> '
        f"<small>{gap}</small>{_facts([*identity, *fields])}</li>"
    )


def _gap(first: Any, then: Any) -> str:
    begin, end = nanoseconds_of(first), nanoseconds_of(then)
    if begin is None or end is None or first is then:
        return ""
    return f"+{(end - begin) / 10**9:.3f} s"


def _techniques(rule: Rule) -> str:
    references = [item for threat in rule.threats for item in threat.techniques]
    references += [item for threat in rule.threats for item in threat.subtechniques]
    return ", ".join(_link(item.id, item.reference, item.name) for item in references)


def _link(text: str, address: str, title: str) -> str:
    """A link where the address is one of the web; it leads out, and nothing is loaded from it."""
    if not address.startswith(("https://", "http://")):
        return f'<span title="{shown(title)}">{shown(text)}</span>'
    return f'<a href="{shown(address)}" title="{shown(title)}" rel="noreferrer">{shown(text)}</a>'


def _first_and_last(alerts: Sequence[Found]) -> tuple[str, str]:
    times = [shown(found.events[-1]["@timestamp"]) for found in alerts]
    return (f"<time>{times[0]}</time>", f"<time>{times[-1]}</time>") if times else ("", "")


def _class(severity: str) -> str:
    return severity if severity in SEVERITIES else OTHER


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _facts(facts: Iterable[tuple[str, Any]]) -> str:
    rows = "".join(f"<dt>{shown(name)}</dt><dd>{shown(value)}</dd>" for name, value in facts)
    return f"<dl>{rows}</dl>"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    """``rows`` are HTML; the columns ``numbers`` hold numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        marks = [' class="number"' if column in numbers else "" for column in range(len(cells))]
        pairs = zip(marks, cells, strict=True)
        return f"<tr>{''.join(f'<{tag}{mark}>{cell}</{tag}>' for mark, cell in pairs)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return (
        f'<div class="wide"><table><thead>{line(names, "th")}</thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _by(alerts: Sequence[Found], key: Any) -> dict[str, list[Found]]:
    """Alerts by a key, in their order."""
    return {name: list(own) for name, own in groupby(sorted(alerts, key=key), key=key)}

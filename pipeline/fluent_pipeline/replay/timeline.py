"""Alerts over time as SVG: a bar for each span of time, stacked by severity.

The colours are classes (``low`` to ``critical``, ``other``), for the page's style sheet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from fluent_eql.event_time import iso_8601
from fluent_eql.rules import SEVERITIES
from fluent_pipeline.replay.found import Found

SECOND = 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
SPANS = (
    *(SECOND * count for count in (1, 2, 5, 10, 30)),
    *(MINUTE * count for count in (1, 2, 5, 10, 30)),
    *(HOUR * count for count in (1, 3, 6, 12)),
    *(DAY * count for count in (1, 2, 7, 30, 365, 3650, 36_500)),
)
"""How long a bar may be."""
MOST_BARS = 60
WIDTH, HEIGHT = 960, 180
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 12, 24
OTHER = "other"

Bar = tuple[int, Counter[str]]
"""The time at which it begins, and how many alerts of each severity there are in it."""


def severity_of(found: Found) -> str:
    """The alert's severity, ``other`` where it is none that is known."""
    severity = found.alert.get("severity")
    return severity if severity in SEVERITIES else OTHER


def bars_of(alerts: Sequence[Found]) -> tuple[int, list[Bar]]:
    """How long a bar is, and the bars from the first alert to the last, empty ones too.

    Alerts without a time are in none.
    """
    timed = [(time, severity_of(found)) for found in alerts if (time := found.time) is not None]
    if not timed:
        return SPANS[0], []
    first, last = min(timed)[0], max(timed)[0]
    span = next((s for s in SPANS if last // s - first // s < MOST_BARS), last - first + 1)
    bars = {number: Counter[str]() for number in range(first // span, last // span + 1)}
    for time, severity in timed:
        bars[time // span][severity] += 1
    return span, [(number * span, counts) for number, counts in bars.items()]


def timeline(alerts: Sequence[Found]) -> str:
    """The chart; "" where no alert has a time."""
    span, bars = bars_of(alerts)
    if not bars:
        return ""
    top = max(counts.total() for _, counts in bars)
    width = (WIDTH - LEFT - RIGHT) / max(len(bars), 10)
    body = [_gridline(0, top), _gridline(top, top)]
    if top > 3:
        body.append(_gridline(top // 2, top))
    for number, (start, counts) in enumerate(bars):
        body.append(_bar(LEFT + number * width, width, start, span, counts, top))
    body += _labels(bars, span, width)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Alerts over time">'
        + "".join(body)
        + "</svg>"
    )


def _bar(x: float, width: float, start: int, span: int, counts: Counter[str], top: int) -> str:
    if not counts:
        return ""
    parts, below = [], 0
    for severity in (*SEVERITIES, OTHER):
        if count := counts[severity]:
            below += count
            parts.append(
                f'<rect class="{severity}" x="{x + width * 0.1:.1f}" y="{_height(below, top):.1f}" '
                f'width="{width * 0.8:.1f}" height="{_height(0, top) - _height(count, top):.1f}"/>'
            )
    told = ", ".join(f"{counts[name]} {name}" for name in (*SEVERITIES, OTHER) if counts[name])
    title = escape(f"{_moment(start)} to {_moment(start + span)}: {told}")
    return f"<g><title>{title}</title>{''.join(parts)}</g>"


def _gridline(count: int, top: int) -> str:
    y = _height(count, top)
    return (
        f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{count}</text>'
    )


def _labels(bars: Sequence[Bar], span: int, width: float) -> list[str]:
    """The times at which the bars begin and end."""
    y = HEIGHT - BOTTOM + 16
    end = LEFT + width * len(bars)
    labels = [f'<text x="{LEFT}" y="{y}">{escape(_moment(bars[0][0]))}</text>']
    if len(bars) > MOST_BARS // 3:
        last = escape(_moment(bars[-1][0] + span))
        labels.append(f'<text x="{end:.1f}" y="{y}" text-anchor="end">{last}</text>')
    return labels


def _height(count: int, top: int) -> float:
    return HEIGHT - BOTTOM - count / top * (HEIGHT - TOP - BOTTOM)


def _moment(time: int) -> str:
    """A time to the second, as ``2026-11-24 02:48:32``."""
    text = iso_8601(time)
    return text[:19].replace("T", " ") if "T" in text else text

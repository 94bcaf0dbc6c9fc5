"""A line chart as SVG: no more than the cost-growth curves need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 50, 50
COLOURS = ("#0b6e99", "#888888", "#c2571a")
STEPS = 5

Points = Sequence[tuple[float, float]]


def line_chart(
    title: str, x_label: str, y_label: str, series: Mapping[str, Points], *, log_x: bool
) -> str:
    """Draw named series of ascending points; y begins at 0."""
    xs = sorted({x for points in series.values() for x, _ in points})
    top = _ceiling(max(y for points in series.values() for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + _share(x, xs, log_x) * (WIDTH - LEFT - RIGHT), _height(y, top)

    body = [
        _text(LEFT, 24, title, size=16),
        _text(LEFT, TOP - 10, y_label),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, anchor="middle"),
    ]
    for step in range(STEPS + 1):
        y = top * step / STEPS
        body.append(
            f'<path d="M{LEFT} {_height(y, top):.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
            + _text(LEFT - 8, _height(y, top) + 4, f"{y:g}", anchor="end")
        )
    for x in xs:
        body.append(_text(place(x, 0)[0], HEIGHT - BOTTOM + 18, f"{x:,g}", anchor="middle"))
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        body.append(_line(name, [place(x, y) for x, y in points], colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" '
        f'fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _share(x: float, xs: Sequence[float], log_x: bool) -> float:
    """How far right, from 0 to 1."""
    low, value, high = (math.log10(each) if log_x else each for each in (xs[0], x, xs[-1]))
    return (value - low) / (high - low) if high > low else 0.5


def _height(y: float, top: float) -> float:
    return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)


def _ceiling(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= value)


def _line(name: str, points: Points, colour: str) -> str:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    end = _text(points[-1][0] + 8, points[-1][1] + 4, name, colour=colour)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}{end}'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#222222"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{escape(text)}</text>'
    )

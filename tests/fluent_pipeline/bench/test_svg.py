from __future__ import annotations

from xml.etree import ElementTree

from fluent_pipeline.bench.svg import line_chart

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_a_chart_has_a_dot_for_each_point_and_its_texts() -> None:
    points = [(1.0, 2.0), (10.0, 3.0), (1000.0, 4.5)]
    text = line_chart("a < b", "rules", "cost", {"one": points, "two": points[:2]}, log_x=True)
    root = ElementTree.fromstring(text)
    dots = root.findall(f"{NAMESPACE}circle")
    assert len(dots) == 5
    texts = [element.text for element in root.iter(f"{NAMESPACE}text")]
    assert {"a < b", "rules", "cost", "one", "two", "1,000"} <= set(texts)


def test_a_logarithmic_axis_puts_powers_of_ten_at_equal_distances() -> None:
    chart = line_chart("", "", "", {"": [(1.0, 1.0), (10.0, 2.0), (100.0, 4.0)]}, log_x=True)
    dots = ElementTree.fromstring(chart).findall(f"{NAMESPACE}circle")
    xs = [float(dot.attrib["cx"]) for dot in dots]
    ys = [float(dot.attrib["cy"]) for dot in dots]
    assert abs((xs[1] - xs[0]) - (xs[2] - xs[1])) < 0.2
    assert ys[0] > ys[1] > ys[2]

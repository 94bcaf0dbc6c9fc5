from __future__ import annotations

from pathlib import Path

import pytest

from fluent_pipeline.errors import ConfigError
from fluent_pipeline.rule_tests.loader import START, parse_tests, read_tests
from support.rule_tests import SOURCE, loaded

SECOND = 10**9
MINIMAL = "tests: [{name: x, stream: [{a: 1}], alerts: []}]"
FULL = """\
    defaults: {host.id: h1}
    events:
      one: {kind: a}
      two: {kind: b}
    tests:
      - name: first
        stream: [one, {two: {at: 3s}}, two]
        alerts: [[one, two], [1, 3]]
      - name: second
        each:
          two:
            kind: [c, d]
            at:
              - 1s
        stream: [one, two, one]
        alerts:
          - two
    """


def failure(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    return str(caught.value)


def test_tests_are_read_with_their_names_lines_streams_and_alerts() -> None:
    first = loaded(FULL)[0]
    assert (first.name, first.variation, first.line) == ("first", "", 6)
    assert [sent.id for sent in first.stream] == ["one", "two", "two-2"]
    assert first.alerts == ((1, 2), (1, 3))
    assert first.stream[1].record == {
        "@timestamp": "2026-01-01T00:00:03.000000000Z",
        "host.id": "h1",
        "kind": "b",
        "event.id": "two",
    }


def test_an_event_without_a_time_comes_with_the_one_before() -> None:
    first = loaded(FULL)[0]
    assert [sent.time - START for sent in first.stream] == [0, 3 * SECOND, 3 * SECOND]


def test_a_test_with_variations_is_several() -> None:
    second = loaded(FULL)[1:]
    assert [(test.title, test.line) for test in second] == [
        ('second (two: kind = "c")', 12),
        ('second (two: kind = "d")', 12),
        ("second (two: at = 1s)", 14),
    ]
    assert [test.stream[1].record["kind"] for test in second] == ["c", "d", "b"]
    assert [test.stream[0].record["kind"] for test in second] == ["a", "a", "a"]
    assert [test.stream[2].time - START for test in second] == [0, 0, SECOND]
    assert [test.alerts for test in second] == [((2,),)] * 3


def test_the_smallest_file_is_one_test() -> None:
    [test] = loaded(MINIMAL)
    assert test.alerts == ()
    assert test.stream[0].record["a"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: expected tests, found an empty file"),
        ("# nothing", "1:1: expected tests, found an empty file"),
        ("[1]", "1:1: the file: expected a map, found a list"),
        ("events: {a: {b: 1}}", "1:1: the file: the key tests is missing"),
        ("test: []", "1:1: the file: unknown key test; did you mean tests?"),
        ("tests: []", "1:8: tests: expected a list with at least one item"),
        ("tests:", "1:7: tests: expected a list with at least one item"),
        ("tests: {name: x}", "1:8: tests: expected a list, found a map"),
        ("tests: [x]", "1:9: a test: expected a map, found a single value"),
        ("tests: [{name: x, stream: [{a: 1}]}]", "1:9: a test: the key alerts is missing"),
        ("tests: [null]", "1:9: a test: the key name is missing"),
        (MINIMAL.replace("stream", "steam"), "1:9: a test: the key stream is missing"),
        (MINIMAL.replace("name: x", 'name: ""'), "1:16: name: expected a text"),
        (MINIMAL.replace("[{a: 1}]", "[]"), "1:27: stream: expected a list with at least one"),
        (MINIMAL.replace("[{a: 1}]", "{a: 1}"), "1:27: stream: expected a list, found a map"),
        (MINIMAL.replace("[]", "~"), "1:45: alerts: expected a list, [] for none"),
        (MINIMAL.replace("[]", "1"), "1:45: alerts: expected a list, found a single value"),
        (MINIMAL.replace("[]", "[[]]"), "1:46: alerts: expected a list with at least one item"),
        (MINIMAL.replace("[]", "[2]"), "1:46: alerts: expected an event of the stream, a number"),
        (MINIMAL.replace("[]", "[], each: {}, a: 1"), "1:59: a test: unknown key a;"),
        ("tests: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_column(text: str, message: str) -> None:
    found = failure(text)
    assert found.startswith(f"{SOURCE}:")
    assert message in found


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = failure(
        """
        defaults: {at: 1s}
        events: {a: {event.id: 1}}
        tests:
          - {name: x, stream: [b], alerts: [2]}
          - {name: x, stream: [a], alerts: []}
        """
    )
    assert [line.split(":")[1] for line in found.splitlines()] == ["2", "3", "5", "5", "6"]
    assert "another test is called x" in found


def test_a_list_that_holds_itself_is_refused() -> None:
    text = MINIMAL.replace("{a: 1}", "{a: &a [*a]}")
    assert failure(text) == f"{SOURCE}: not usable: nested too deeply"


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / SOURCE
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert read_tests(path) == parse_tests(MINIMAL, source=str(path))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / SOURCE
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_tests(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_tests(path)

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.api import DROP, KEEP, Filter, Outcome, Replace
from fluent_eql.errors import FilterError
from fluent_eql.event import Event, decode_record, encode_value
from fluent_eql.shim import LAST_SECOND, Callback, PythonFilter, PythonOptions

SECOND = 10**9
TIME = 1_700_000_000 * SECOND + 123_456_789


def event(record: dict[str, Any] | None = None, time: int = TIME) -> Event:
    return Event("app.web", time, encode_value(record if record is not None else {"a": 1}))


def run(callback: Callback, *events: Event, time_as_table: bool = False) -> Outcome:
    return PythonFilter(callback, time_as_table=time_as_table).process(events or (event(),), 0)


def verdict(answer: Any, given: Event | None = None, *, time_as_table: bool = False) -> Any:
    """The verdict on one event, for a callback with this answer."""
    outcome = run(lambda *_: answer, given or event(), time_as_table=time_as_table)
    assert outcome.problems == []
    return outcome.decided[0][1]


def problem(answer: Any, *, time_as_table: bool = False) -> str:
    """The reason why an answer is none."""
    given = event()
    outcome = run(lambda *_: answer, given, time_as_table=time_as_table)
    assert outcome.decided == []
    assert [problem.event for problem in outcome.problems] == [given]
    return outcome.problems[0].reason


def create(code: str, call: str = "f") -> Filter:
    return PythonFilter.create(PythonOptions(call=call, code=code))


def refusal(code: str, call: str = "f") -> str:
    with pytest.raises(FilterError) as caught:
        create(code, call)
    return str(caught.value)


def records(verdict: Replace) -> list[dict[str, Any]]:
    return [decode_record(raw) for raw in verdict.records]


def test_the_callback_gets_tag_time_and_record() -> None:
    calls: list[Any] = []

    def callback(*arguments: Any) -> Any:
        calls.append(arguments)
        return 0, 0, 0

    run(callback, event({"k": "v"}, time=1_500_000_000))
    assert calls == [("app.web", 1.5, {"k": "v"})]
    assert type(calls[0][1]) is float


def test_the_time_can_be_a_table() -> None:
    calls: list[Any] = []

    def callback(tag: str, timestamp: Any, record: dict[str, Any]) -> Any:
        calls.append(timestamp)
        return 0, 0, 0

    run(callback, event(), time_as_table=True)
    assert calls == [{"sec": 1_700_000_000, "nsec": 123_456_789}]


def test_every_record_is_asked_for() -> None:
    assert PythonFilter(lambda *_: (0, 0, 0)).screen(b"\x92\x00\x80") is None


def test_code_minus_one_drops_the_record() -> None:
    assert verdict((-1, 0, {})) is DROP


@pytest.mark.parametrize("rest", [(0, {"b": 2}), (None, None), ("x", "y")])
def test_code_zero_keeps_the_record_whatever_else_is_answered(rest: tuple[Any, Any]) -> None:
    assert verdict((0, *rest)) is KEEP


def test_code_one_replaces_time_and_record() -> None:
    assert verdict((1, 12.5, {"b": 2})) == Replace((encode_value({"b": 2}),), 12_500_000_000)


def test_code_two_replaces_the_record_and_ignores_the_time() -> None:
    assert verdict((2, "not a time", {"b": 2})) == Replace((encode_value({"b": 2}),), None)


def test_a_list_of_records_takes_the_place_of_one() -> None:
    assert records(verdict((2, 0, [{"n": 1}, {"n": 2}]))) == [{"n": 1}, {"n": 2}]


def test_an_answer_may_be_a_list() -> None:
    assert verdict([2, 0, {"b": 2}]) == Replace((encode_value({"b": 2}),), None)


def test_changing_the_callbacks_record_does_not_change_the_event() -> None:
    def callback(tag: str, timestamp: float, record: dict[str, Any]) -> Any:
        record["a"]["deep"] = "changed"
        return 0, timestamp, record

    given = event({"a": {"deep": "as it came"}})
    assert given.record
    outcome = run(callback, given)
    assert outcome.decided == [(given, KEEP)]
    assert given.record == {"a": {"deep": "as it came"}}


@given(st.integers(0, (LAST_SECOND + 1) * SECOND - 1), st.booleans())
def test_a_time_that_comes_back_as_it_was_given_is_the_entrys_own(
    time: int, time_as_table: bool
) -> None:
    given = event(time=time)
    outcome = run(
        lambda _, timestamp, record: (1, timestamp, record), given, time_as_table=time_as_table
    )
    assert outcome.decided == [(given, Replace((given.raw,), None))]


@given(st.integers(0, (LAST_SECOND + 1) * SECOND - 1))
def test_a_table_sets_the_time_to_the_nanosecond(time: int) -> None:
    table = {"sec": time // SECOND, "nsec": time % SECOND}
    found = verdict((1, table, {}), time_as_table=True)
    assert found.time == (None if time == TIME else time)


@pytest.mark.parametrize(
    ("timestamp", "nanoseconds"),
    [(0, 0), (7, 7 * SECOND), (0.25, SECOND // 4), (1e-9, 1), (LAST_SECOND, LAST_SECOND * SECOND)],
)
def test_a_number_of_seconds_is_a_time(timestamp: float, nanoseconds: int) -> None:
    assert verdict((1, timestamp, {})).time == nanoseconds


@pytest.mark.parametrize(
    "timestamp", ["1", None, True, float("nan"), float("inf"), -1, -0.5, LAST_SECOND + 1, 1e300]
)
def test_what_is_no_time_is_a_problem(timestamp: Any) -> None:
    assert "timestamp" in problem((1, timestamp, {}))


@pytest.mark.parametrize(
    "table",
    [
        1.5,
        {},
        {"sec": 1},
        {"sec": 1.0, "nsec": 0},
        {"sec": 1, "nsec": SECOND},
        {"sec": -1, "nsec": 0},
    ],
)
def test_what_is_no_table_is_a_problem_where_a_table_is_expected(table: Any) -> None:
    assert "timestamp" in problem((1, table, {}), time_as_table=True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "expected (code, timestamp, record), got None"),
        ((2, {}), "expected (code, timestamp, record), got (2, {})"),
        ("abc", "expected (code, timestamp, record), got 'abc'"),
        ((3, 0, {}), "expected the code -1, 0, 1 or 2, got 3"),
        ((True, 0, {}), "expected the code -1, 0, 1 or 2, got True"),
        ((1.0, 0, {}), "expected the code -1, 0, 1 or 2, got 1.0"),
        ((2, 0, None), "expected a record, a dict, got None"),
        ((2, 0, [{}, 1]), "expected a record, a dict, got 1"),
        ((2, 0, []), "expected a record, got an empty list; the code -1 drops a record"),
        ((2, 0, {"a": object}), "the record cannot be encoded: TypeError: "),
        ((2, 0, {"a": 2**64}), "the record cannot be encoded: OverflowError: "),
    ],
)
def test_another_answer_is_a_problem_that_says_what_was_expected(answer: Any, reason: str) -> None:
    assert problem(answer).startswith(reason)


def test_a_record_that_holds_itself_is_a_problem() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert problem((2, 0, endless)).startswith("the record cannot be encoded: ValueError: ")


def test_a_long_answer_is_cut_in_the_reason() -> None:
    assert len(problem("x" * 1000)) < 150


@pytest.mark.parametrize(
    "error", [ValueError("bad"), KeyError("k"), RecursionError(), SystemExit(1)]
)
def test_a_callback_that_raises_is_a_problem_that_names_the_error(error: BaseException) -> None:
    def callback(tag: str, timestamp: float, record: dict[str, Any]) -> Any:
        raise error

    outcome = run(callback)
    assert outcome.decided == []
    reason = outcome.problems[0].reason
    assert reason.startswith(f"the callback raised {type(error).__name__}")
    assert "test_shim.py:" in reason


def test_an_error_that_cannot_be_shown_is_a_problem_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    def callback(tag: str, timestamp: float, record: dict[str, Any]) -> Any:
        if "raise" in record:
            raise Mute
        return Mute()

    outcome = run(callback, event({"raise": 1}), event())
    assert [found.reason.split(" (test_")[0] for found in outcome.problems] == [
        "the callback raised Mute",
        "expected (code, timestamp, record), got Mute",
    ]


def test_an_interrupt_is_no_problem_of_a_record() -> None:
    def callback(tag: str, timestamp: float, record: dict[str, Any]) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(callback)


def test_a_record_that_cannot_be_decoded_is_a_problem_and_the_others_go_on() -> None:
    broken, whole = Event("app", 0, b"\x90"), event()
    outcome = run(lambda *_: (-1, 0, 0), broken, whole)
    assert outcome.decided == [(whole, DROP)]
    assert [(found.event, found.reason) for found in outcome.problems] == [
        (broken, "the record cannot be decoded: expected a map, found list")
    ]


def test_what_a_record_holds_comes_back_unharmed() -> None:
    raw = encode_value(
        {"text": "\udcff", "bin": b"\xff", "ext": msgpack.ExtType(5, b"x"), "int": 2**64 - 1}
    )
    outcome = run(lambda _, timestamp, record: (2, timestamp, record), Event("app", 0, raw))
    assert outcome.decided[0][1] == Replace((raw,), None)


def test_records_are_counted_by_what_became_of_them() -> None:
    answers: Iterator[Any] = iter([(0, 0, 0), (-1, 0, 0), (2, 0, {}), (2, 0, {}), None])
    made = PythonFilter(lambda *_: next(answers))
    made.process([event() for _ in range(5)], 0)
    counted = {metric.labels: metric.value for metric in made.metrics()}
    assert counted == {
        (("result", "kept"),): 1,
        (("result", "dropped"),): 1,
        (("result", "replaced"),): 2,
        (("result", "failed"),): 1,
    }


def test_nothing_is_ever_held() -> None:
    made = PythonFilter(lambda *_: (0, 0, 0))
    assert made.process([event()], 0).held == []
    assert made.next_deadline() is None
    assert made.advance(1) == made.flush(1) == Outcome()


def test_a_function_is_found_in_a_script(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text("def f(tag, timestamp, record):\n    return 2, 0, {'from': __file__}\n")
    made = PythonFilter.create(PythonOptions(call="f", script=script))
    ((_, found),) = made.process([event()], 0).decided
    assert isinstance(found, Replace)
    assert records(found) == [{"from": str(script)}]


def test_two_filters_with_one_script_share_no_state(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "seen = []\n"
        "def f(tag, timestamp, record):\n    seen.append(tag)\n    return 2, 0, {'n': len(seen)}\n"
    )
    first, second = (PythonFilter.create(PythonOptions(call="f", script=script)) for _ in "ab")
    counts = []
    for made in (first, first, second):
        ((_, found),) = made.process([event()], 0).decided
        assert isinstance(found, Replace)
        counts += records(found)
    assert counts == [{"n": 1}, {"n": 2}, {"n": 1}]


def test_a_script_may_define_dataclasses() -> None:
    code = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Seen:\n"
        "    n: int\n"
        "def f(tag, timestamp, record): return 2, 0, {'n': Seen(3).n}\n"
    )
    ((_, found),) = create(code).process([event()], 0).decided
    assert isinstance(found, Replace)
    assert records(found) == [{"n": 3}]


def test_an_object_that_can_be_called_so_will_do() -> None:
    code = (
        "class Counter:\n"
        "    def __call__(self, tag, timestamp, record, more=None): return -1, 0, 0\n"
        "f = Counter()\n"
    )
    assert create(code).process([event()], 0).decided[0][1] is DROP


@pytest.mark.parametrize(
    "given", [{}, {"code": "x", "script": Path("x.py")}], ids=["neither", "both"]
)
def test_either_a_script_or_code_must_be_given(given: dict[str, Any]) -> None:
    with pytest.raises(FilterError, match="needs either script or code"):
        PythonFilter.create(PythonOptions(call="f", **given))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("x = 1\ny = (", "<code>:2: '(' was never closed"),
        ("x = 1\n  y = 2", "<code>:2: unexpected indent"),
        ("x = '\0'", "<code>:1: "),
        ("x = 1\n\n1 / 0", "<code>:3: the script raised ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)", "<code>:2: the script raised SystemExit: 3"),
        ("\nimport no_such_module_x", "<code>:2: the script raised ModuleNotFoundError: No mod"),
        (
            "def g():\n    raise ValueError('x')\ng()\n",
            "<code>:2: the script raised ValueError: x",
        ),
        ("def ff(a, b, c): ...", "<code>: the script defines no function f; did you mean ff?"),
        ("x = 1", "<code>: the script defines no function f"),
        ("f = 1", "<code>: f is not a plain function"),
        ("\nasync def f(a, b, c): ...", "<code>:2: f is not a plain function"),
        ("\ndef f(a, b): ...", "<code>:2: f must take (tag, timestamp, record): too many posi"),
        ("def f(a, b, c, d): ...", "<code>:1: f must take (tag, timestamp, record): missing a"),
    ],
)
def test_a_script_that_cannot_be_used_is_an_error_with_its_line(code: str, error: str) -> None:
    assert refusal(code).startswith(error)


def test_a_script_that_failed_is_not_left_among_the_systems_modules() -> None:
    before = {name for name in sys.modules if name.startswith("fluent_eql_script")}
    refusal("import missing_module_y")
    after = {name for name in sys.modules if name.startswith("fluent_eql_script")}
    assert after <= before


@pytest.mark.parametrize("content", [None, b"x = '\xff'"])
def test_a_script_that_cannot_be_read_is_an_error_that_names_it(
    tmp_path: Path, content: bytes | None
) -> None:
    script = tmp_path / "s.py"
    if content is not None:
        script.write_bytes(content)
    with pytest.raises(FilterError, match="s.py: the script cannot be read: "):
        PythonFilter.create(PythonOptions(call="f", script=script))


def test_an_error_in_a_scripts_function_names_its_file_and_line(tmp_path: Path) -> None:
    script = tmp_path / "masks.py"
    script.write_text("def f(tag, timestamp, record):\n    return record['missing']\n")
    made = PythonFilter.create(PythonOptions(call="f", script=script))
    (found,) = made.process([event()], 0).problems
    assert found.reason == "the callback raised KeyError: 'missing' (masks.py:2)"

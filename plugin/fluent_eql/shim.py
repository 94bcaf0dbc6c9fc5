"""Any Python function as a filter, under the callback contract of Fluent Bit's Lua filter.

The function is called as ``callback(tag, timestamp, record)`` for every record, and answers
``(code, timestamp, record)``:

====  ==============================================================
code  what becomes of the record
====  ==============================================================
-1    it is dropped
0     it is kept as it came; the rest of the answer is ignored
1     the answer's timestamp and record take its place
2     the answer's record takes its place, its time stays
====  ==============================================================

The answer's record may be a list of records: all of them take the one's place. ``timestamp`` is
seconds since the epoch as a float, or ``{"sec": int, "nsec": int}`` with ``time_as_table``. The
record is the callback's own copy. A string that is not UTF-8 holds its bytes as surrogate
escapes, a bin value is ``bytes``, an extension value is ``msgpack.ExtType``.

Source of the contract: Fluent Bit's manual, "Lua" filter, "Callback prototype".
"""

from __future__ import annotations

import difflib
import inspect
import math
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from fluent_eql.api import (
    DROP,
    KEEP,
    Body,
    Filter,
    Metric,
    Outcome,
    Problem,
    Replace,
    Verdict,
)
from fluent_eql.errors import FilterError
from fluent_eql.event import Event, decode_record, encode_value
from fluent_eql.options import option, path, switch, text

SECOND = 10**9
LAST_SECOND = 2**32 - 3
"""The last second that a record may have: Fluent's EventTime is 32 bits, two values are markers."""

INLINE = "<code>"
RESULTS = ("kept", "dropped", "replaced", "failed")

Callback = Callable[[str, Any, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class PythonOptions:
    """Keys of the filter ``python``. One of ``script`` and ``code`` must be given."""

    call: str = option("call", text, "name of the function to call for each record")
    script: Path | None = option(
        "script", path, "path of the Python file that defines the function", default=None
    )
    code: str | None = option(
        "code", text, "Python text that defines the function, in the place of a file", default=None
    )
    time_as_table: bool = option(
        "time_as_table",
        switch,
        "pass the time as {'sec': int, 'nsec': int} rather than as a float of seconds",
        default=False,
    )


class PythonFilter:
    """The filter ``python``: see the module's text."""

    Options = PythonOptions

    def __init__(self, callback: Callback, *, time_as_table: bool = False) -> None:
        self._callback = callback
        self._time_as_table = time_as_table
        self._counts: Counter[str] = Counter()

    @classmethod
    def create(cls, options: PythonOptions) -> Filter:
        """Run the script and find its function.

        Raises FilterError, with the script's file and line where they are known, for a script
        that cannot be read or run and for a function that is not there or cannot be called so.
        """
        module = _load(options)
        callback = _find(module, options.call)
        return cls(callback, time_as_table=options.time_as_table)

    def screen(self, body: Body) -> Sequence[int] | None:
        """Every record goes to the callback."""
        return None

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        """Call the callback for each event.

        A callback that raises, or answers something else than the contract says, leaves its
        record as it is and is reported as a problem.
        """
        outcome = Outcome()
        for event in events:
            try:
                verdict = self._verdict(event)
            except _BadAnswer as error:
                self._counts["failed"] += 1
                outcome.problems.append(Problem(event, str(error)))
            else:
                self._counts[_result(verdict)] += 1
                outcome.decided.append((event, verdict))
        return outcome

    def advance(self, now: int) -> Outcome:
        """Nothing is ever held."""
        return Outcome()

    def next_deadline(self) -> int | None:
        """Nothing is ever held."""
        return None

    def flush(self, now: int) -> Outcome:
        """Nothing is ever held."""
        return Outcome()

    def metrics(self) -> Iterable[Metric]:
        """Records by what became of them; ``failed`` are those of bad answers."""
        return [
            Metric(
                name="fluent_eql_python_records_total",
                help="Records that the Python callback was called for, by result.",
                kind="counter",
                value=self._counts[result],
                labels=(("result", result),),
            )
            for result in RESULTS
        ]

    def _verdict(self, event: Event) -> Verdict:
        try:
            record = decode_record(event.raw)
        except ValueError as error:
            raise _BadAnswer(f"the record cannot be decoded: {error}") from error
        timestamp = _timestamp(event.time, as_table=self._time_as_table)
        try:
            answer = self._callback(event.tag, timestamp, record)
            return _read_answer(answer, _timestamp(event.time, as_table=self._time_as_table))
        except _BadAnswer:
            raise
        except (Exception, SystemExit) as error:
            raise _BadAnswer(f"the callback raised {_describe(error)}{_origin(error)}") from error


class _BadAnswer(Exception):
    """The callback raised, or its answer does not honour the contract."""


def _read_answer(answer: Any, given: float | Mapping[str, int]) -> Verdict:
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise _BadAnswer(f"expected (code, timestamp, record), got {_shown(answer)}")
    code, timestamp, record = answer
    if type(code) is not int or code not in (-1, 0, 1, 2):
        raise _BadAnswer(f"expected the code -1, 0, 1 or 2, got {_shown(code)}")
    if code == -1:
        return DROP
    if code == 0:
        return KEEP
    return Replace(_encode(record), _new_time(timestamp, given) if code == 1 else None)


def _encode(answer: Any) -> tuple[bytes, ...]:
    records = answer if isinstance(answer, (list, tuple)) else [answer]
    if not records:
        raise _BadAnswer("expected a record, got an empty list; the code -1 drops a record")
    for record in records:
        if not isinstance(record, dict):
            raise _BadAnswer(f"expected a record, a dict, got {_shown(record)}")
    try:
        return tuple(encode_value(record) for record in records)
    except (TypeError, ValueError, OverflowError) as error:
        raise _BadAnswer(f"the record cannot be encoded: {_describe(error)}") from error


def _timestamp(time: int, *, as_table: bool) -> float | dict[str, int]:
    if as_table:
        return {"sec": time // SECOND, "nsec": time % SECOND}
    return time / SECOND


def _new_time(timestamp: Any, given: float | Mapping[str, int]) -> int | None:
    """The answer's time in nanoseconds.

    None for the time as it was given: a float lacks the digits that the entry's own time has.
    """
    read = _from_table if isinstance(given, Mapping) else _from_number
    time = read(timestamp)
    if time == read(given):
        return None
    if not 0 <= time < (LAST_SECOND + 1) * SECOND:
        raise _BadAnswer(f"the timestamp {_shown(timestamp)} is outside 1970 to 2106")
    return time


def _from_table(timestamp: Any) -> int:
    if isinstance(timestamp, Mapping):
        seconds, nanoseconds = timestamp.get("sec"), timestamp.get("nsec")
        if type(seconds) is int and type(nanoseconds) is int and 0 <= nanoseconds < SECOND:
            return seconds * SECOND + nanoseconds
    raise _BadAnswer(f"expected the timestamp as sec and nsec, got {_shown(timestamp)}")


def _from_number(timestamp: Any) -> int:
    if type(timestamp) is int:
        return timestamp * SECOND
    if type(timestamp) is float and math.isfinite(timestamp):
        seconds = math.floor(timestamp)
        return seconds * SECOND + round((timestamp - seconds) * SECOND)
    raise _BadAnswer(f"expected the timestamp as a number of seconds, got {_shown(timestamp)}")


def _result(verdict: Verdict) -> str:
    if verdict is KEEP:
        return "kept"
    return "dropped" if verdict is DROP else "replaced"


def _load(options: PythonOptions) -> ModuleType:
    """Run the script in a module of its own.

    Dataclasses look their module up by its name, so it is among the system's modules.
    """
    source, script = _source(options)
    module = ModuleType(f"fluent_eql_script:{source}")
    module.__file__ = source
    code = _compile(script, source)
    sys.modules[module.__name__] = module
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        sys.modules.pop(module.__name__, None)
        line = _line_in(error, source)
        raise FilterError(f"{source}:{line}: the script raised {_describe(error)}") from error
    return module


def _source(options: PythonOptions) -> tuple[str, str]:
    """The script's name and text."""
    if (options.script is None) == (options.code is None):
        raise FilterError("the python filter needs either script or code")
    if options.script is None:
        return INLINE, options.code or ""
    try:
        return str(options.script), options.script.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FilterError(f"{options.script}: the script cannot be read: {error}") from error


def _compile(script: str, source: str) -> CodeType:
    try:
        return compile(script, source, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise FilterError(f"{source}:{error.lineno or 1}: {error.msg}") from error
    except ValueError as error:
        raise FilterError(f"{source}:1: {error}") from error


def _find(module: ModuleType, name: str) -> Callback:
    source = module.__file__
    found = getattr(module, name, None)
    if found is None:
        names = [other for other, value in vars(module).items() if inspect.isroutine(value)]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise FilterError(f"{source}: the script defines no function {name}{hint}")
    if not callable(found) or inspect.iscoroutinefunction(found):
        raise FilterError(f"{_place(source, found)}: {name} is not a plain function")
    try:
        inspect.signature(found).bind("", 0.0, {})
    except ValueError:
        pass
    except TypeError as error:
        raise FilterError(
            f"{_place(source, found)}: {name} must take (tag, timestamp, record): {error}"
        ) from error
    callback: Callback = found
    return callback


def _place(source: str | None, found: Any) -> str:
    code = getattr(found, "__code__", None)
    return f"{source}:{code.co_firstlineno}" if code else str(source)


def _line_in(error: BaseException, source: str | None) -> int:
    """The line of the script that was running, 1 if none was."""
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == source
    ]
    return lines[-1] if lines else 1


def _origin(error: BaseException) -> str:
    """Where the error was raised, for the end of a message; nothing for one of this module."""
    frames = list(traceback.walk_tb(error.__traceback__))
    frame, line = frames[-1]
    source = frame.f_code.co_filename
    return "" if source == __file__ else f" ({Path(source).name}:{line})"


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _shown(value: Any) -> str:
    try:
        shown = repr(value)
    except Exception:
        shown = type(value).__name__
    return shown if len(shown) <= 80 else f"{shown[:77]}..."

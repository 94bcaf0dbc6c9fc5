"""Elastic's public detection rules, where a checkout of them is at hand: all compile and match.

``FLUENT_EQL_DETECTION_RULES`` names the folder with the rule files, such as ``rules`` of a checkout
of github.com/elastic/detection-rules. Run with ``-s`` to read what was counted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.errors import UnsupportedError
from fluent_eql.event_time import iso_8601
from fluent_eql.filter import EqlFilter
from fluent_eql.lang import EventQuery, SequenceQuery, compile_query
from fluent_eql.rules import Rule, load_rules
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver
from support.events import MILLISECOND, SECOND, START, Record, flat
from support.reference_translation import filters_of, satisfies
from support.rules import driver, rule
from support.sequence_synthesis import Story, story_of
from support.synthesise import Assignment, conjuncts, flips, record_of, satisfying

VARIABLE = "FLUENT_EQL_DETECTION_RULES"
FOLDER = os.environ.get(VARIABLE)
SECONDS_TO_LOAD = 10
BYTES_TO_LOAD = 150 * 10**6
FLIPPED = 0.99
"""The share of conjuncts that can fail alone; what others imply cannot."""
DAY = 86_400 * SECOND
SAMPLE = re.compile(r"\s*sample\b")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason=f"{VARIABLE} names no folder with Elastic's public detection rules"
)

LOAD = """
import os, sys, time
from pathlib import Path
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import load_rules
from fluent_eql.settings import EqlOptions
from fluent_pipeline.bench.usage import peak_rss

before = peak_rss(os.getpid())
began = time.process_time()
rules = load_rules([Path(sys.argv[1])]).rules
loaded = time.process_time()
EqlFilter(rules, EqlOptions())
made = time.process_time()
print(len(rules), loaded - began, made - loaded, peak_rss(os.getpid()) - before)
"""


@dataclass(frozen=True)
class File:
    """A rule file of EQL, deprecated or not."""

    path: Path
    query: str

    def __str__(self) -> str:
        return self.path.stem


@pytest.fixture(scope="module")
def files() -> list[File]:
    found = []
    for path in sorted(Path(FOLDER or "").rglob("*.toml")):
        body = tomllib.loads(path.read_text("utf-8")).get("rule", {})
        if body.get("language") == "eql":
            found.append(File(path, body["query"]))
    assert found, f"no EQL rule file is in {FOLDER}"
    return found


@pytest.fixture(scope="module")
def rules(files: Sequence[File]) -> list[Rule]:
    """The rules of all files, but for samples; their names are those of the files."""
    kept = [file for file in files if not SAMPLE.match(file.query)]
    return [rule(file.query, name=str(file)) for file in kept]


def test_every_rule_file_compiles_but_samples_which_are_refused_by_name(
    files: Sequence[File],
) -> None:
    compiled, refused = 0, 0
    for file in files:
        if SAMPLE.match(file.query):
            with pytest.raises(UnsupportedError, match="sample, which is unordered"):
                compile_query(file.query)
            refused += 1
        else:
            compile_query(file.query, source=str(file.path))
            compiled += 1
    print(f"\n{compiled} of {len(files)} EQL rule files compile, {refused} are samples")


def test_what_is_loaded_from_the_folder_is_all_but_samples_deprecated_and_other_languages(
    files: Sequence[File],
) -> None:
    found = load_rules([Path(FOLDER or "")])
    assert all(isinstance(error, UnsupportedError) for error in found.errors)
    samples = [file for file in files if SAMPLE.match(file.query)]
    assert len(found.errors) == len(samples)
    deprecated = [path for path, reason in found.skipped if "deprecated" in reason]
    assert len(found.rules) + len(found.errors) + len(deprecated) == len(files)
    others = len(found.skipped) - len(deprecated)
    print(f"\n{len(found.rules)} rules loaded, {len(samples)} refused, skipped are", end=" ")
    print(f"{len(deprecated)} deprecated ones and {others} in other languages")


def test_all_are_loaded_within_seconds_and_little_memory() -> None:
    command = [sys.executable, "-c", LOAD, FOLDER or ""]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, reading, making, size = map(float, done.stdout.split())
    print(
        f"\n{count:.0f} rules are read in {reading:.1f} s of CPU time, a filter is made of", end=""
    )
    print(f" them in {making:.1f} s; both take {size / 1e6:.0f} MB")
    assert reading + making < SECONDS_TO_LOAD
    assert size < BYTES_TO_LOAD


def test_a_record_made_from_an_event_rule_matches_and_none_with_a_flipped_conjunct(
    rules: Sequence[Rule],
) -> None:
    wrong, tried, missed = [], 0, []
    found = [one for one in rules if isinstance(one.query, EventQuery)]
    for one in found:
        full, sparse = (satisfying(_goal(one), sparse=sparse) for sparse in (False, True))
        if full is None or sparse is None:
            wrong.append(f"{one.name}: no record that satisfies it is found")
            continue
        parts = conjuncts(one.query.conditions[0].expression)
        flipped = list(zip(parts, flips(one.query.conditions[0].expression), strict=True))
        missed += [f"{one.name}: {part}" for part, values in flipped if values is None]
        others = [values for _, values in flipped if values is not None]
        tried += len(others)
        records = [record_of(full), record_of(sparse), flat(record_of(full))]
        alerted = _alerted(driver(one), [*records, *map(record_of, others)])
        if alerted != [0, 1, 2]:
            wrong.append(f"{one.name}: of {records}, and {others}, matching are {alerted}")
    _check(wrong, tried, missed, f"{len(found)} event rules")


def test_a_stream_made_from_a_sequence_completes_it_and_none_with_a_flipped_conjunct(
    rules: Sequence[Rule],
) -> None:
    wrong, tried, missed = [], 0, []
    found = [one for one in rules if isinstance(one.query, SequenceQuery)]
    for one in found:
        story = _story(one)
        if story is None:
            wrong.append(f"{one.name}: no stream that completes it is found")
            continue
        if _completed(one, story) != [list(range(len(story.events)))]:
            wrong.append(f"{one.name}: not completed by {story.events}")
        for number, values in story.flipped():
            if values is None:
                missed.append(f"{one.name}: a conjunct of event {number}")
                continue
            tried += 1
            changed = [*story.events[:number], values, *story.events[number + 1 :]]
            if _completed(one, story, changed):
                wrong.append(f"{one.name}: completed by {changed}")
    _check(wrong, tried, missed, f"{len(found)} sequences")


def test_a_sequence_is_completed_within_maxspan_alone_and_for_one_key(
    rules: Sequence[Rule],
) -> None:
    wrong, spans, keys = [], 0, 0
    for one in rules:
        story = _story(one)
        if story is None or len(story.events) == 1:
            continue
        if (maxspan := story.query.maxspan) is not None:
            spans += 1
            in_time = [_completed(one, story, span=maxspan + late) for late in (0, 1)]
            if in_time != [[list(range(len(story.events)))], []]:
                wrong.append(f"{one.name}: at maxspan and 1 ns later {in_time}")
        for by in story.query.stages[0].by:
            keys += 1
            other = story.events[0] | {by.name: ("another",)}
            if _completed(one, story, [other, *story.events[1:]]):
                wrong.append(f"{one.name}: completed with two values of {by.name}")
    print(f"\n{spans} maxspans and {keys} join keys")
    assert not wrong, "\n".join(wrong)


def test_what_must_be_missing_and_what_ends_a_sequence_keep_it_from_completion(
    rules: Sequence[Rule],
) -> None:
    wrong, count = [], 0
    for one in rules:
        story = _story(one)
        for after, values in story.interruptions() if story else ():
            count += 1
            changed = [*story.events[:after], values, *story.events[after:]] if story else []
            if story and _completed(one, story, changed):
                wrong.append(f"{one.name}: completed in spite of {values}")
    print(f"\n{count} missing and ending events")
    assert not wrong, "\n".join(wrong)


def test_the_reference_evaluator_agrees_on_the_records_made_from_each_condition(
    rules: Sequence[Rule],
) -> None:
    wrong, count = [], 0
    for one in rules:
        asked = filters_of(one.query.ast)
        for condition, own in zip(one.query.conditions, asked, strict=True):
            matching = [satisfying((condition.expression, True), sparse=s) for s in (False, True)]
            records = [(values, True) for values in matching]
            records += [(values, False) for values in flips(condition.expression)]
            for values, expected in records:
                if values is not None:
                    count += 1
                    record = record_of(values)
                    if satisfies(own, record) is not expected:
                        wrong.append(f"{one.name}: {expected} is not the reference's: {record}")
    print(f"\n{count} records")
    assert not wrong, "\n".join(wrong)


def test_one_filter_with_all_rules_finds_what_each_alone_does(rules: Sequence[Rule]) -> None:
    together = FilterDriver(EqlFilter(rules, EqlOptions(reorder_window=None)))
    expected = set()
    found = set()
    for number, one in enumerate(rules):
        query = one.query
        if isinstance(query, SequenceQuery):
            story = _story(one)
            events = story.events if story else ()
        else:
            values = satisfying(_goal(one))
            events = (values,) if values else ()
        expected.add(one.id)
        result = together.send(_records(events, START + number * DAY, f"{number}-"))
        found |= {alert["rule"]["id"] for alert in result.alerts}
    found |= {alert["rule"]["id"] for alert in together.flush().alerts}
    assert expected - found == set()


def _goal(one: Rule) -> tuple[Any, bool]:
    return one.query.conditions[0].expression, True


def _story(one: Rule) -> Story | None:
    return story_of(one.query) if isinstance(one.query, SequenceQuery) else None


def _alerted(runner: FilterDriver, records: Iterable[Record]) -> list[int]:
    """The places of the records that the rule is tagged for."""
    alerts = runner.send([{"event.id": str(n), **record} for n, record in enumerate(records)])
    return [int(_id_of(alert["events"][0])) for alert in alerts.alerts]


def _completed(
    one: Rule,
    story: Story,
    events: Sequence[Assignment] | None = None,
    span: int | None = None,
) -> list[list[int]]:
    """The sequences that are found, each as the places of its events.

    The events are a millisecond apart, or the last is ``span`` after the first.
    """
    runner = driver(one, reorder_window=None)
    records = _records(story.events if events is None else events, START, "")
    if span is not None:
        records[-1]["@timestamp"] = iso_8601(START + span)
    alerts = [*runner.send(records).alerts, *runner.flush().alerts]
    return [[int(_id_of(event)) for event in a["sequence"]["events"]] for a in alerts]


def _records(events: Iterable[Assignment], start: int, prefix: str) -> list[Record]:
    return [
        record_of(values)
        | {"@timestamp": iso_8601(start + n * MILLISECOND), "event.id": f"{prefix}{n}"}
        for n, values in enumerate(events)
    ]


def _id_of(event: Record) -> str:
    """The id that was given to an event; the rule may ask for one of its own."""
    found = event["event.id"]
    return str(found[-1] if isinstance(found, list) else found)


def _check(wrong: Sequence[str], tried: int, missed: Sequence[str], what: str) -> None:
    total = tried + len(missed)
    print(f"\n{what}: {tried} of {total} conjuncts flipped; the others are implied by others")
    assert not wrong, "\n".join(wrong)
    assert tried >= FLIPPED * total, "\n".join(missed)

"""Conditions on Flink itself have the filter's verdicts, and unusual records its alerts.

Needs PyFlink (the extra ``flink``) and Java.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from fluent_eql.errors import SourceError
from fluent_eql.event import decode_record
from fluent_eql.fields import Fields
from fluent_eql.flinksql import Job, Paths, compile_job
from fluent_eql.flinksql.conditions import address_fields, condition_sql
from fluent_eql.flinksql.fields import column
from fluent_eql.flinksql.records import SEVERAL, Steps, field_steps
from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.flinksql.script import TIME_ZONE, View
from fluent_eql.flinksql.stages import Group
from fluent_eql.flinksql.tables import tables
from fluent_eql.flinksql.text import matches
from fluent_eql.lang import Condition, compile_query
from fluent_pipeline.flink import Cluster, Workspace, run_job
from fluent_pipeline.ndjson import from_line
from support.flink import SMALL_JAVA, needs_flink
from support.flink_records import Record, readable_record
from support.random_expressions import Conditions
from support.random_queries import random_event_query
from support.random_records import World
from support.rules import driver, rule

WORLDS, CONDITIONS_OF_EACH, RECORDS_OF_EACH = 60, 4, 4
SECOND = 10**9

pytestmark = needs_flink

QUERIES = [
    "any where a != null",
    'any where a == 0 or a > 100 or a < 0 or a == "x" or a == "\\\\" or a == "%_"',
    'any where cidrmatch(a, "0.0.0.0/0", "::/0")',
    'any where not a like "?"',
    'any where a regex~ "k.*" or a == "\ufffd" or b.c == 1',
    "sequence by k with maxspan=1h [any where s == 0] [any where s == 1]",
    "sequence by ?k, host.id with maxspan=1h [any where s == 0] [any where s == 1]",
]
NUMBERS = [
    *("0", "-0", "-0.0", "1", "1.0", "1e5", "1.5E3", "0.1", "0.00001", "5e-324", "1e16", "1e23"),
    *("1e400", "123456789.123456789", "9007199254740993", "9223372036854775808"),
]
TEXTS = [
    *(
        '"x"',
        '"10.0.0.1"',
        '"10.0.0.1\\n"',
        '"::1"',
        '"::1\\n"',
        '"fe80::1%\\n"',
        '"::ffff:1.2.3.4"',
    ),
    *('"\\u007f"', '"\\u0085"', '"\\u2028"', '"é"', '"😀"', '"\\ud83d\\ude00"', '"\\ufffd"'),
    *(
        '"\ufffd"',
        '"a\\\\b"',
        '"\\\\"',
        '"\\/"',
        '"%_"',
        '"\u212a"',
        '"K1"',
        '"k\\n1"',
        '""',
        '" "',
    ),
    *('"::ffff:1.2.3.4"', '""', '" "'),
    *('"\\b\\f\\t"', '"\\u0005\\u001f"', '"null"', '"[1]"', '"{"', '"}"', '"a\\"b"', '"\\\\\\""'),
    *('"\\\\u0041"', '"\\\\u0001"', '"5"', '"true"', '"it\'s"', '"x😀\\n\\"\\\\/é"'),
]
OTHERS = [
    *("null", "[]", "[null]", "true", "false", "[[]]", "[1.5]"),
]
SEVERAL_VALUES = ['[1,"x",null,[true]]', '["x","x"]']
SEVERAL_ADDRESSES = "several addresses in one field"
UNREAD_VALUES = {
    '{"b":1}': "an object in the place of a value",
    '[{"b":1},"x"]': "an object in the place of a value",
    '"\\u0000"': "a control character",
    '"\\u0001"': "a control character",
    '"\\u001e"': "a control character",
    '"\\ud800"': "half a surrogate pair",
    '"x\\udc80"': "half a surrogate pair",
    '"bad\udcff\udcfe"': "bytes that are no UTF-8",
    '"\udce2\udc82"': "bytes that are no UTF-8",
    "18446744073709551616": "a whole number of more than 64 bits",
    "-9223372036854775809": "a whole number of more than 64 bits",
}
TIMES = [
    *('"2026-11-24T02:48:32Z"', '"2026-11-24T02:48:32-05:30"', '"2026-11-24T02:48:32,1234567891Z"'),
    *('"2024-02-29T00:00:00Z"', "1790000000000", '"1790000000000"', '["2026-11-24T02:48:33Z"]'),
]
NO_TIMES = [
    *(
        '"2026-11-24T02:48:32Z\\n"',
        "1790000000000.5",
        '"2026-02-30T00:00:00Z"',
        '"2026-11-24"',
        "5",
    ),
    *('"2026-11-24T02:48:32+99:00"', '"2026-11-24T24:00:00Z"', '"1969-12-31T23:00:00Z"', "null"),
    *(
        '"2026-11-24"',
        '"2999-01-01T00:00:00Z"',
        '["2026-11-24T02:48:33Z","2026-11-24T02:48:34Z"]',
        '"x"',
        "-5",
    ),
]
IDS = ["5", '"5"', "true", '[1,"y"]', '"\\u007fé\\u0085\\uffff"', '"q\\"\\\\/"', "null"]
UNREAD_IDS = {
    "1.5e3": "a number that is not whole in what names the event",
    '"😀"': "a character past U+FFFF in what names the event",
}
NO_OBJECTS = ['{"a":"x"} x', '{"a":"x"}{"a":"x"}', '{"a":"x"}]', '["a"]', "{'a':'x'}", '{"a":1,}']
KEYS = [
    *(
        "1",
        '"1"',
        "true",
        '"true"',
        "-0",
        "0",
        '"a"',
        '"A"',
        '["a","b"]',
        '["a","a"]',
        "null",
        "[]",
    ),
    *('"null"', '"é"', '"\\u0085"', '"x\\"y"', '"a,b"', '""', '[["a"],"c"]'),
]
UNREAD_KEYS = {
    "1.0": "a join key that is no whole number",
    '"😀"': "a character past U+FFFF in what names the event",
}


@pytest.fixture(scope="module", autouse=True)
def small_java() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", SMALL_JAVA)
        yield


@dataclass(frozen=True)
class Drawn:
    """Conditions with their texts, and records that they are likely to hold for."""

    conditions: list[tuple[str, Condition]]
    records: list[Record]
    refused: int


def drawn(random: Random) -> Drawn:
    """Conditions that can be exported, and records."""
    found, records, refused = [], [], 0
    for _ in range(WORLDS):
        world = World.random(random)
        own = [readable_record(random, world) for _ in range(RECORDS_OF_EACH)]
        records += own
        for _ in range(CONDITIONS_OF_EACH):
            conditions = Conditions(random, world, random.choice(own))
            text = random_event_query(random, conditions).text(random)
            try:
                [condition] = compile_query(text).conditions
                condition_sql(condition.expression)
            except (SourceError, NotExportableError):
                refused += 1
            else:
                found.append((text, condition))
    return Drawn(found, records, refused)


def verdicts_job(conditions: Sequence[Condition], workspace: Workspace) -> Job:
    """A job that writes a line of JSON for each record.

    It has the record, why it was not read, and as a digit each the verdict of every condition (2
    for null) and whether a field that is tested for networks has several values.
    """
    steps = Steps()
    groups = [Group(number, one, (), 0, 1) for number, one in enumerate(conditions)]
    last = field_steps(steps, groups, "TRUE")
    tests = [condition_sql(one.expression) for one in conditions]
    verdicts = [f"CASE WHEN {t} THEN '1' WHEN NOT ({t}) THEN '0' ELSE '2' END" for t in tests]
    several = [
        f"CASE WHEN {matches(column(name), SEVERAL)} THEN '1' ELSE '0' END"
        for name in networks(conditions)
    ]
    line = (
        f"JSON_OBJECT('record' VALUE line, 'unread' VALUE unread,"
        f" 'verdicts' VALUE {' || '.join(verdicts)}, 'several' VALUE {' || '.join(several)})"
    )
    view = View("verdicts", steps.query(f"SELECT {line} AS line", last))
    storage = Paths(str(workspace.inputs), str(workspace.alerts), str(workspace.unread))
    return Job(
        {TIME_ZONE: "UTC"},
        tuple(tables(storage, "TRUE", None)),
        (view,),
        ("INSERT INTO eql_alerts SELECT line FROM verdicts",),
        (),
    )


def networks(conditions: Sequence[Condition]) -> list[str]:
    """The fields that are tested for networks."""
    return sorted({name for one in conditions for name in address_fields(one.expression)})


def lines_of(folder: Path) -> Iterator[str]:
    """The lines that a job wrote."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            yield from path.read_text("utf-8").split("\n")[:-1]


def run(job: Job, workspace: Workspace, lines: Sequence[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    workspace.inputs.mkdir(parents=True)
    (workspace.inputs / "records.ndjson").write_text(text, "utf-8", "surrogateescape")
    run_job(job, workspace, Cluster(), 60 * SECOND)


def test_random_conditions_have_the_filters_verdicts_on_flink(tmp_path: Path) -> None:
    trial, workspace = drawn(Random(20)), Workspace(tmp_path)
    conditions = [condition for _, condition in trial.conditions]
    run(verdicts_job(conditions, workspace), workspace, list(map(json.dumps, trial.records)))
    compared, unread, wrong = 0, 0, []
    for answer in map(json.loads, lines_of(workspace.alerts)):
        if answer["unread"] is not None:
            unread += 1
            continue
        fields = Fields(json.loads(answer["record"]))
        several = {
            name
            for name, digit in zip(networks(conditions), answer["several"], strict=True)
            if digit == "1"
        }
        for (text, condition), digit in zip(trial.conditions, answer["verdicts"], strict=True):
            if several & address_fields(condition.expression):
                continue
            compared += 1
            if digit != str(int(condition.matches(fields))):
                wrong.append((text, digit, {name: fields[name] for name in condition.fields}))
    print(f"\n{compared} verdicts of {len(conditions)} conditions, {trial.refused} refused")
    assert not wrong, wrong[:5]
    assert unread < len(trial.records) / 10
    assert compared > 20_000


def unusual_lines() -> tuple[list[str], dict[str, str]]:
    """Lines that are read, and those that are not, with why."""
    read: list[str] = []
    unread: dict[str, str] = {}
    number = 0

    def line(fields: str, time: str = '"2026-11-24T02:48:32.5Z"', event: str = "") -> str:
        nonlocal number
        number += 1
        event = event or f'"e{number}"'
        return f'{{"@timestamp":{time},"event":{{"id":{event}}},{fields}}}'

    for value in (*NUMBERS, *TEXTS, *OTHERS, *SEVERAL_VALUES):
        read += [line(f'"a":{value}'), line(f'"a": [ {value} ]')]
    for value, reason in UNREAD_VALUES.items():
        unread |= {line(f'"a":{value}'): reason, line(f'"a": [ {value} ]'): reason}
    read += [line('"a":"x"', time) for time in TIMES]
    unread |= {line('"a":"x"', time): "no usable @timestamp" for time in NO_TIMES}
    read += [line('"a":"x"', event=event) for event in IDS]
    unread |= {line('"a":"x"', event=event): reason for event, reason in UNREAD_IDS.items()}
    unread |= dict.fromkeys(NO_OBJECTS, "no JSON object")
    read += [line(f'"b":{value}') for value in ('{"c":1}', "[1]", "null", "5")]
    unread[line('"b":{"c":{"d":1}}')] = "an object in the place of a value"
    read += [line('"b.c":1'), line('"a":"x","a":"y"'), line('"b":{"c":2},"b.c":1')]
    spaced = line('"a" : "x"')
    read.append(f"  {spaced} \r")
    for keys, second in ((KEYS, 0), (UNREAD_KEYS, 30)):
        for key in keys:
            times = [f'"2026-11-25T{number % 24:02d}:00:{second + n:02d}Z"' for n in (0, 1)]
            pair = [line(f'"k":{key},"s":{n},"host":{{"id":"h"}}', times[n]) for n in (0, 1)]
            if keys is KEYS:
                read += pair
            else:
                unread |= dict.fromkeys(pair, UNREAD_KEYS[key])
    return read, unread


def same_event_twice() -> list[str]:
    """Events with one id at one time, told apart by their numbers, and sent twice."""
    form = (
        '{{"@timestamp":"2026-11-26T00:00:00Z","event":{{"id":"{}","sequence":{}}},'
        '"k":"{}","s":{}}}'
    )
    apart = [("same", 1, 0), ("A", 2, 1), ("same", 3, 0), ("B", 4, 1)]
    twice = [("same", 1, 0), ("A", 2, 1), ("same", 1, 0), ("B", 4, 1)]
    return [
        form.format(name, number, key, stage)
        for key, events in (("apart", apart), ("twice", twice))
        for name, number, stage in events
    ]


def test_unusual_records_give_the_filters_alerts_or_are_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    rules = [rule(query, name=str(number)) for number, query in enumerate(QUERIES)]
    storage = Paths(str(workspace.inputs), str(workspace.alerts), str(workspace.unread))
    job = compile_job(rules, storage, None)
    assert not job.refused
    read, unread = unusual_lines()
    read += same_event_twice()
    run(job, workspace, [*read, *unread])
    found = [json.loads(line) for line in lines_of(workspace.alerts)]
    told = [json.loads(line) for line in lines_of(workspace.unread)]
    for one in rules:
        unread_here = {item["record"] for item in told if item["rule"] == one.id}
        runner = driver(one, reorder_window=None, max_pending=10**6)
        lines = [line for line in (*read, *unread) if _as_flink_reads(line) not in unread_here]
        alerts = [*runner.send(list(_records(lines))).alerts, *runner.flush().alerts]
        expected = {alert["id"]: alert for alert in alerts}
        ours = {alert["id"]: alert for alert in found if alert["rule"]["id"] == one.id}
        assert ours == expected, one.query_text
    reasons = {_as_flink_reads(line): reason for line, reason in unread.items()}
    everywhere = [item for item in told if item["reason"] != SEVERAL_ADDRESSES]
    assert {item["record"]: item["reason"] for item in everywhere} == reasons
    several = {item["record"] for item in told} - reasons.keys()
    assert several == {line for line in read if any(value in line for value in SEVERAL_VALUES)}


def _records(lines: Sequence[str]) -> Iterator[Record]:
    """The records that the filter reads in lines; some are none."""
    for line in lines:
        with suppress(ValueError):
            yield decode_record(from_line(line.encode("utf-8", "surrogateescape")))


def _as_flink_reads(line: str) -> str:
    """A line with what Flink reads in the place of bytes that are no UTF-8."""
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

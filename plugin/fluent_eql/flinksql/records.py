"""From lines to the events that satisfy a stage of a rule: a chain of steps.

What one step computes is unnested before the next, so that it is computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fluent_eql.flinksql import fields, times, told
from fluent_eql.flinksql.addresses import address_steps
from fluent_eql.flinksql.conditions import address_column, address_fields, condition_sql
from fluent_eql.flinksql.fields import DOCUMENT, column
from fluent_eql.flinksql.screens import LINE
from fluent_eql.flinksql.stages import Group
from fluent_eql.flinksql.tables import EVENTS, TIME
from fluent_eql.flinksql.text import BETWEEN, NONE, in_ascii, joined, matches, quoted
from fluent_eql.flinksql.told import EVENT_ID, TIMESTAMP

SEQUENCE = "event.sequence"
LAST = "CAST(9E27 AS DECIMAL(38, 9))"
"""The tiebreaker of an event without one: it comes last."""
NO_STAGE = -1
"""In the place of a stage's number for a record that is not read."""
NOT_WHOLE = r"\x1e-?[0-9]+[^0-9\x1e]"
"""A number that Java may write in another way than Python."""
SEVERAL = r"^\x1e[^\x1e]*\x1e[^\x1e]"
ONE_TIME = rf'^\x1e"?({times.WRITTEN})"?\x1e$'
ONE_NUMBER = r"^\x1e(-?[0-9][^\x1e]*)"


class Steps:
    """The steps of one rule's query, each a query over those before."""

    def __init__(self) -> None:
        self._queries: dict[str, str] = {}

    def add(self, name: str, query: str) -> str:
        """A step; its name."""
        self._queries[name] = query
        return name

    def query(self, select: str, last: str) -> str:
        """A query over the steps up to ``last``."""
        steps = []
        for name, query in self._queries.items():
            steps.append(f"{name} AS (\n{query}\n)")
            if name == last:
                break
        return f"WITH {', '.join(steps)}\n{select} FROM {last}"

    def step(self, name: str, before: str, kept: Sequence[str], made: Mapping[str, str]) -> str:
        """A step with columns kept of the one before and others made of it, once each."""
        names = [f"m{index}" for index in range(len(made))]
        columns = [f"m.{name} AS {column}" for name, column in zip(names, made, strict=True)]
        taken = ", ".join([*(f"b.{column}" for column in kept), *columns])
        return self.add(
            name,
            f"SELECT {taken}\nFROM {before} AS b\nCROSS JOIN UNNEST(ARRAY[ROW(\n  "
            + ",\n  ".join(made.values())
            + f"\n)]) AS m ({', '.join(names)})",
        )


def field_steps(steps: Steps, groups: Sequence[Group], screen: str) -> str:
    """The steps down to the values of the fields; the last one's name.

    It has the columns ``line``, the time, the fields' values, addresses and ``unread``.
    """
    names = _names(groups)
    addresses = sorted(
        {name for group in groups for name in address_fields(group.condition.expression)}
    )
    columns = [column(name) for name in names]
    screened = steps.add("screened_lines", f"SELECT {LINE}, {TIME} FROM {EVENTS} WHERE {screen}")
    last = steps.step("documents", screened, [LINE, TIME], {DOCUMENT: fields.document()})
    made = {column(name): fields.read(name) for name in names}
    last = steps.step("field_json", last, [LINE, TIME, DOCUMENT], made)
    made = {column(name): fields.values(name) for name in names}
    made[fields.UNREAD] = fields.unreadable(names)
    last = steps.step("field_values", last, [LINE, TIME], made)
    kept = [LINE, TIME, *columns, fields.UNREAD]
    sources = {address_column(name): column(name) for name in addresses}
    for number, step in enumerate(address_steps(sources) if addresses else []):
        last = steps.step(f"addresses_{number}", last, kept, step)
    return last


def told_steps(steps: Steps, groups: Sequence[Group], source: str) -> str:
    """The steps down to what is told of the events that satisfy a stage; the last one's name.

    It has a row for each group of which an event satisfies the stage: its number ``stage``,
    ``at_ns`` in nanoseconds, ``tiebreaker``, ``id`` (null for none), ``told`` and the values of
    the join keys; and a row for each record that could not be read. ``reason`` is why, null for
    the others.
    """
    last_first = sorted(groups, key=lambda group: (group.ends, -group.number))
    tests = ", ".join(
        f"ROW({group.number}, reason IS NULL AND {condition_sql(group.condition.expression)})"
        for group in last_first
    )
    several = [
        matches(column(name), SEVERAL)
        for group in groups
        for name in sorted(address_fields(group.condition.expression))
    ]
    reason = f"CASE WHEN {' OR '.join(dict.fromkeys(several)) or 'FALSE'}"
    reason += " THEN 'several addresses in one field' ELSE unread END"
    checked = steps.add("checked_records", f"SELECT *, {reason} AS reason FROM {source}")
    satisfied = steps.add(
        "satisfied_stages",
        f"SELECT c.*, s.stage FROM {checked} AS c\n"
        f"CROSS JOIN UNNEST(ARRAY[ROW({NO_STAGE}, reason IS NOT NULL), {tests}])"
        " AS s (stage, holds)\nWHERE s.holds",
    )
    keys = key_columns(groups)
    first = steps.step("stage_values", satisfied, [LINE, TIME, "stage", "reason"], _raw(groups))
    kept = [LINE, TIME, "stage", "at_ns", "tiebreaker", *keys]
    told_in_ascii = {"told": in_ascii("told"), "id": told.in_ascii_or_null("id")}
    told_in_ascii["reason"] = _reason(keys)
    return steps.step("told_events", first, kept, told_in_ascii)


def key_columns(groups: Sequence[Group]) -> list[str]:
    """The columns of the join keys' values."""
    return [f"key_{index}" for index in range(len(groups[0].by))]


def keyed_step(steps: Steps, groups: Sequence[Group], matched: str) -> str:
    """The step of the events by join key; ``matched`` are those told of.

    ``entity`` is the key, ``by_keys`` its JSON object.
    """
    names = [key.name for key in groups[0].by]
    values = [f"v{index}.v" for index in range(len(names))]
    joins = [
        f"CROSS JOIN UNNEST(ARRAY_DISTINCT(SPLIT(SUBSTRING(m.key_{index}, 2,"
        f" CHAR_LENGTH(m.key_{index}) - 2), {quoted(BETWEEN)}))) AS v{index} (v)"
        for index in range(len(names))
    ]
    entity = joined(part for value in values for part in (value, quoted(BETWEEN))) or "''"
    by = told.object_of(
        list({name: value for name, value in zip(names, values, strict=True)}.items())
    )
    rows = steps.add(
        "key_values",
        f"SELECT m.stage, m.{TIME}, m.at_ns, m.tiebreaker, m.id, m.told, {entity} AS entity,"
        f" {by} AS by_values\nFROM {matched} AS m\n"
        + "\n".join(joins)
        + "\nWHERE m.reason IS NULL",
    )
    kept = ["stage", TIME, "at_ns", "tiebreaker", "id", "told", "entity"]
    return steps.step("keyed_matches", rows, kept, {"by_keys": in_ascii("by_values")})


def _names(groups: Iterable[Group]) -> list[str]:
    names = dict.fromkeys([TIMESTAMP, EVENT_ID, SEQUENCE])
    for group in groups:
        names |= dict.fromkeys([*group.condition.fields, *(key.name for key in group.by)])
    return list(names)


def _raw(groups: Sequence[Group]) -> dict[str, str]:
    time = column(TIMESTAMP)
    text = f"REGEXP_EXTRACT({time}, {quoted(ONE_TIME)}, 1)"
    number = f"REGEXP_EXTRACT({column(SEQUENCE)}, {quoted(ONE_NUMBER)}, 1)"
    as_decimal = f"TRY_CAST({number} AS DECIMAL(38, 9))"
    made = {
        "at_ns": times.nanoseconds(text),
        "tiebreaker": f"COALESCE({as_decimal}, {LAST})",
        "id": told.plain(column(EVENT_ID)),
        "told": _by_stage(
            groups, [told.summary(g.condition, _timestamp(time, text)) for g in groups]
        ),
    }
    names_exactly = [_names_exactly(group.condition.fields) for group in groups]
    made["is_exact"] = _by_stage(groups, names_exactly)
    for index in range(len(groups[0].by)):
        made[f"key_{index}"] = _by_stage(groups, [_key(group, index) for group in groups])
    return made


def _names_exactly(tested: Sequence[str]) -> str:
    """Whether what names an event, its id or else the fields, has the text that Python writes."""
    event_id = column(EVENT_ID)
    others = joined(column(name) for name in tested) or "''"
    named = f"CASE WHEN {event_id} = {quoted(NONE)} THEN {others} ELSE {event_id} END"
    return f"NOT {matches(named, NOT_WHOLE)}"


def _key(group: Group, index: int) -> str:
    key = group.by[index]
    values = column(key.name)
    if not key.optional:
        return values
    null = quoted(f"{BETWEEN}null{BETWEEN}")
    return f"CASE WHEN {values} = {quoted(NONE)} THEN {null} ELSE {values} END"


def _by_stage(groups: Sequence[Group], choices: Sequence[str]) -> str:
    if len(set(choices)) == 1:
        return choices[0]
    cases = [f"WHEN {g.number} THEN {choice}" for g, choice in zip(groups, choices, strict=True)]
    return f"CASE stage {' '.join(cases)} END"


def _timestamp(values: str, text: str) -> str:
    """The time as the record has it, where that is text; else in ISO 8601."""
    moment = f"TO_TIMESTAMP_LTZ({times.milliseconds(text)}, 3)"
    written = f"DATE_FORMAT({moment}, 'yyyy-MM-dd HH:mm:ss.SSS')"
    return (
        f"CASE WHEN {values} LIKE {quoted(BETWEEN + chr(34) + '%')} THEN '\"' || {text} || '\"'"
        f" ELSE '\"' || REPLACE({written}, ' ', 'T') || '000000Z\"' END"
    )


def _reason(keys: Sequence[str]) -> str:
    """Why an event that satisfies a stage is not taken; null where it is."""
    cases = [
        "WHEN reason IS NOT NULL THEN reason",
        "WHEN at_ns IS NULL THEN 'no usable @timestamp'",
        f"WHEN {times.moment('at_ns')} <> {TIME} THEN 'a second @timestamp before its own'",
    ]
    named = joined(["COALESCE(id, told)", *keys])
    cases.append(
        f"WHEN {told.past_16_bits(named)} THEN 'a character past U+FFFF in what names the event'"
    )
    cases.append("WHEN NOT is_exact THEN 'a number that is not whole in what names the event'")
    cases += [
        f"WHEN {matches(key, NOT_WHOLE)} THEN 'a join key that is no whole number'" for key in keys
    ]
    return f"CASE {' '.join(cases)} END"

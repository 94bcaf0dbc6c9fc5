"""Rule files, and where in them something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluent_eql.errors import (
    EqlSemanticError,
    EqlSyntaxError,
    RuleErrors,
    RuleFileError,
    SourceError,
    UnsupportedError,
)
from fluent_eql.fields import Fields
from fluent_eql.lang import EventQuery, SequenceQuery
from fluent_eql.rules import (
    Reference,
    Rule,
    RuleFile,
    RuleSet,
    Skipped,
    Threat,
    load_rules,
    os_types_of,
    parse_rule,
    read_rule,
    read_rules,
    require_rules,
    rule_files,
)
from support.rules import rule, rule_file

GOOD = """\
[metadata]
maturity = "production"

[rule]
rule_id = "r1"
name = "Odd Name: (2) things"
severity = "medium"
risk_score = 47
language = "eql"
query = '''
process where process.name == "x"
'''
"""


def without(key: str) -> str:
    lines = GOOD.splitlines(keepends=True)
    if key == "query":
        return GOOD[: GOOD.index("query")]
    return "".join(line for line in lines if not line.startswith(key))


def changed(key: str, line: str) -> str:
    lines = GOOD.splitlines(keepends=True)
    if key == "query":
        return GOOD[: GOOD.index("query")] + f"{line}\n"
    return "".join(f"{line}\n" if old.startswith(key) else old for old in lines)


def parsed(text: str) -> Rule:
    found = parse_rule(text, source="a.toml")
    assert isinstance(found, Rule)
    return found


def error_of(text: str) -> SourceError:
    with pytest.raises(SourceError) as raised:
        parse_rule(text, source="a.toml")
    return raised.value


def place(error: SourceError) -> tuple[str, int, int]:
    return error.source, error.line, error.column


def test_a_rule_is_read_with_all_that_it_says() -> None:
    text = GOOD.replace('maturity = "production"', 'ruleset = "mine"')
    text = text.replace(
        "language =",
        'version = 7\ndescription = """\nSome\ntext.\n"""\nreferences = ["https://a", "https://b"]\n'
        'tags = ["OS: Linux"]\nnote = "  look  "\nlanguage =',
    )
    found = parsed(text)
    assert (found.id, found.name, found.severity, found.risk_score) == (
        "r1",
        "Odd Name: (2) things",
        "medium",
        47,
    )
    assert isinstance(found.query, EventQuery)
    assert found.query_text.strip() == 'process where process.name == "x"'
    assert found.source == "a.toml"
    assert (found.version, found.ruleset) == ("7", "mine")
    assert found.description == "Some\ntext."
    assert found.references == ("https://a", "https://b")
    assert (found.tags, found.note) == (("OS: Linux",), "look")


def test_what_a_rule_does_not_say_is_empty() -> None:
    found = parsed(GOOD)
    assert (found.version, found.ruleset, found.description, found.note) == (None, None, "", "")
    assert (found.references, found.tags, found.threats) == ((), (), ())


def test_keys_that_are_not_read_are_ignored() -> None:
    extra = 'timestamp_override = "event.ingested"\nsetup = "..."\n'
    assert parsed(GOOD.replace("language", extra + "language")).id == "r1"
    assert parsed(GOOD + '\n[[transform.osquery]]\nlabel = "x"\n').id == "r1"


def test_a_rule_without_metadata_or_language_will_do() -> None:
    assert parsed(without("language")).id == "r1"
    assert parsed(GOOD[GOOD.index("[rule]") :]).id == "r1"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Odd Name: (2) things", "odd_name_2_things"),
        ("  UPPER-case  ", "upper_case"),
        ("a", "a"),
        ("Réseau d'accès", "r_seau_d_acc_s"),
    ],
)
def test_the_slug_is_the_name_in_lower_case_with_underscores(name: str, slug: str) -> None:
    assert rule("any where true", name=name).slug == slug


def test_a_name_without_a_latin_letter_has_the_id_for_a_slug() -> None:
    assert rule("any where true", name="规则", id="A1").slug == "a1"


THREAT = """
[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA1"
name = "Tactic"
reference = "https://ta1"
[[rule.threat.technique]]
id = "T1"
name = "Technique"
reference = "https://t1"
[[rule.threat.technique.subtechnique]]
id = "T1.001"
name = "Part"
reference = "https://t1/1"
[[rule.threat.technique]]
id = "T2"
name = "Second"
[[rule.threat]]
[rule.threat.tactic]
id = "TA2"
name = "Other"
"""


def test_threats_are_read_in_their_order() -> None:
    assert parsed(GOOD + THREAT).threats == (
        Threat(
            "MITRE ATT&CK",
            Reference("TA1", "Tactic", "https://ta1"),
            (Reference("T1", "Technique", "https://t1"), Reference("T2", "Second", "")),
            (Reference("T1.001", "Part", "https://t1/1"),),
        ),
        Threat("MITRE ATT&CK", Reference("TA2", "Other", ""), (), ()),
    )


@pytest.mark.parametrize(
    "threat",
    [
        "[[rule.threat]]\nframework = 'x'",
        "[[rule.threat]]\ntactic = 5",
        "[[rule.threat]]\n[rule.threat.tactic]\nid = 'TA1'",
        "[[rule.threat]]\n[rule.threat.tactic]\nname = 'x'",
        "[[rule.threat]]\ntechnique = 5\n[rule.threat.tactic]\nid = 'a'\nname = 'b'",
        "[[rule.threat]]\ntechnique = ['T1']\n[rule.threat.tactic]\nid = 'a'\nname = 'b'",
        "[rule.threat]\nframework = 'x'",
    ],
)
def test_a_threat_that_cannot_be_read_is_told_with_its_line(threat: str) -> None:
    error = error_of(f"{GOOD}\n{threat}\n")
    assert place(error) == ("a.toml", 14, 1)
    assert "rule.threat" in error.message


@pytest.mark.parametrize("value", ["5", "'x'", "[5]"])
def test_a_list_of_threats_of_another_type_is_an_error(value: str) -> None:
    error = error_of(changed("language", f"threat = {value}"))
    assert place(error) == ("a.toml", 9, 1)


REQUIRED = ("rule_id", "name", "severity", "risk_score", "query")


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_told_at_the_rule_that_lacks_it(key: str) -> None:
    error = error_of(without(key) + THREAT)
    assert isinstance(error, RuleFileError)
    assert place(error) == ("a.toml", 4, 1)
    assert error.text == "[rule]"
    assert f"expected {key}" in error.message


@pytest.mark.parametrize("value", ["5", "true", "[]", "''", "'  '", "{}", "1.5"])
@pytest.mark.parametrize("key", ["rule_id", "name", "severity", "query"])
def test_a_text_of_another_type_is_told_with_its_line(key: str, value: str) -> None:
    error = error_of(changed(key, f"{key} = {value}"))
    line = {"rule_id": 5, "name": 6, "severity": 7, "query": 10}[key]
    assert place(error) == ("a.toml", line, 1)
    assert error.text == f"{key} = {value}"
    assert key in error.message


@pytest.mark.parametrize("value", ["-1", "101", "true", "'47'", "47.0", "[]"])
def test_a_risk_score_is_a_whole_number_up_to_100(value: str) -> None:
    error = error_of(changed("risk_score", f"risk_score = {value}"))
    assert place(error) == ("a.toml", 8, 1)
    assert "from 0 to 100" in error.message


@pytest.mark.parametrize("value", ["0", "100"])
def test_the_bounds_of_the_risk_score_are_included(value: str) -> None:
    found = parsed(changed("risk_score", f"risk_score = {value}"))
    assert found.risk_score == int(value)


@pytest.mark.parametrize("value", ["urgent", "Low", "LOW", "info"])
def test_an_unknown_severity_is_told_with_the_known_ones(value: str) -> None:
    error = error_of(changed("severity", f'severity = "{value}"'))
    assert place(error) == ("a.toml", 7, 1)
    assert "low, medium, high, critical" in error.message


@pytest.mark.parametrize("key", ["references", "tags"])
@pytest.mark.parametrize("value", ["5", "'one'", "[5]", "{}"])
def test_a_list_of_texts_of_another_type_is_told_with_its_line(key: str, value: str) -> None:
    error = error_of(changed("language", f"{key} = {value}"))
    assert place(error) == ("a.toml", 9, 1)
    assert key in error.message


@pytest.mark.parametrize("text", ["", "x = 1\n", "rule = 5\n", "[[rule]]\nname = 'x'\n"])
def test_a_file_without_a_rule_table_is_an_error(text: str) -> None:
    error = error_of(text)
    assert place(error) == ("a.toml", 1, 1)
    assert "[rule]" in error.message


def test_metadata_of_another_type_is_an_error() -> None:
    assert "[metadata]" in error_of("metadata = 5\n" + GOOD[GOOD.index("[rule]") :]).message
    assert "ruleset" in error_of(GOOD.replace("maturity", "ruleset = 5\nmaturity")).message


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("[rule\nname = 'x'\n", 1, 6),
        ("[rule]\nname = 'x\n", 2, 1),
        ("[rule]\nname = 'x'\nname = 'y'\n", 3, 11),
        ("[rule]\n  name x\n", 2, 8),
        ("[rule]\nname = '''x\ny\n", 3, 1),
    ],
)
def test_a_file_that_is_not_toml_is_told_with_line_and_column(
    text: str, line: int, column: int
) -> None:
    error = error_of(text)
    assert isinstance(error, RuleFileError)
    assert error.message.startswith("not TOML: ")
    assert place(error) == ("a.toml", line, column)
    assert "at line" not in error.message


@pytest.mark.parametrize(
    ("query", "line", "column", "shown"),
    [
        ("'''\nprocess where x ==\n'''", 12, 1, ""),
        ("'''\nprocess where x = 1\n'''", 11, 17, "process where x = 1"),
        ("'''\n  process where\n    x == == 1\n'''", 12, 10, "    x == == 1"),
        ("'''process where ==\n'''", 10, 26, "==".rjust(27)),
        ('"process where =="', 10, 24, "==".rjust(25)),
        ("'process where =='", 10, 24, "==".rjust(25)),
        ('"""\nprocess where ==\n"""', 11, 15, "process where =="),
    ],
)
def test_an_error_in_the_query_is_told_with_its_place_in_the_file(
    query: str, line: int, column: int, shown: str
) -> None:
    error = error_of(changed("query", f"query = {query}"))
    assert isinstance(error, EqlSyntaxError)
    assert place(error) == ("a.toml", line, column)
    if shown:
        assert error.text.rstrip().endswith(shown.lstrip())
        assert (
            error.text[column - 1]
            == changed("query", f"query = {query}").splitlines()[line - 1][column - 1]
        )


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("process where 5", EqlSemanticError),
        ("process where nosuch(x) == 1", EqlSemanticError),
        ("sample by x [a where true] [b where true]", UnsupportedError),
    ],
)
def test_a_query_that_cannot_run_is_an_error_of_its_own_kind(
    query: str, kind: type[SourceError]
) -> None:
    error = error_of(changed("query", f"query = '{query}'"))
    assert type(error) is kind
    assert error.line == 10


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("production", "deprecated"), "its maturity is deprecated"),
        (GOOD + "enabled = false\n", "it is not enabled"),
        (GOOD + 'type = "threshold"\n', "its type is threshold, not eql"),
        (GOOD.replace("language", "type"), None),
        (GOOD.replace("production", "development") + "enabled = true\n", None),
    ],
)
def test_a_rule_that_is_not_to_run_is_skipped_and_says_why(text: str, reason: str | None) -> None:
    found = parse_rule(text, source="a.toml")
    assert (found.reason if isinstance(found, Skipped) else None) == reason


@pytest.mark.parametrize("language", ["kuery", "esql", "lucene", "EQL"])
def test_a_rule_in_another_language_is_skipped_and_says_why(language: str) -> None:
    found = parse_rule(changed("language", f'language = "{language}"'), source="a.toml")
    assert found == Skipped(f"its language is {language}, not eql")


def test_the_category_field_can_be_named() -> None:
    found = parse_rule(
        GOOD.replace("process.name", "x"), source="a.toml", event_category_field="kind"
    )
    assert isinstance(found, Rule)
    [condition] = found.query.conditions
    assert condition.matches(Fields({"kind": "process", "x": "x"}))
    assert not condition.matches(Fields({"event.category": "process", "x": "x"}))


def test_a_folder_stands_for_its_toml_files_in_order(tmp_path: Path) -> None:
    for name in ("b.toml", "a.toml", "deep/er/c.toml", "notes.md"):
        rule_file(tmp_path, name, "")
    alone = rule_file(tmp_path, "alone.rule", "")
    found = rule_files([tmp_path, alone, tmp_path / "a.toml"])
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "a.toml",
        "b.toml",
        "deep/er/c.toml",
        "alone.rule",
    ]


def test_rules_are_loaded_in_order_and_other_languages_are_listed(tmp_path: Path) -> None:
    rule_file(tmp_path, "1.toml", GOOD)
    other = rule_file(tmp_path, "2.toml", changed("language", 'language = "esql"'))
    sequence = "query = 'sequence by k [a where true] [b where true]'"
    rule_file(tmp_path, "3.toml", changed("query", sequence).replace('"r1"', '"r3"'))
    found = load_rules([tmp_path])
    assert [loaded.id for loaded in found.rules] == ["r1", "r3"]
    assert isinstance(found.rules[1].query, SequenceQuery)
    assert found.skipped == [(str(other), "its language is esql, not eql")]


def test_two_files_with_one_id_are_an_error_that_names_both(tmp_path: Path) -> None:
    first = rule_file(tmp_path, "1.toml", GOOD)
    second = rule_file(tmp_path, "2.toml", GOOD)
    found = load_rules([tmp_path])
    assert [loaded.source for loaded in found.rules] == [str(first)]
    [error] = found.errors
    assert place(error) == (str(second), 5, 1)
    assert str(first) in error.message
    assert "r1" in error.message


def test_a_file_named_twice_is_loaded_once(tmp_path: Path) -> None:
    path = rule_file(tmp_path, "1.toml", GOOD)
    assert len(load_rules([path, tmp_path, path]).rules) == 1


def test_wrong_files_are_told_and_keep_no_other_from_being_loaded(tmp_path: Path) -> None:
    rule_file(tmp_path, "1.toml", without("name"))
    rule_file(tmp_path, "2.toml", GOOD)
    rule_file(tmp_path, "3.toml", "not toml")
    found = load_rules([tmp_path])
    assert [loaded.id for loaded in found.rules] == ["r1"]
    assert [Path(error.source).name for error in found.errors] == ["1.toml", "3.toml"]
    assert [file.path.name for file in found.files] == ["1.toml", "2.toml", "3.toml"]


def test_where_no_rule_can_be_loaded_all_errors_are_told_together(tmp_path: Path) -> None:
    rule_file(tmp_path, "1.toml", without("name"))
    rule_file(tmp_path, "3.toml", "not toml")
    missing = tmp_path / "missing.toml"
    with pytest.raises(RuleErrors) as raised:
        load_rules([tmp_path, missing])
    sources = [Path(error.source).name for error in raised.value.errors]
    assert sources == ["1.toml", "3.toml", "missing.toml"]
    assert str(raised.value).count("\n    ") >= 2


def test_a_load_without_any_rule_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuleErrors, match="at least one EQL rule") as raised:
        load_rules([tmp_path])
    assert str(tmp_path) in str(raised.value)
    with pytest.raises(RuleErrors, match="no path"):
        load_rules([])
    rule_file(tmp_path, "1.toml", changed("language", 'language = "esql"'))
    with pytest.raises(RuleErrors, match="at least one EQL rule"):
        load_rules([tmp_path])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (changed("language", 'language = "esql"'), "its language is esql, not eql"),
        (changed("language", 'type = "query"'), "its type is query, not eql"),
    ],
)
def test_a_rule_of_another_language_is_skipped_also_where_it_is_to_be_enabled(
    text: str, reason: str
) -> None:
    assert parse_rule(text, source="a.toml", enabled=["r1"]) == Skipped(reason)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('maturity = "production"', 'maturity = "deprecated"'),
        ("[rule]", "[rule]\nenabled = false"),
    ],
)
def test_a_rule_that_is_left_out_is_read_where_its_id_is_among_those_to_be_enabled(
    old: str, new: str
) -> None:
    text = GOOD.replace(old, new)
    assert isinstance(parse_rule(text, source="a.toml", enabled=["r2"]), Skipped)
    assert isinstance(parse_rule(text, source="a.toml", enabled=["r2", "r1"]), Rule)
    for odd in ("[]", "1", "{}"):
        odd_text = text.replace('"r1"', odd)
        assert isinstance(parse_rule(odd_text, source="a.toml", enabled=["r1"]), Skipped)


def test_what_is_left_out_of_a_set_by_others_is_a_rule_that_was_found(tmp_path: Path) -> None:
    path = rule_file(tmp_path, "1.toml", GOOD)
    found = read_rules([path])
    require_rules(found, [path])
    [rule_of_it] = found.rules
    left_out = RuleSet([RuleFile(path=path, skipped=Skipped("for a test", rule_of_it))])
    require_rules(left_out, [path])
    skipped = RuleSet([RuleFile(path=path, skipped=Skipped("for a test"))])
    with pytest.raises(RuleErrors, match="at least one EQL rule"):
        require_rules(skipped, [path])


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match="cannot be read"):
        read_rule(tmp_path / "missing.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(GOOD.encode() + b"# \xe9\n")
    with pytest.raises(RuleFileError, match="cannot be read"):
        read_rule(latin)


def test_windows_line_ends_move_no_place(tmp_path: Path) -> None:
    text = changed("query", "query = '''\nprocess where x = 1\n'''")
    path = tmp_path / "crlf.toml"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    with pytest.raises(EqlSyntaxError) as raised:
        read_rule(path)
    assert (raised.value.line, raised.value.column) == (11, 17)


@pytest.mark.parametrize(
    ("condition", "systems"),
    [
        ('host.os.type == "linux"', ["linux"]),
        ('"linux" == host.os.type and a == 1', ["linux"]),
        ('host.os.type in ("linux", "macos")', ["linux", "macos"]),
        ('host.os.type : ("win*", "Linux")', ["win*", "Linux"]),
        ('host.os.type like~ "linux"', ["linux"]),
        (
            '(host.os.type == "linux" and a == 1) or (host.os.type == "macos" and b == 1)',
            ["linux", "macos"],
        ),
        ('(host.os.type == "windows" and a == 1) or b == 1', []),
        (
            'host.os.type in ("linux", "macos") and (host.os.type == "macos" or a == 1)',
            ["linux", "macos"],
        ),
        ('host.os.type in ("linux", "macos") and host.os.type == "macos"', ["macos"]),
        ('host.os.type != "windows"', []),
        ('not host.os.type in ("windows", "macos")', []),
        ('host.os.type regex "linux|macos"', []),
        ("host.os.type == null", []),
        ('host.os.family == "debian"', []),
    ],
)
def test_a_rule_is_for_the_systems_that_its_condition_asks_for(
    condition: str, systems: list[str]
) -> None:
    assert list(os_types_of(rule(f"process where {condition}"))) == systems


def test_a_sequence_is_for_the_systems_that_its_stages_ask_for() -> None:
    stages = ('[a where host.os.type == "linux"]', "[b where true]")
    assert os_types_of(rule(f"sequence by k {' '.join(stages)}")) == ("linux",)
    both = (stages[0], '[b where host.os.type : ("linux", "macos")]')
    assert os_types_of(rule(f"sequence by k {' '.join(both)}")) == ("linux", "macos")

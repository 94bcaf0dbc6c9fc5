from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fluent_eql.errors import RuleErrors, RuleFileError, TuningError
from fluent_eql.fields import Fields
from fluent_eql.lang import SequenceQuery
from fluent_eql.options import Named, Place, options_of
from fluent_eql.rules import Reference, Rule, RuleFile, RuleSet, Skipped, Threat
from fluent_eql.tuning import (
    DISABLED,
    RuleException,
    RuleFilter,
    RuleTuning,
    TunedRule,
    condition,
    exception,
    rule_tuning,
    tune,
    tuned_rule,
)
from support.rules import THREATS, rule, rule_file

TWO = "sequence by k with maxspan=5s [any where a == 1] [any where b == 1]"


def excepted(text: str, stage: int | None = None) -> RuleException:
    return RuleException(stage=stage, condition=condition(text))


def tuned(id: str = "id-Test rule", place: Place | None = None, **keys: Any) -> TunedRule:
    return TunedRule(id, RuleTuning(**keys), place or Place("relay.yaml", 7, 9))


def applied(tested: Rule, *exceptions: RuleException, **keys: Any) -> Rule:
    return tuned(tested.id, exceptions=exceptions, **keys).applied_to(tested)


def of_rules(*rules: Rule) -> RuleSet:
    return RuleSet([RuleFile(path=Path(found.name), rule=found) for found in rules])


def only(found: RuleSet) -> RuleFile:
    [file] = found.files
    return file


def errors_of(found: RuleSet, *tuning: TunedRule) -> list[str]:
    with pytest.raises(RuleErrors) as raised:
        tune(found, tuning, RuleFilter())
    assert all(isinstance(error, TuningError) for error in raised.value.errors)
    return [str(error) for error in raised.value.errors]


def stages_satisfied(tested: Rule, record: dict[str, Any]) -> list[bool]:
    return [found.matches(Fields(record)) for found in tested.query.conditions]


def test_an_exception_is_a_text_or_a_condition_with_a_stage() -> None:
    assert exception('a == "x"') == RuleException(condition=condition('a == "x"'))
    assert exception("a == 1") == excepted("a == 1")
    assert excepted("a == 1", 1) != excepted("a == 1")


def test_a_condition_keeps_its_text_without_the_space_around_it() -> None:
    assert condition("\n  a == 1\n").text == "a == 1"


def test_conditions_of_two_readings_are_equal() -> None:
    assert condition('a : "x*"') == condition('a : "x*"')


def test_what_is_wrong_in_a_condition_is_shown_in_it() -> None:
    with pytest.raises(ValueError, match="there is no function lenght") as raised:
        condition('process.name == "apt" and lenght(a) > 1')
    shown, caret = str(raised.value).splitlines()[1:]
    assert shown[caret.index("^") :].startswith("lenght(a)")


@pytest.mark.parametrize("text", ["", "true", "a = 1", "process where a == 1", 'a regex "~(bc)d"'])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|not supported"):
        exception(text)


def test_the_keys_of_a_tuned_rule_are_parsed_as_those_of_a_section() -> None:
    specs = {key: spec for key, (_, spec) in options_of(RuleTuning).items()}
    assert specs["enabled"].parse("off") is False
    assert specs["severity"].parse("HIGH") == "high"
    assert specs["exceptions"].schema is RuleException
    assert options_of(RuleException)["stage"][1].parse("1") == 1
    assert [spec.required for _, spec in options_of(RuleException).values()] == [False, True]


def test_what_stands_under_an_id_tunes_that_rule() -> None:
    place, tuning = Place("a.yaml", 3, 5), RuleTuning(severity="low")
    found = tuned_rule(Named("r1", tuning, place))
    assert (found.id, found.tuning, found.place) == ("r1", tuning, place)


def test_a_place_makes_no_difference_between_two_readings() -> None:
    assert tuned(place=Place("a", 1, 1)) == tuned(place=Place("a", 2, 1))
    assert tuned(severity="low") != tuned()


def test_a_text_in_the_place_of_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a map of rules' ids, found 'off'"):
        rule_tuning("off")


def test_a_severity_takes_the_place_of_the_rules() -> None:
    assert applied(rule(TWO), severity="critical").severity == "critical"
    assert applied(rule(TWO)).severity == "low"


def test_an_exception_keeps_its_events_from_the_stage_it_is_for() -> None:
    found = applied(rule(TWO), excepted('n == "x"', stage=1), excepted('m == "x"', stage=0))
    record = {"a": 1, "b": 1}
    assert stages_satisfied(found, record) == [True, True]
    assert stages_satisfied(found, record | {"n": "x"}) == [True, False]
    assert stages_satisfied(found, record | {"m": "x"}) == [False, True]


def test_an_exception_for_no_stage_keeps_its_events_from_all() -> None:
    found = applied(rule(TWO), exception('n == "x"'))
    assert stages_satisfied(found, {"a": 1, "b": 1, "n": ["y", "x"]}) == [False, False]
    assert stages_satisfied(found, {"a": 1, "b": 1, "n": "y"}) == [True, True]


def test_a_rule_of_one_event_has_the_stage_0() -> None:
    found = applied(rule("any where a == 1"), excepted("b == 1", stage=0))
    assert stages_satisfied(found, {"a": 1, "b": 1}) == [False]


def test_a_tuned_rule_knows_its_exceptions_and_keeps_the_rest() -> None:
    plain = rule(TWO, tags=("Mine",))
    found = applied(plain, excepted("n == 1"), excepted("m == 1", 1), severity="high")
    assert found.exceptions == ((None, "n == 1"), (1, "m == 1"))
    assert (found.id, found.tags, found.query_text) == (plain.id, ("Mine",), TWO)
    assert isinstance(found.query, SequenceQuery)
    assert found.query.maxspan == 5 * 10**9
    assert plain.exceptions == ()


@pytest.mark.parametrize(
    ("query", "stage", "there_are"),
    [
        (TWO, 2, "stages 0 to 1"),
        ("any where a == 1", 1, "stage 0 only"),
        ("sequence by k [any where a == 1] with runs=3", 3, "stages 0 to 2"),
        (TWO + " until [any where c == 1]", 2, "stages 0 to 1"),
    ],
)
def test_a_stage_that_the_rule_does_not_have_is_an_error_at_the_rules_place(
    query: str, stage: int, there_are: str
) -> None:
    item = tuned(exceptions=(excepted("n == 1", stage),))
    (error,) = errors_of(of_rules(rule(query)), item)
    assert error == (
        f"relay.yaml:7:9: tuning id-Test rule: there is no stage {stage}: Test rule has {there_are}"
    )
    assert tune(of_rules(rule(query)), [tuned(exceptions=(excepted("n == 1", 0),))], RuleFilter())


def test_rules_are_tuned_by_their_ids_and_the_others_stay_as_they_are() -> None:
    first, second = rule(TWO, name="First"), rule(TWO, name="Second")
    found = tune(of_rules(first, second), [tuned("id-Second", severity="high")], RuleFilter())
    assert found.rules[0] is first
    assert [item.severity for item in found.rules] == ["low", "high"]


def test_a_disabled_rule_is_skipped_with_the_reason() -> None:
    item = tuned(enabled=False, severity="high")
    file = only(tune(of_rules(rule(TWO)), [item], RuleFilter(severities=["low"])))
    assert file.rule is None
    assert file.skipped is not None
    assert file.skipped.reason == DISABLED == "disabled in the configuration"
    assert file.skipped.rule is not None
    assert file.skipped.rule.severity == "high"


def test_the_exceptions_of_a_disabled_rule_are_checked_too() -> None:
    item = tuned(enabled=False, exceptions=(excepted("n == 1", 5),))
    assert "no stage 5" in errors_of(of_rules(rule(TWO)), item)[0]


def test_an_id_that_no_rule_has_is_an_error_with_the_nearest_that_one_has() -> None:
    found = of_rules(rule(TWO, id="9a1b2c3d-0000", name="Odd Name"))
    for written in ("9a1b2c3e-0000", "Odd Name", "odd_name", "odd name"):
        assert errors_of(found, tuned(written)) == [
            f"relay.yaml:7:9: tuning {written}: no rule has this id; did you mean 9a1b2c3d-0000?"
        ]
    assert errors_of(found, tuned("x")) == ["relay.yaml:7:9: tuning x: no rule has this id"]


def test_all_that_is_wrong_is_told_in_the_order_of_the_configuration() -> None:
    found = of_rules(rule(TWO))
    items = [
        tuned("x", Place("relay.yaml", 12, 9)),
        tuned(place=Place("relay.yaml", 9, 9), exceptions=(excepted("n == 1", 5),)),
        tuned("y", Place("relay.yaml", 3, 9)),
    ]
    assert [error.split(":")[1] for error in errors_of(found, *items)] == ["3", "9", "12"]


@pytest.fixture
def idle(tmp_path: Path) -> RuleSet:
    """A rule that runs, one that is refused and one of another language."""
    refused = rule_file(tmp_path, "1.toml", '[rule]\nrule_id = "refused"\n')
    skipped = rule_file(tmp_path, "2.toml", '[rule]\nrule_id = "skipped"\nlanguage = "kuery"\n')
    files = [
        RuleFile(path=refused, error=RuleFileError("wrong", source=str(refused))),
        RuleFile(path=skipped, skipped=Skipped("its language is kuery, not eql")),
    ]
    return RuleSet([*files, *of_rules(rule(TWO)).files])


def test_a_rule_whose_file_gives_none_may_be_tuned(idle: RuleSet) -> None:
    items = [tuned("refused", enabled=True), tuned("skipped", severity="high")]
    assert tune(idle, items, RuleFilter()).files[:2] == idle.files[:2]


def test_a_rule_of_another_language_cannot_be_enabled(idle: RuleSet) -> None:
    (error,) = errors_of(idle, tuned("skipped", enabled=True))
    assert error.endswith("the rule cannot be enabled: its language is kuery, not eql")


LINUX = rule('process where host.os.type == "linux" and a == 1', name="Linux")
BOTH = rule('process where host.os.type in ("Windows", "macos") and a == 1', name="Both")
PATTERN = rule('process where host.os.type : ("win*", "macos") and a == 1', name="Pattern")
ANY = rule('process where host.os.type != "windows" and a == 1', name="Any")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["linux"], ["Linux", "Any"]),
        (["LINUX"], ["Linux", "Any"]),
        (["windows"], ["Both", "Pattern", "Any"]),
        (["linux", "macos"], ["Linux", "Both", "Pattern", "Any"]),
        (["solaris"], ["Any"]),
        ([], ["Linux", "Both", "Pattern", "Any"]),
    ],
)
def test_a_rule_runs_if_it_is_for_one_of_the_systems_or_for_all(
    wanted: list[str], names: list[str]
) -> None:
    found = tune(of_rules(LINUX, BOTH, PATTERN, ANY), [], RuleFilter(os_types=wanted))
    assert [item.name for item in found.rules] == names


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (RuleFilter(), None),
        (RuleFilter(tags=["USE case: threat detection"]), None),
        (RuleFilter(tags=["Other", "Mine"]), None),
        (RuleFilter(tags=["Use Case"]), "left out by rule_filter.tag"),
        (RuleFilter(tactics=["ta2"]), None),
        (RuleFilter(tactics=["Tactic ONE"]), None),
        (RuleFilter(tactics=["T1"]), "left out by rule_filter.tactic"),
        (RuleFilter(tactics=["Technique one"]), "left out by rule_filter.tactic"),
        (RuleFilter(severities=["low", "high"]), None),
        (RuleFilter(severities=["high"]), "left out by rule_filter.severity"),
        (RuleFilter(os_types=["linux"]), "left out by rule_filter.os"),
        (RuleFilter(tags=["Mine"], severities=["high"]), "left out by rule_filter.severity"),
        (RuleFilter(tags=["no"], severities=["high"]), "left out by rule_filter.tag"),
        (RuleFilter(os_types=["macos"], tags=["mine"], tactics=["TA1"], severities=["low"]), None),
    ],
)
def test_a_rule_runs_if_all_that_is_asked_for_accepts_it(
    wanted: RuleFilter, reason: str | None
) -> None:
    tags = ("Use Case: Threat Detection", "Mine")
    tested = rule('process where host.os.type == "macos"', tags=tags, threats=THREATS)
    assert wanted.reason_against(tested) == reason


def test_a_rule_without_tags_or_tactics_has_none_that_is_asked_for() -> None:
    assert RuleFilter(tags=["Mine"]).reason_against(rule(TWO)) == "left out by rule_filter.tag"
    assert RuleFilter(tactics=["TA1"]).reason_against(rule(TWO))
    tactic = Threat("MITRE ATT&CK", Reference("TA0011", "Command and Control", ""), (), ())
    assert RuleFilter(tactics=["ta0011"]).reason_against(rule(TWO, threats=(tactic,))) is None


def test_the_filter_sees_the_severity_that_the_rule_is_tuned_to() -> None:
    wanted = RuleFilter(severities=["high"])
    assert only(tune(of_rules(rule(TWO)), [tuned(severity="high")], wanted)).rule
    skipped = only(tune(of_rules(rule(TWO, severity="high")), [tuned(severity="low")], wanted))
    assert skipped.skipped is not None
    assert skipped.skipped.reason == "left out by rule_filter.severity"

from __future__ import annotations

from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.shim import PythonFilter, PythonOptions
from fluent_pipeline.monitor.observed import Observed
from support.monitors import RULE, stage_of


def test_the_rules_are_those_of_the_filters_that_have_rules() -> None:
    code = "def f(tag, timestamp, record): return 0, 0, 0"
    stages = [
        stage_of(PythonFilter.create(PythonOptions(call="f", code=code)), "python.0"),
        stage_of(EqlFilter([RULE], EqlOptions()), "eql.0"),
        stage_of(EqlFilter([RULE], EqlOptions()), "eql.1"),
    ]
    observed = Observed(troubles=tuple, sample=tuple, stages=lambda: stages)
    assert [name for name, _ in observed.insights()] == ["eql.0", "eql.1"]
    told = [(name, rule["id"]) for name, _, rule in observed.rules()]
    assert told == [("eql.0", RULE.id), ("eql.1", RULE.id)]


async def test_a_relay_that_says_nothing_is_ready_and_reloads_nothing() -> None:
    observed = Observed(troubles=tuple, sample=tuple)
    assert (list(observed.unready()), list(await observed.reload())) == ([], [])

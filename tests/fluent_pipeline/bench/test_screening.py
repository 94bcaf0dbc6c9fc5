from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fluent_pipeline.bench.rulesets import write_rules
from fluent_pipeline.bench.screening import Screening, screening_of, screening_report
from fluent_pipeline.bench.workloads import MAIN
from support.rules import rule_file

SMALL = replace(MAIN, batch=100, candidates=0.05)
NAME = "Network Connection Followed by File Creation"


def test_the_shipped_rule_asks_for_the_candidates_alone(tmp_path: Path) -> None:
    found = screening_of(SMALL, write_rules(1, tmp_path), batches=3)
    assert found == Screening(1, 300, 15, ((NAME, 15),), ())
    assert screening_report(found).splitlines()[0] == (
        "1 rule: 5.0% of the records decoded, 0 rules without a screen, 1 rule asking for some"
    )


def test_a_rule_without_a_screen_asks_for_every_record(tmp_path: Path) -> None:
    head = 'name = "All"\nrule_id = "x"\nseverity = "low"\nrisk_score = 1'
    rule_file(tmp_path, "all.toml", f"[rule]\n{head}\nquery = 'any where process.pid > 0'\n")
    found = screening_of(SMALL, write_rules(1, tmp_path), batches=2)
    assert found.decoded == found.records == 200
    assert found.asked_by == (("All", 200), (NAME, 10))
    assert found.unscreened == ("All",)
    lines = screening_report(found).splitlines()
    assert lines[2].split() == ["All", "100.0%", "yes"]
    assert lines[3].split() == [*NAME.split(), "5.0%"]


def test_a_stream_of_which_nothing_is_decoded_has_no_table(tmp_path: Path) -> None:
    found = screening_of(replace(SMALL, candidates=0.0), write_rules(1, tmp_path), batches=1)
    assert len(screening_report(found).splitlines()) == 1

from __future__ import annotations

from fluent_pipeline.bench.claims import CLAIMS, claims_table
from fluent_pipeline.bench.measure import INFLATE, Result
from fluent_pipeline.bench.targets import contestants
from fluent_pipeline.bench.workloads import WORKLOADS


def test_a_claim_is_held_up_to_its_limit() -> None:
    results = {"main": [Result("skip", "", cpu=[2.0]), Result("rules", "", cpu=[3.0])]}
    (line,) = claims_table(results).splitlines()[1:]
    assert line.split()[-3:] == ["1.50", "1.5", "yes"]
    results["main"][1].cpu = [3.1]
    assert claims_table(results).endswith("no")


def test_claims_about_what_was_not_measured_are_left_out() -> None:
    assert claims_table({}) == ""


def test_a_floor_that_is_lost_in_the_noise_proves_nothing() -> None:
    results = {"main": [Result("copy", "", p99=[-1e-6]), Result("rules", "", p99=[1e-3])]}
    assert claims_table(results) == ""


def test_claims_name_workloads_and_relays_that_there_are() -> None:
    relays = {contestant.name for contestant in contestants()} | {INFLATE}
    for claim in CLAIMS:
        for workload, relay in (claim.cost, claim.beside):
            assert workload in {each.name for each in WORKLOADS}
            assert relay in relays

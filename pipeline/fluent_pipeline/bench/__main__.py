"""``python -m fluent_pipeline.bench``: what a record costs, each relay beside the floor.

Every relay is a process of its own between this one, which sends, and a sink that acknowledges, in
a process of its own as well; neither decodes anything. The relays of a workload run side by side
and take turns, round by round; a figure is the median of the rounds. Read the ratios: the times
are this machine's, at this moment.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from fluent_pipeline.bench import guard
from fluent_pipeline.bench.claims import claims_table
from fluent_pipeline.bench.curves import draw
from fluent_pipeline.bench.measure import Result, results_of
from fluent_pipeline.bench.report import as_json, heading, table_of
from fluent_pipeline.bench.rulesets import public_rules, rules_for
from fluent_pipeline.bench.screening import screening_of, screening_report
from fluent_pipeline.bench.targets import contestants
from fluent_pipeline.bench.workloads import VARIABLE, WORKLOADS, Workload, chosen


def main() -> int:
    parser = _parser()
    options = parser.parse_args()
    if options.check or options.save:
        return _guard(options.check, options.save, options.rounds or guard.ROUNDS)
    try:
        workloads = chosen(
            options.only, quick=options.quick, long=options.long, public=bool(public_rules())
        )
    except ValueError as error:
        parser.error(str(error))
    rounds = options.rounds or (1 if options.quick else 5)
    results: dict[str, list[Result]] = {}
    for workload in workloads:
        print(heading(workload), flush=True)
        results[workload.name] = results_of(workload, contestants(), rounds)
        print(table_of(results[workload.name]), flush=True)
        if workload.public:
            print(_screening(workload), flush=True)
        print()
    print(claims_table(results))
    if options.json:
        options.json.write_text(json.dumps(as_json(workloads, results), indent=1) + "\n")
    if options.svg:
        for path in draw(results, options.svg):
            print(f"drawn: {path}")
    return 0


def _screening(workload: Workload) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return screening_report(screening_of(workload, rules_for(workload, Path(folder))))


def _guard(baseline: Path | None, save: Path | None, rounds: int) -> int:
    found = guard.ratio(rounds)
    print(f"the shipped rule costs {found:.2f} times a relay without a filter")
    if save:
        guard.save(found, save)
    problem = guard.check(found, baseline) if baseline else None
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fluent_pipeline.bench",
        description=(__doc__ or "").partition("\n")[0],
        epilog=f"With {VARIABLE} set to the folder of Elastic's public rules, those for Linux too.",
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="a workload; may be repeated: " + ", ".join(each.name for each in WORKLOADS),
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="one round of a fifth; a first look")
    parser.add_argument("--long", action="store_true", help="with 10 M entities; takes minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    parser.add_argument("--svg", type=Path, metavar="DIR", help="draw how the cost grows")
    parser.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        nargs="?",
        const=guard.BASELINE,
        help="only the guard: fail where the main workload costs over 15 %% more than there",
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        nargs="?",
        const=guard.BASELINE,
        help="only the guard: make what is measured the baseline",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

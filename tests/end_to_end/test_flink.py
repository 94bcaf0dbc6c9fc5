"""The rules on Apache Flink give the filter's alerts, id for id.

Needs PyFlink (the extra ``flink``) and Java. Jobs that can be are run in this process, which
starts one JVM; those that are killed have processes of their own.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from fluent_eql.event_time import iso_8601
from fluent_eql.flinksql import Paths, compile_job
from fluent_eql.rules import Rule
from fluent_pipeline.bench.defend import stream, told
from fluent_pipeline.cli import main
from fluent_pipeline.flink import Cluster, Workspace, read_lines, run_job, write_alerts
from fluent_pipeline.flink.rest import records_read
from support.events import MILLISECOND, SECOND, START, Record, Scene, flat
from support.flink import SMALL_JAVA, WAIT, cluster, needs_flink, wait_for
from support.programs import FLUENT_EQL
from support.rules import driver, rule

pytestmark = needs_flink

SAMPLES = Path(__file__).parents[1] / "samples"
Alerts = list[dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def small_java() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", SMALL_JAVA)
        yield


TRAPS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"time": 5 * SECOND}),
    ({}, {"time": 5 * SECOND + 1}),
    ({}, {"time": 0}),
    ({"time": SECOND}, {"time": SECOND - 1}),
    ({"executable": "/TMP/x"}, {"executable": "/TMP/x"}),
    ({"executable": "/tmpfoo"}, {"executable": "/tmpfoo"}),
    ({}, {"executable": "/tmp/TOKEN_Handler"}),
    ({}, {"path": "/run/systemd/journal/streams/.x"}),
    ({}, {"path": "/run/systemd/journal/streams/x"}),
    ({}, {"path": '/opt/two\nlines and "quotes" \\ and ü'}),
    *(({"ip": ip}, {}) for ip in ("::", "0.0.0.1", "fec0::1", "FE80::1", "::ffff:10.0.0.1")),
    ({"ip": "no address"}, {}),
    ({"destination__ip": []}, {}),
    ({"destination__ip": ["10.0.0.1", None]}, {}),
    ({"event__category": "network", "event__type": ["info", "start"]}, {}),
    ({}, {"file__extension": "tmp"}),
    ({}, {"file__extension": None}),
    ({"host__id": 7}, {"host__id": 7}),
    ({"host__id": 7}, {"host__id": "7"}),
    ({"host__id": None}, {"host__id": None}),
    ({"process__entity_id": ["a", "b"]}, {"process__entity_id": "b"}),
]
"""What a connection and a file creation of one process have; each is an alert, or just is none."""

SHAPES = (
    "sequence by host.id with maxspan=5s [any where a == 1] [any where b == 1] [any where c == 1]",
    "sequence by host.id with maxspan=6s [any where a == 1] with runs=2"
    " [any where b == 1] with runs=2 [any where c == 1]",
    "sequence by host.id with maxspan=5s [any where a == 1] [any where b == 1]"
    " until [any where c == 1]",
    "sequence with maxspan=4s [any where a == 1] by user.name [any where b == 1] by file.name",
    "sequence by ?host.id, tags with maxspan=4s [any where a == 1] [any where a == 1]",
    "sequence by host.id [any where a == 1] [any where b == 1 and c == 1]",
    "any where a == 1 and b == 1 and c == 1",
)
SHARES = {"a": 0.4, "b": 0.4, "c": 0.25}
"""How often a field is 1."""


def lines_of(records: Iterable[Record]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def trap_records() -> Iterator[Record]:
    scene = Scene(9)
    for spelling in (dict, flat):
        for connection, creation in TRAPS:
            pid = scene.host.sequence + 1000
            yield spelling(scene.network(**{"pid": pid, **connection}))
            yield spelling(scene.file(**{"pid": pid, **creation}))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all traps and stories, in any order, some twice, packed and not."""
    records = [*trap_records(), *told(1, records=2000, start=START + 60 * SECOND)]
    random = Random(3)
    records += random.sample(records, len(records) // 5)
    random.shuffle(records)
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "deeper").mkdir()
    third = len(records) // 3
    (folder / "a.ndjson").write_bytes(lines_of(records[:third]) + b'{"cut": "/tmp/"')
    packed = gzip.compress(lines_of(records[third : 2 * third]))
    (folder / "b.ndjson.gz").write_bytes(packed)
    (folder / "deeper" / "c.log").write_bytes(lines_of(records[2 * third :]))
    (folder / "d.ndjson").write_bytes((SAMPLES / "events.ndjson").read_bytes())
    return folder


def inline(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Alerts:
    """The alerts of ``fluent-eql replay``, in its order."""
    assert main(["replay", "--json", *map(str, arguments)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def alerts_in(path: Path) -> Alerts:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("parallelism", [1, 2])
def test_the_alerts_are_those_of_the_filter_in_its_order(
    parallelism: int, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "alerts.ndjson"
    paths = ["--input", str(recordings), "--output", str(output)]
    assert main(["flink", "run", *paths, "--parallelism", str(parallelism)]) == 0
    assert "1 record not read: no JSON" in capsys.readouterr().err
    expected = inline(capsys, recordings)
    assert len(expected) > 4 + 2 + 20
    assert alerts_in(output) == expected


def shapes() -> list[Rule]:
    return [rule(query, name=str(number)) for number, query in enumerate(SHAPES)]


def shaped_records(count: int) -> list[Record]:
    """Events that satisfy several stages at once, close together, many at the same time."""
    random = Random(4)
    records: list[Record] = []
    for number in range(count):
        time = START + random.randrange(count * 150) * 4 * MILLISECOND
        time += random.choice((0, 0, 0, 1, 500))
        record: Record = {
            **{name: int(random.random() < share) for name, share in SHARES.items()},
            "event": {"id": f"e{number}", "sequence": number},
            "tags": random.choice(["x", ["x", "y"], ["y"], []]),
            "user": {"name": random.choice("ab")},
            "file": {"name": random.choice("ab")},
        }
        if random.random() < 0.9:
            record["host"] = {"id": random.choice(["h1", "h2", 7])}
        if random.random() < 0.2:
            del record["event"]["sequence"]
            time += number * 7
        records.append(record | {"@timestamp": iso_8601(time)})
    records += random.sample(records, count // 8)
    random.shuffle(records)
    return records


def of_rules(alerts: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The alerts of each rule, by their ids."""
    found: dict[str, dict[str, Any]] = {query: {} for query in SHAPES}
    for alert in alerts:
        found[SHAPES[int(alert["rule"]["name"])]][alert["id"]] = alert
    return found


def listened_on() -> set[str]:
    """The addresses on which the processes that this one has started listen."""
    own = [connection for each in psutil.Process().children(True) for connection in listening(each)]
    return {address.removeprefix("::ffff:") for address in own}


def listening(process: psutil.Process) -> list[str]:
    found = process.net_connections("tcp")
    return [each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN]


def test_every_shape_of_a_sequence_has_the_filters_alerts_and_none_listens_to_the_network(
    tmp_path: Path,
) -> None:
    records = shaped_records(1200)
    runner = driver(*shapes(), reorder_window=None, max_pending=10**6)
    outcomes = [runner.send(records), runner.flush()]
    expected = of_rules(alert for outcome in outcomes for alert in outcome.alerts)
    assert all(len(alerts) > 5 for alerts in expected.values())
    workspace = Workspace(tmp_path)
    workspace.inputs.mkdir()
    for number in range(2):
        (workspace.inputs / f"{number}.ndjson").write_bytes(lines_of(records[number::2]))
    places = (workspace.inputs, workspace.alerts, workspace.unread)
    job = compile_job(shapes(), Paths(*map(str, places)), None)
    assert job.refused == ()
    heard: set[str] = set()

    @contextmanager
    def watch(address: str, job: str, resumed: bool) -> Iterator[None]:
        heard.update(listened_on())
        yield

    run_job(job, workspace, Cluster(parallelism=2), 60 * SECOND, watch)
    assert heard == {"127.0.0.1"}
    assert of_rules(read_lines(workspace.alerts)) == expected
    assert list(read_lines(workspace.unread)) == []


class Killed:
    """``fluent-eql flink run`` on a stream, killed on the way and run again."""

    def __init__(self, folder: Path, events: Path, parallelism: int) -> None:
        folder.mkdir()
        self._log = folder / "log"
        self.output = folder / "alerts.ndjson"
        self._workspace = Workspace(folder / "workspace")
        paths = ["--input", events, "--output", self.output, "--workspace", self._workspace.root]
        options = ["--checkpoint-interval=200ms", "--reorder-window=2s", "--parallelism"]
        command = [FLUENT_EQL, "flink", "run", *paths, *options, parallelism]
        self._command = list(map(str, command))
        self.start()

    def start(self) -> None:
        """As a process group: the JVM is killed with the program that has started it."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stderr=log, start_new_session=True)

    def is_under_way(self) -> bool:
        """Whether it has saved its state and written alerts, and goes on."""
        assert self._process.poll() is None, self._log.read_text()
        saved = self._workspace.latest_checkpoint() is not None
        parts = [path for path in self._workspace.alerts.rglob("*") if path.is_file()]
        return saved and any(part.stat().st_size for part in parts)

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def alerts(self) -> Alerts:
        """What is found when it has ended."""
        assert self._process.wait(WAIT) == 0, self._log.read_text()
        assert self._log.read_text().endswith(", resumed\n")
        return alerts_in(self.output)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Callable[[Path, int], Killed]]:
    """Makes jobs of a number of tasks, which are ended at the end."""
    made: list[Killed] = []

    def make(events: Path, parallelism: int) -> Killed:
        made.append(Killed(tmp_path / f"job-{parallelism}", events, parallelism))
        return made[-1]

    yield make
    for job in made:
        job.kill()


def test_jobs_that_are_killed_and_started_again_miss_no_alert(
    tmp_path: Path,
    killed: Callable[[Path, int], Killed],
    capsys: pytest.CaptureFixture[str],
) -> None:
    events = tmp_path / "events.ndjson"
    events.write_bytes(lines_of(islice(stream(6, candidates=0.2, start=START), 30_000)))
    jobs = [killed(events, parallelism) for parallelism in (1, 2)]
    running = list(jobs)

    def all_are_killed() -> bool:
        for job in [job for job in running if job.is_under_way()]:
            job.kill()
            running.remove(job)
        return not running

    wait_for(all_are_killed)
    assert not any(job.output.exists() for job in jobs)
    for job in jobs:
        job.start()
    expected = inline(capsys, events)
    assert len(expected) > 500
    for job in jobs:
        assert job.alerts() == expected


def test_a_cluster_runs_the_job_and_the_exported_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, output = SAMPLES / "events.ndjson", tmp_path / "alerts.ndjson"
    expected = inline(capsys, events)
    with cluster(tmp_path / "cluster", slots=2) as flink:
        options = ["--cluster", flink.address, "--workspace", str(tmp_path / "workspace")]
        paths = ["--input", str(events), "--output", str(output)]
        assert main(["flink", "run", *paths, *options, "--parallelism", "2"]) == 0
        assert list(flink.jobs().values()) == ["FINISHED"]
        assert [records_read(flink.address, job) for job in flink.jobs()] == [928]
        assert alerts_in(output) == expected

        names = [f"--{name}={tmp_path / name}" for name in ("output", "unread")]
        assert main(["export", "--to", "flink-sql", f"--input={events}", *names]) == 0
        flink.run_script(capsys.readouterr().out)
        assert list(flink.jobs().values()) == ["FINISHED"] * 2
    assert write_alerts(tmp_path / "output", output) == len(expected)
    assert alerts_in(output) == expected

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.net.files import AppendToFile, Rotation
from support.frames import ack_of, forward_frame
from support.relays import client_of, configuration, running_relay

HOUR = 3600 * 10**9


def numbers(*paths: Path) -> list[int]:
    """What is in files of lines that are numbers."""
    return [int(line) for path in paths for line in path.read_bytes().splitlines()]


def written(folder: Path, name: str = "out") -> list[int]:
    """The numbers in all of the files that are there of a name, oldest first."""
    rotated = sorted(folder.glob(f"{name}.*"), key=lambda path: -int(path.suffix[1:]))
    return numbers(*rotated, folder / name)


APPENDING = """
import sys
from pathlib import Path
from fluent_pipeline.net.files import AppendToFile, Rotation

append = AppendToFile(Path(sys.argv[1]), "out", Rotation(size=2000, keep=1000))
first = int(sys.argv[2])
for number in range(first, first + 2000):
    append("tag", b"%d\\n" % number)
"""
"""A program that appends 2,000 numbers."""


def test_lines_are_appended_to_the_named_file(tmp_path: Path) -> None:
    append = AppendToFile(tmp_path / "new", "out.ndjson")
    append("a", b'{"n":1}\n')
    append("b", b'{"n":2}\n')
    lines = (tmp_path / "new" / "out.ndjson").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("tag", "name"),
    [("app.log", "app.log"), ("../etc/x", ".._etc_x"), ("..", "_"), ("", "_"), ("a\0b", "a_b")],
)
def test_without_a_name_the_tag_names_the_file(tag: str, name: str, tmp_path: Path) -> None:
    AppendToFile(tmp_path, None)(tag, b"{}\n")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_takes_no_more_than_its_size_and_the_oldest_ones_go(tmp_path: Path) -> None:
    append = AppendToFile(tmp_path, "out", Rotation(size=6, keep=2))
    for number in range(10, 21):
        append("tag", b"%d\n" % number)
    assert {path.name: numbers(path) for path in tmp_path.iterdir()} == {
        "out.2": [16, 17],
        "out.1": [18, 19],
        "out": [20],
    }


def test_what_is_written_together_stays_together_even_where_it_is_too_large(
    tmp_path: Path,
) -> None:
    append = AppendToFile(tmp_path, "out", Rotation(size=6))
    append("tag", b"1\n2\n3\n4\n5\n")
    append("tag", b"6\n")
    assert (numbers(tmp_path / "out.1"), numbers(tmp_path / "out")) == ([1, 2, 3, 4, 5], [6])


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 60))
def test_no_rotation_loses_or_repeats_or_reorders_a_line(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], size: int
) -> None:
    folder = tmp_path_factory.mktemp("rotated")
    append = AppendToFile(folder, "out", Rotation(size=size, keep=100))
    total = 0
    for count in counts:
        append("tag", b"".join(b"%d\n" % number for number in range(total, total + count)))
        total += count
    (folder / "out").touch()
    assert written(folder) == list(range(total))


def test_each_span_of_time_has_a_file_of_its_own_also_over_a_restart(tmp_path: Path) -> None:
    now = 1_800_000_000 * 10**9 // HOUR * HOUR
    path = tmp_path / "out"

    def at(time: int, line: bytes) -> None:
        AppendToFile(tmp_path, "out", Rotation(span=HOUR), clock=lambda: time)("tag", line)
        os.utime(path, ns=(time, time))

    at(now, b"1\n")
    at(now + HOUR - 1, b"2\n")
    at(now + HOUR, b"3\n")
    at(now + 5 * HOUR, b"4\n")
    assert written(tmp_path) == [1, 2, 3, 4]
    assert (numbers(tmp_path / "out.2"), numbers(tmp_path / "out.1")) == ([1, 2], [3])


def test_a_clock_that_goes_back_begins_no_file(tmp_path: Path) -> None:
    now = 10 * HOUR
    for time_now, line in ((now, b"1\n"), (now - HOUR, b"2\n")):
        rotation = Rotation(span=HOUR)
        AppendToFile(tmp_path, "out", rotation, clock=lambda time_now=time_now: time_now)(  # type: ignore[misc]
            "tag", line
        )
        os.utime(tmp_path / "out", ns=(time_now, time_now))
    assert numbers(tmp_path / "out") == [1, 2]


def test_a_file_that_was_renamed_from_outside_is_begun_anew_and_no_line_is_lost(
    tmp_path: Path,
) -> None:
    done = threading.Event()
    renamed: list[int] = []

    def rename() -> None:
        for number in range(1, 1000):
            if done.is_set():
                return
            time.sleep(0.001)
            try:
                os.rename(tmp_path / "out", tmp_path / f"out.{1000 - number}")
            except FileNotFoundError:
                continue
            renamed.append(number)

    renaming = threading.Thread(target=rename)
    renaming.start()
    append = AppendToFile(tmp_path, "out")
    count = 0
    while count < 5000 or (len(renamed) < 2 and renaming.is_alive()):
        append("tag", b"%d\n" % count)
        count += 1
    done.set()
    renaming.join()
    (tmp_path / "out").touch()
    assert len(renamed) >= 2
    assert written(tmp_path) == list(range(count))


def test_several_processes_rotate_one_file_without_losing_a_line(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", APPENDING, str(tmp_path), str(first)])
        for first in (0, 10_000, 20_000)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    found = written(tmp_path)
    assert sorted(found) == [*range(2000), *range(10_000, 12_000), *range(20_000, 22_000)]
    for first in (0, 10_000, 20_000):
        own = [number for number in found if first <= number < first + 2000]
        assert own == sorted(own)
    sizes = [path.stat().st_size for path in tmp_path.glob("out.*")]
    assert max(sizes) <= 2000
    assert min(sizes) > 1990


def writing_in_pieces(then: Callable[[], int]) -> Callable[[int, memoryview], int]:
    """An os.write that writes three bytes, and then does something else."""
    write, calls = os.write, [0]

    def partly(descriptor: int, data: memoryview) -> int:
        calls[0] += 1
        return write(descriptor, data[:3]) if calls[0] == 1 else then()

    return partly


def test_a_write_that_fails_in_the_middle_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = AppendToFile(tmp_path, "out")
    append("tag", b"1\n")

    def fail() -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("fluent_pipeline.net.files.os.write", writing_in_pieces(fail))
        with pytest.raises(OSError, match="No space left"):
            append("tag", b"22222\n")
    assert numbers(tmp_path / "out") == [1]
    append("tag", b"22222\n")
    assert numbers(tmp_path / "out") == [1, 22222]


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    short = lambda descriptor, data: write(descriptor, data[:3])  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr("fluent_pipeline.net.files.os.write", short)
        AppendToFile(tmp_path, "out")("tag", b"123456\n")
    assert numbers(tmp_path / "out") == [123456]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_written_without(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(number, "none")

    monkeypatch.setattr(fcntl, "flock", fail)
    AppendToFile(tmp_path, "out", Rotation(size=2))("tag", b"1\n")
    assert numbers(tmp_path / "out") == [1]


def test_a_lock_that_fails_otherwise_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output error"):
        AppendToFile(tmp_path, "out")("tag", b"1\n")


async def test_a_relay_under_load_rotates_without_losing_a_line(tmp_path: Path) -> None:
    rotate = {"size": "2k", "keep": 9999}
    output = {"name": "file", "path": str(tmp_path), "file": "out", "rotate": rotate}
    frames = [
        forward_frame([{"n": 10 * frame + number} for number in range(10)], chunk=f"c{frame}")
        for frame in range(300)
    ]
    text = configuration(filters=[], outputs=[output])
    async with running_relay(text) as relay, client_of(relay) as client:
        await client.send(b"".join(frame.raw for frame in frames))
        await client.read_until(b"".join(ack_of(f"c{frame}") for frame in range(300)))
    files = sorted(tmp_path.glob("out.*"), key=lambda path: -int(path.suffix[1:]))
    assert len(files) > 10
    assert max(path.stat().st_size for path in files) <= 2000
    lines = [line for path in [*files, tmp_path / "out"] for line in path.read_bytes().splitlines()]
    assert [json.loads(line)["n"] for line in lines] == list(range(3000))


def test_no_lines_make_no_file(tmp_path: Path) -> None:
    AppendToFile(tmp_path, "out")("tag", b"")
    assert list(tmp_path.iterdir()) == []

"""Make the sample streams and their golden outputs in ``streams/``.

    python examples/make_streams.py            # write them
    python examples/make_streams.py --check    # 1 where a file is not what would be written

``streams/endpoint.ndjson`` is the source of the endpoint streams: 928 events of three hosts, four
of which complete the shipped rule, beside near misses (a file one nanosecond too late, an
internal address, an excluded file, another host). Everything else is made from it and from the
stories that the benchmarks tell:

``endpoint.forward``   the same events as Fluent Bit sends two tailed files: forward messages
                       with entry metadata, the file events before the network events
``endpoint.gz.forward``  as Fluentd sends them: compressed, one gzip member an append
``stories.ndjson``     short scenes in ten times as many background events
``*.alerts.ndjson``    what ``fluent-eql replay --json`` prints for each
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fluent_eql.event import encode_value
from fluent_eql.event_time import nanoseconds_of
from fluent_pipeline.bench.defend import told
from fluent_pipeline.cli import main as fluent_eql
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import encode_time
from fluent_pipeline.protocol.splice import encode_entry, encode_forward

STREAMS = Path(__file__).parent / "streams"
RULES = Path(__file__).parent.parent / "conf" / "rules"
SOURCE = STREAMS / "endpoint.ndjson"
STORIES_BEGIN = 1_764_000_000 * 10**9
ENTRIES_A_MESSAGE = 300

Record = dict[str, Any]


def endpoint_forward() -> bytes:
    """Two tags, the file events first; entries ``[[time, metadata], record]``."""
    messages = []
    for category in ("file", "network"):
        records = [record for record in _endpoint() if record["event"]["category"] == [category]]
        for part in _parts(records):
            entries = [_entry_with_metadata(record) for record in part]
            messages.append(_message(f"endpoint.{category}", entries))
    return b"".join(messages)


def endpoint_gz_forward() -> bytes:
    """PackedForward in str32, the body two gzip members."""
    messages = []
    for part in _parts(list(_endpoint())):
        half = len(part) // 2
        body = b"".join(_deflated(records) for records in (part[:half], part[half:]))
        chunk = hashlib.sha256(body).hexdigest()[:22] + "\n"
        options = {"chunk": chunk, "size": len(part), "compressed": "gzip"}
        packed = b"\xdb" + len(body).to_bytes(4, "big") + body
        messages.append(b"\x93" + encode_value("endpoint.all") + packed + encode_value(options))
    return b"".join(messages)


def stories() -> bytes:
    """The stories, one record a line."""
    records = told(11, records=200, start=STORIES_BEGIN)
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def alerts_of(name: str) -> Callable[[], bytes]:
    """The output of ``fluent-eql replay --json`` for one of the streams."""

    def replay() -> bytes:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            fluent_eql(["replay", "--json", "--rules", str(RULES), str(STREAMS / name)])
        return printed.getvalue().encode()

    return replay


MADE: dict[str, Callable[[], bytes]] = {
    "endpoint.forward": endpoint_forward,
    "endpoint.gz.forward": endpoint_gz_forward,
    "stories.ndjson": stories,
    "endpoint.alerts.ndjson": alerts_of("endpoint.ndjson"),
    "stories.alerts.ndjson": alerts_of("stories.ndjson"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    stale = 0
    for name, make in MADE.items():
        path, made = STREAMS / name, make()
        if check and (not path.exists() or path.read_bytes() != made):
            print(f"{path}: not what {Path(__file__).name} makes", file=sys.stderr)
            stale += 1
        elif not check:
            path.write_bytes(made)
            print(f"{path}: {len(made)} bytes")
    return 1 if stale else 0


def _endpoint() -> Iterator[Record]:
    with open(SOURCE, "rb") as lines:
        yield from map(json.loads, lines)


def _parts(records: list[Record]) -> Iterator[list[Record]]:
    for start in range(0, len(records), ENTRIES_A_MESSAGE):
        yield records[start : start + ENTRIES_A_MESSAGE]


def _message(tag: str, entries: list[bytes]) -> bytes:
    chunk = hashlib.sha256(b"".join(entries)).hexdigest()[:32]
    return encode_forward(tag, entries, {"chunk": chunk, "size": len(entries), "fluent_signal": 0})


def _entry_with_metadata(record: Record) -> bytes:
    return b"\x92\x92" + encode_time(_time_of(record)) + b"\x80" + encode_value(record)


def _deflated(records: list[Record]) -> bytes:
    return deflate(b"".join(encode_entry(_time_of(r), encode_value(r)) for r in records), "gzip")


def _time_of(record: Record) -> int:
    time = nanoseconds_of(record["@timestamp"])
    assert time is not None
    return time


if __name__ == "__main__":
    sys.exit(main())

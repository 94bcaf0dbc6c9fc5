"""See fluent-eql work: a relay, a sample stream over TCP, and the alerts in what comes out.

    python examples/demo.py

Starts ``fluent-eql run`` with demo.yaml on a free loopback port, sends it streams/endpoint.forward
as Fluent Bit would, waits for the acknowledgements, and prints the records that came out tagged.
The exit code is 0 where the tagged records are the four that the stream holds.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack

from fluent_pipeline.cli.common import ALERT_COLUMNS, alert_row, table

EXAMPLES = Path(__file__).resolve().parent
STREAM = EXAMPLES / "streams" / "endpoint.forward"
GOLDEN = EXAMPLES / "streams" / "endpoint.alerts.ndjson"
TIMEOUT = 30


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="fluent-eql-demo-") as folder:
        with running_relay(Path(folder)) as relay:
            host, port = address_of(relay)
            print(f"relay: fluent-eql run --config examples/demo.yaml, on {host}:{port}")
            chunks = send(host, port)
            print(f"sent: {STREAM.stat().st_size} bytes, {chunks} chunks, all acknowledged")
            stop(relay)
        records = read(Path(folder) / "records.ndjson")
    tagged = [record for record in records if "eql-alert" in record.get("tags", ())]
    print(f"came out: {len(records)} records, {len(tagged)} of them tagged\n")
    print(table(ALERT_COLUMNS, [row_of(record) for record in tagged]))
    if alert_ids(tagged) != {json.loads(line)["id"] for line in GOLDEN.read_text().splitlines()}:
        print("\nthese are not the alerts that the stream holds", file=sys.stderr)
        return 1
    print("\nWhat the first of them gained, beside threat.*:\n")
    print(json.dumps({name: tagged[0][name] for name in ("tags", "rule", "eql")}, indent=2))
    return 0


def running_relay(folder: Path) -> subprocess.Popen[str]:
    """The relay as a process of its own, writing its records into ``folder``."""
    program = Path(sys.executable).with_name("fluent-eql")
    command = [program, "run", "--config", EXAMPLES / "demo.yaml"]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def address_of(relay: subprocess.Popen[str]) -> tuple[str, int]:
    """Where the relay listens, as its log tells."""
    assert relay.stderr is not None
    for line in relay.stderr:
        if found := re.search(r"listening on ([\d.]+):(\d+)", line):
            return found[1], int(found[2])
    raise SystemExit("the relay did not start")


def send(host: str, port: int) -> int:
    """Send the stream; the number of chunks, once every one of them is acknowledged."""
    stream = STREAM.read_bytes()
    expected = len(list(messages(stream)))
    with socket.create_connection((host, port), timeout=TIMEOUT) as connection:
        connection.sendall(stream)
        acknowledged = b""
        while len(list(messages(acknowledged))) < expected:
            received = connection.recv(4096)
            if not received:
                raise SystemExit("the relay closed the connection")
            acknowledged += received
    return expected


def messages(stream: bytes) -> Iterator[Any]:
    """The whole msgpack values that a stream begins with."""
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(stream)
    return iter(unpacker)


def stop(relay: subprocess.Popen[str]) -> None:
    """Stop the relay as a service manager does, and wait for it."""
    relay.send_signal(signal.SIGTERM)
    relay.communicate(timeout=TIMEOUT)
    if relay.returncode:
        raise SystemExit(f"the relay ended with exit code {relay.returncode}")


def read(path: Path) -> list[dict[str, Any]]:
    """The records of an NDJSON file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def row_of(record: dict[str, Any]) -> list[str]:
    """A tagged record's alert as a row of the table."""
    return alert_row(record["eql"]["alerts"][0], record["host"]["name"])


def alert_ids(tagged: list[dict[str, Any]]) -> set[str]:
    """The ids of all alerts in the records."""
    return {alert["id"] for record in tagged for alert in record["eql"]["alerts"]}


if __name__ == "__main__":
    sys.exit(main())

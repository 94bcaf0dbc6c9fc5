from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from fluent_pipeline.flink.rest import records_read


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A REST API that always says the same: its address, and the paths that it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def task(name: str, read: int) -> dict[str, Any]:
    return {"name": name, "metrics": {"read-records": read, "write-records": 7}}


def test_the_records_read_are_those_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    tasks = [task("Source: eql_events[1] -> Calc[2]", 1234), task("Match[29]", 5)]
    with answering(json.dumps({"vertices": tasks}).encode()) as (address, asked):
        assert records_read(address, "a1b2") == 1234
    assert asked == ["/jobs/a1b2"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"errors": ["starting"]}', 500),
        (b"no json", 200),
        (b"[]", 200),
        (b'{"vertices": []}', 200),
        (b'{"vertices": [{"name": "Source: a", "metrics": {}}]}', 200),
    ],
)
def test_an_answer_that_does_not_tell_is_none(body: bytes, status: int) -> None:
    with answering(body, status) as (address, _):
        assert records_read(address, "a1b2") is None


def test_where_nobody_answers_it_is_not_known() -> None:
    assert records_read("127.0.0.1:1", "a1b2") is None

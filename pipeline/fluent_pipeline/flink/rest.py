"""What Flink's REST API tells of a running job."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

SOURCE = "Source: "
"""What the name of a task that reads the input begins with."""
WAIT = 5
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def records_read(address: str, job: str) -> int | None:
    """How many records the job with that id has read; None where that cannot be known.

    ``address`` is the REST API's ``host:port``.
    """
    try:
        with NO_PROXY.open(f"http://{address}/jobs/{job}", timeout=WAIT) as answer:
            return _read_in(json.load(answer))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _read_in(job: Any) -> int:
    tasks = [task for task in job["vertices"] if task["name"].startswith(SOURCE)]
    return min(int(task["metrics"]["read-records"]) for task in tasks)

"""What a process and its descendants have used, from the kernel. Linux only."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

PROCESS_CPU_CLOCK = 2


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of a process and its living descendants, of all their threads.

    From the processes' CPU-time clocks (clock_getcpuclockid(3)): /proc/PID/stat counts in
    hundredths of a second.
    """
    return sum(time.clock_gettime(_clock_of(each)) for each in family(pid))


def peak_rss(pid: int) -> int:
    """The most memory that each of the family had resident (VmHWM), added up, in bytes."""
    return sum(_peak_of(each) for each in family(pid))


def family(pid: int) -> list[int]:
    """The process and its living descendants."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children[each]
    return found


def _clock_of(pid: int) -> int:
    return (~pid << 3) | PROCESS_CPU_CLOCK


def _peak_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0

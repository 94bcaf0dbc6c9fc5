"""What is sent through the relays: named workloads, as values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

VARIABLE = "FLUENT_EQL_DETECTION_RULES"
"""The environment variable that names the folder with Elastic's public rules."""


class Form(Enum):
    """How records are put on the wire, and who does it so by default.

    FORWARD: Fluent Bit. PACKED: Fluentd. GZIP and ZSTD: Fluent Bit that compresses. MESSAGE:
    clients that send each record on its own.
    """

    FORWARD = "Forward"
    PACKED = "PackedForward"
    GZIP = "gzip"
    ZSTD = "zstd"
    MESSAGE = "Message"

    @property
    def is_compressed(self) -> bool:
        return self in (Form.GZIP, Form.ZSTD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One stream and how it is sent.

    ``records`` of them go through each relay in each round, ``batch`` in one frame (in Message
    mode, in one write). ``candidates`` is the share of the records that match a stage of the
    shipped rule, ``entities`` the number of join keys that they take turns in. ``rules`` are
    loaded, all of them distinct; one means the shipped one. With ``public`` it is Elastic's public
    rules for Linux that are loaded in their place. A client has at most ``window`` batches
    unacknowledged on each of its ``connections``. ``beside_all``: beside every relay and agent,
    else only beside the floor and the relay without a filter. ``latency`` batches are sent at half
    load, too, for the time that a frame takes.
    """

    name: str
    form: Form = Form.FORWARD
    records: int = 100_000
    batch: int = 500
    candidates: float = 0.02
    entities: int = 10_000
    rules: int = 1
    public: bool = False
    connections: int = 1
    window: int = 8
    beside_all: bool = False
    latency: int = 0

    @property
    def batches(self) -> int:
        return -(-self.records // self.batch)


MAIN = Workload(name="main", beside_all=True, latency=300)
"""Fluent Bit's default form, acknowledged, 2 % candidates, the shipped rule."""


_LIKE_MAIN = replace(MAIN, beside_all=False, latency=0)

FORMS = tuple(
    replace(_LIKE_MAIN, name=name, form=form, records=records, beside_all=True)
    for name, form, records in (
        ("packed", Form.PACKED, 100_000),
        ("gzip", Form.GZIP, 100_000),
        ("zstd", Form.ZSTD, 100_000),
        ("message", Form.MESSAGE, 20_000),
    )
)
CONNECTIONS = (
    replace(_LIKE_MAIN, name="connections-64", connections=64, window=1, beside_all=True),
)
CANDIDATES = (
    replace(_LIKE_MAIN, name="candidates-0", candidates=0.0),
    replace(_LIKE_MAIN, name="candidates-20", candidates=0.2, records=50_000),
)
RULES = (
    replace(_LIKE_MAIN, name="rules-10", rules=10),
    replace(_LIKE_MAIN, name="rules-100", rules=100),
    replace(_LIKE_MAIN, name="rules-1000", rules=1_000),
)
ENTITIES = tuple(
    replace(_LIKE_MAIN, name=name, candidates=1.0, entities=entities, records=records)
    for name, entities, records in (
        ("entities-10k", 10_000, 50_000),
        ("entities-100k", 100_000, 50_000),
        ("entities-1M", 1_000_000, 200_000),
    )
)
"""Every record is a candidate: what a join key costs shows undiluted. The stream goes on from
round to round, so that five rounds of the last go through all its keys."""

LONG = (replace(ENTITIES[0], name="entities-10M", entities=10_000_000, records=2_000_000),)
"""Takes minutes; run where it is asked for."""

PUBLIC = (replace(_LIKE_MAIN, name="linux-rules", public=True, records=100_000, window=1_000),)
"""Most records satisfy a stage of one of these rules, so that frames are held: the window is as
good as none."""

WORKLOADS = (MAIN, *FORMS, *CONNECTIONS, *CANDIDATES, *RULES, *ENTITIES, *LONG, *PUBLIC)


SLOW = ("rules-10", "rules-1000", "entities-100k", "entities-1M", "entities-10M")
"""Left out of a first look."""


def chosen(
    names: Collection[str], *, quick: bool = False, long: bool = False, public: bool = False
) -> tuple[Workload, ...]:
    """The workloads of those names, in their order; all of them where none are named.

    ``quick``: a fifth of each, and none of the slow ones unless named. ``public``: whether there
    are public rules to load. Raises ValueError for a name that there is not, and for one whose
    rules there are not.
    """
    known = [workload.name for workload in WORKLOADS]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"expected one of {', '.join(known)}, found {unknown[0]}")
    absent = [] if public else [workload.name for workload in PUBLIC]
    if unusable := [name for name in names if name in absent]:
        raise ValueError(f"{unusable[0]} needs the folder of the rules in {VARIABLE}")
    left_out = SLOW if quick else () if long else [workload.name for workload in LONG]
    wanted = names or [name for name in known if name not in (*left_out, *absent)]
    found = [workload for workload in WORKLOADS if workload.name in wanted]
    return tuple(replace(each, records=each.records // 5) if quick else each for each in found)

"""When an event happened: text or numbers of a record, as nanoseconds since the epoch.

Elasticsearch's default date format is ``strict_date_optional_time||epoch_millis``: ISO 8601 with
any number of fractional digits, or milliseconds since the epoch as a number or its text.
``datetime`` stops at microseconds, so the fraction is read here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

ISO_8601 = re.compile(
    r"(?P<date>[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)"
    r"(?:T(?P<clock>[0-9]{2}(?::[0-9]{2}(?::[0-9]{2})?)?)?(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*)?)?"
    r"(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
EPOCH_MILLISECONDS = re.compile(r"-?[0-9]{5,18}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MILLISECOND = 2**63 - 1
"""Elasticsearch keeps a date as a long; it refuses a record whose date is larger."""


def nanoseconds_of(value: Any) -> int | None:
    """A record's time value as nanoseconds since the epoch; None where it is no time.

    Text is ISO 8601 (without a zone: UTC) or milliseconds; a number is milliseconds, as
    Elasticsearch reads it.
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_milliseconds(value)
    return None


def iso_8601(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as ``2026-11-24T02:48:32.123456789Z``.

    A time outside the years 1 to 9999 is given as a plain number of nanoseconds.
    """
    seconds, fraction = divmod(nanoseconds, 10**9)
    try:
        moment = EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return str(nanoseconds)
    return f"{moment.isoformat()[:19]}.{fraction:09d}Z"


def _from_milliseconds(value: int | float) -> int | None:
    try:
        whole = int(value)
    except (OverflowError, ValueError):
        return None
    if abs(whole) > LATEST_MILLISECOND:
        return None
    return whole * 10**6 + round((value - whole) * 10**6)


def _from_text(value: str) -> int | None:
    if value[-1:] == "Z" and value[19:20] == ".":
        fraction = value[20:-1]
        if len(fraction) <= 9 and fraction.isdecimal() and fraction.isascii():
            seconds = _whole_seconds_of(value[:19])
            if seconds is not None:
                return seconds * 10**9 + int(fraction.ljust(9, "0"))
    found = ISO_8601.fullmatch(value)
    if found is None:
        return int(value) * 10**6 if EPOCH_MILLISECONDS.fullmatch(value) else None
    if found["fraction"] and (found["clock"] or "").count(":") != 2:
        return None
    seconds = _whole_seconds(found["date"], found["clock"], found["zone"])
    if seconds is None:
        return None
    return seconds * 10**9 + int((found["fraction"] or "0").ljust(9, "0"))


@lru_cache(maxsize=4096)
def _whole_seconds_of(text: str) -> int | None:
    """The seconds of a date and a time without fraction or zone."""
    found = ISO_8601.fullmatch(text)
    if found is None or found["fraction"] or found["zone"] or not found["clock"]:
        return None
    return _whole_seconds(found["date"], found["clock"], None)


@lru_cache(maxsize=4096)
def _whole_seconds(date: str, clock: str | None, zone: str | None) -> int | None:
    day = (date + "-01-01")[:10] if len(date) == 4 else (date + "-01")[:10]
    time = (clock or "00") + ":00:00"
    try:
        moment = datetime.strptime(f"{day}T{time[:8]}", "%Y-%m-%dT%H:%M:%S")
        return (moment.replace(tzinfo=_zone(zone)) - EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)

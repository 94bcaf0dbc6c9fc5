"""When an event happened: ``@timestamp`` as milliseconds and as nanoseconds since the epoch.

Read are ISO 8601 with a date and a time of day, with any fraction and zone, and milliseconds as a
number or its text, of the years 1971 to 2254. Other times are not read but told.
"""

from __future__ import annotations

from fluent_eql.flinksql.text import quoted

YEAR = "(197[1-9]|19[89][0-9]|2[01][0-9]{2}|22[0-4][0-9]|225[0-4])"
ISO = (
    f"^{YEAR}-[0-9]{{2}}-[0-9]{{2}}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "([.,][0-9]+)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?$"
)
FRACTION = "[.,]([0-9]+)"
ZONE = "([+-])([0-9]{2}):?([0-9]{2})?$"
MILLISECONDS = "^([0-9]{5,12}|[1-8][0-9]{12})$"
"""Nanoseconds in 64 bits end in the year 2262."""
WRITTEN = "[0-9TZ.,:+-]+"
"""The characters of the times that are read."""


def seconds_of(text: str) -> str:
    """The SQL of the whole seconds of an ISO time; null where there is no such date."""
    day = f"TIMESTAMPDIFF(DAY, DATE '1970-01-01', TRY_CAST(SUBSTRING({text}, 1, 10) AS DATE))"
    clock = " + ".join(
        f"CAST(SUBSTRING({text}, {start}, 2) AS BIGINT) * {size}"
        for start, size in ((12, 3600), (15, 60), (18, 1))
    )
    offset = " + ".join(
        f"CAST(COALESCE(REGEXP_EXTRACT({text}, '{ZONE}', {part}), '00') AS BIGINT) * {size}"
        for part, size in ((2, 3600), (3, 60))
    )
    sign = f"CASE WHEN REGEXP_EXTRACT({text}, '{ZONE}', 1) = '-' THEN 1 ELSE -1 END"
    return f"(CAST({day} AS BIGINT) * 86400 + {clock} + ({sign}) * ({offset}))"


def fraction_of(text: str, digits: int) -> str:
    """The SQL of the first so many digits of an ISO time's fraction."""
    found = f"COALESCE(REGEXP_EXTRACT({text}, '{FRACTION}', 1), '0')"
    return f"CAST(SUBSTRING(RPAD({found}, 9, '0'), 1, {digits}) AS BIGINT)"


def nanoseconds(text: str) -> str:
    """The SQL of a time in nanoseconds since the epoch; null where it is none that is read."""
    return _in_units(text, 9)


def milliseconds(text: str) -> str:
    """The SQL of the milliseconds in which a time lies; null as for :func:`nanoseconds`."""
    return _in_units(text, 3)


def moment(nanoseconds: str) -> str:
    """The SQL of the moment, in milliseconds, in which a number of nanoseconds lies."""
    past = f"MOD(MOD({nanoseconds}, 1000000) + 1000000, 1000000)"
    return f"TO_TIMESTAMP_LTZ(({nanoseconds} - {past}) / 1000000, 3)"


def interval(nanoseconds: int) -> str:
    """A span of less than a thousand days as a literal of SQL, rounded up to milliseconds."""
    seconds, rest = divmod(-(-nanoseconds // 10**6), 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02d}:{minute:02d}:{second:02d}.{rest:03d}"
    return f"INTERVAL '{days} {clock}' DAY(3) TO SECOND(3)"


def _in_units(text: str, digits: int) -> str:
    return (
        f"CASE WHEN REGEXP({text}, {quoted(ISO)})"
        f" THEN {seconds_of(text)} * {10**digits} + {fraction_of(text, digits)}"
        f" WHEN REGEXP({text}, {quoted(MILLISECONDS)})"
        f" THEN CAST({text} AS BIGINT) * {10 ** (digits - 3)} END"
    )

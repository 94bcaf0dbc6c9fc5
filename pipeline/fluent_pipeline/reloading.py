"""A configuration that has changed while its filters run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fluent_eql.api import Filter, Reloadable
from fluent_pipeline.config import Config, FilterConfig
from fluent_pipeline.engine import Stage
from fluent_pipeline.errors import ConfigError

log = logging.getLogger(__name__)


async def reread(
    read_again: Callable[[], Config], stages: Sequence[Stage], before: Config
) -> tuple[Config, dict[int, Filter]]:
    """The configuration as it is now, and what the filters are to go on as, made in a thread.

    What else has changed is told. Raises ConfigError where the filters have to stay as they were,
    and has told of it.
    """
    try:
        after = await asyncio.to_thread(read_again)
        found = await asyncio.to_thread(successors_of, stages, before, after)
    except ConfigError as error:
        log.error("the filters stay as they were: %s", error)
        raise
    for section in left_for_a_restart(before, after):
        log.warning("%s: has changed, and only a restart can change it", section)
    return after, found


def successors_of(stages: Sequence[Stage], before: Config, after: Config) -> dict[int, Filter]:
    """What the filters are to go on as, by the numbers of their stages.

    Those that can be changed while they run are made anew, for the files that they name may have
    changed. Raises ConfigError, with all that is wrong, where one cannot be made or cannot be taken
    over, and where there are others than before; then nothing is to be changed.
    """
    if [_frame_of(item) for item in before.filters] != [_frame_of(item) for item in after.filters]:
        message = "other filters, or other keys that all filters have: only a restart can do that"
        raise ConfigError(message, source=after.source)
    found: dict[int, Filter] = {}
    problems: list[str] = []
    for number, (stage, old, new) in enumerate(
        zip(stages, before.filters, after.filters, strict=True)
    ):
        if not isinstance(stage.filter, Reloadable):
            if old.options != new.options:
                problems.append(f"{stage.name}: only a restart can change this filter")
            continue
        made = new.make()
        if (objection := stage.filter.objection(made)) is not None:
            problems.append(f"{stage.name}: {objection}")
        found[number] = made
    if problems:
        raise ConfigError("\n".join(problems), source=after.source)
    return found


def left_for_a_restart(before: Config, after: Config) -> list[str]:
    """The sections that have changed and are not read again while the relay runs."""
    sections = {
        "service": (before.service, after.service),
        "inputs": _plain(before.inputs, after.inputs),
        "outputs": _plain(before.outputs, after.outputs),
    }
    return [name for name, (old, new) in sections.items() if old != new]


def _plain(before: Sequence[Any], after: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Items without their places in the file."""
    unplaced = [replace(item, position=None) for item in before]
    return unplaced, [replace(item, position=None) for item in after]


def _frame_of(item: FilterConfig) -> tuple[object, ...]:
    return item.name, item.alias, item.match, item.tag_prefix

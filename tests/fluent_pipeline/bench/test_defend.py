from __future__ import annotations

from itertools import islice

import pytest

from fluent_eql.event_time import nanoseconds_of
from fluent_pipeline.bench.defend import MILLISECOND, STORIES, Story, host, stream, told
from support.rules import driver


def times_of(records: list[dict[str, str]]) -> list[int]:
    return [time for r in records if (time := nanoseconds_of(r["@timestamp"])) is not None]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_gives_as_many_alerts_as_it_says(story: Story) -> None:
    run = driver()
    run.send(story.tell(host(1), 100, 10**18))
    assert len(run.flush().alerts) == story.alerts


def test_the_same_seed_gives_the_same_stream() -> None:
    assert list(islice(stream(7), 50)) == list(islice(stream(7), 50))
    assert list(islice(stream(7), 50)) != list(islice(stream(8), 50))


def test_a_stream_is_in_time_order_a_millisecond_apart() -> None:
    times = times_of(list(islice(stream(3, start=10**18), 20)))
    assert [later - time for time, later in zip(times, times[1:], strict=False)] == [
        MILLISECOND
    ] * 19


def test_every_event_of_a_stream_has_an_id_of_its_own() -> None:
    ids = [record["event"]["id"] for record in islice(stream(3), 500)]
    assert len(set(ids)) == 500


def test_what_is_told_is_in_time_order_with_all_stories_in_it() -> None:
    records = list(told(5, records=100, start=10**18))
    times = times_of(records)
    assert times == sorted(times)
    scenes = sum(len(story.tell(host(1), 1, 0)) for story in STORIES)
    assert len(records) == 100 + scenes

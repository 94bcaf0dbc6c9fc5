from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.config.tags import EVERY_TAG, TagMatch, glob, regex


def by_glob(pattern: str) -> TagMatch:
    return TagMatch(glob(pattern), None)


@pytest.mark.parametrize(
    ("pattern", "tag", "fits"),
    [
        ("*", "anything.at.all", True),
        ("*", "", True),
        ("app.*", "app.web", True),
        ("app.*", "app.", True),
        ("app.*", "app", False),
        ("app.*", "my.app.web", False),
        ("*.web", "app.web", True),
        ("a*c", "abbc", True),
        ("a*c", "abcd", False),
        ("a**c", "ac", True),
        ("app", "app", True),
        ("App.*", "app.web", False),
        ("a.b", "axb", False),
        ("a?", "ab", False),
        ("[a]", "a", False),
        ("{a,b}", "a", False),
        ("a*", "a\nb", True),
    ],
)
def test_a_star_stands_for_any_run_and_all_else_for_itself(
    pattern: str, tag: str, fits: bool
) -> None:
    assert by_glob(pattern).accepts(tag) is fits


@given(st.text("ab.*", min_size=1, max_size=8), st.text("ab.", max_size=8))
def test_globs_agree_with_the_shells_where_both_know_only_stars(pattern: str, tag: str) -> None:
    assert by_glob(pattern).accepts(tag) == fnmatch.fnmatchcase(tag, pattern)


@pytest.mark.parametrize(
    ("pattern", "tag", "fits"),
    [
        (r"app\.(web|db)", "app.web", True),
        (r"app\.(web|db)", "app.web.1", True),
        (r"app\.(web|db)", "my.app.web", False),
        (r"web$", "app.web", False),
        (r".*web$", "app.web", True),
        (r"x*", "app", False),
    ],
)
def test_a_regex_must_match_something_at_the_tags_start(pattern: str, tag: str, fits: bool) -> None:
    assert TagMatch(None, regex(pattern)).accepts(tag) is fits


def test_where_both_are_set_either_is_enough() -> None:
    match = TagMatch(glob("app.*"), regex(r"db\d"))
    assert match.accepts("app.web")
    assert match.accepts("db1")
    assert not match.accepts("db")


def test_every_tag_takes_every_tag() -> None:
    assert EVERY_TAG.accepts("")
    assert EVERY_TAG.accepts("a.b\udcff")


def test_an_empty_glob_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a tag pattern such as app"):
        glob("")


def test_an_invalid_regex_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"expected a regular expression, found '\(a'.*unterm"):
        regex("(a")

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.lang.patterns import fold, wildcard_matcher

PATTERNS = st.text("ab*?", max_size=8)
TEXTS = st.text("abAB", max_size=10)


def naive(pattern: str, text: str) -> bool:
    """Whether the pattern covers the text, by the definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


def matches(pattern: str, text: str) -> bool:
    return wildcard_matcher([pattern], insensitive=False)(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("abc", "xabc", False),
        ("abc", "ABC", False),
        ("*", "", True),
        ("*", "a/b\nc", True),
        ("**", "", True),
        ("?", "", False),
        ("?", "a", True),
        ("?", "ab", False),
        ("?", "\n", True),
        ("?", "é", True),
        ("?", "😀", True),
        ("??", "😀", False),
        ("/tmp/*", "/tmp/", True),
        ("/tmp/*", "/tmp/a/b", True),
        ("/tmp/*", "/tmpfoo", False),
        ("/tmp/*", "x/tmp/a", False),
        ("*.exe", ".exe", True),
        ("*.exe", "a.exe", True),
        ("*.exe", "aXexe", False),
        ("*.exe", "a.exe\n", False),
        ("*.exe", "a.exe.bak", False),
        ("*curl*", "/bin/curl -s", True),
        ("*curl*", "curl", True),
        ("*curl*", "cur l", False),
        ("a*b", "ab", True),
        ("a*b", "a\n\nb", True),
        ("a*b", "abx", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("*a*b*", "xaxbx", True),
        ("*a*b*", "xbxax", False),
        ("*a?c*", "xabcx", True),
        ("*a?c*", "xacx", False),
        ("*aa*aa*", "aaa", False),
        ("*aa*aa*", "aaaa", True),
        ("?*?", "a", False),
        ("?*?", "ab", True),
        (r"C:\*\x", r"C:\a\x", True),
        (r"\*", "*", False),
        (r"\*", r"\abc", True),
        (r"\?", r"\a", True),
        (r"\?", "?", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a.b", "axb", False),
        ("streams/.*", "streams/x", False),
        ("streams/.*", "streams/.x", True),
        ("a|b", "a", False),
        ("a|*|b", "a|x|b", True),
        ("(a)*{2}+^$#", "(a)x{2}+^$#", True),
        ("a b*c d", "a bxc d", True),
        ("*\udc80?", "x\udc80y", True),
    ],
)
def test_a_pattern_covers_the_whole_text_and_has_no_escapes(
    pattern: str, text: str, expected: bool
) -> None:
    assert matches(pattern, text) is expected
    assert naive(pattern, text) is expected


@given(PATTERNS, TEXTS)
def test_the_matcher_agrees_with_the_definition(pattern: str, text: str) -> None:
    assert matches(pattern, text) is naive(pattern, text)


@given(st.lists(PATTERNS, max_size=6), TEXTS)
def test_a_list_matches_where_any_of_its_patterns_does(patterns: list[str], text: str) -> None:
    expected = any(naive(pattern, text) for pattern in patterns)
    assert wildcard_matcher(patterns, insensitive=False)(text) is expected


@given(st.lists(st.text("abAB*?", max_size=6), max_size=4), TEXTS)
def test_an_insensitive_list_matches_what_it_matches_in_lower_case(
    patterns: list[str], text: str
) -> None:
    expected = any(naive(pattern.lower(), text.lower()) for pattern in patterns)
    assert wildcard_matcher(patterns, insensitive=True)(text) is expected


@given(st.text(max_size=20))
def test_every_text_is_matched_by_itself_by_stars_and_by_question_marks(text: str) -> None:
    assert matches("*", text)
    assert matches("?" * len(text), text)
    assert matches("?" * len(text) + "*", text)
    assert not matches("?" * (len(text) + 1), text)
    if "*" not in text and "?" not in text:
        assert matches(text, text)
        assert matches(f"*{text}", text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("AZaz09", "azaz09"),
        ("ÄÉ", "ÄÉ"),
        ("ÄA", "Äa"),
        ("\u017f\u212aK", "\u017f\u212ak"),
        ("İI", "İi"),
        ("[@`{", "[@`{"),
        ("A\udc80", "a\udc80"),
    ],
)
def test_only_ascii_letters_have_a_case(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("/TMP/*", "/tmp/X", True),
        ("*.EXE", "a.exe", True),
        ("Ä*", "äx", False),
        ("Äx*", "ÄXY", True),
        ("straße", "STRASSE", False),
        ("k", "\u212a", False),
    ],
)
def test_case_is_folded_for_ascii_letters_alone(pattern: str, text: str, expected: bool) -> None:
    assert wildcard_matcher([pattern], insensitive=True)(text) is expected
    assert wildcard_matcher(["?" * 9, pattern], insensitive=True)(text) is expected


@pytest.mark.parametrize(
    "pattern", ["a*" * 30 + "b", "*a" * 30 + "*b", "*a?" * 20 + "b", "*" * 50 + "b"]
)
def test_patterns_with_many_stars_take_no_exponential_time(pattern: str) -> None:
    test = wildcard_matcher([pattern], insensitive=False)
    start = process_time()
    assert not test("a" * 5000)
    assert process_time() - start < 2

"""Random wildcards, regular expressions and networks that some given text may match."""

from __future__ import annotations

from random import Random

from support.reference_eql_regex import (
    CLASSES,
    AnyChar,
    AnyText,
    Both,
    Chars,
    Class,
    Either,
    NoText,
    Number,
    Other,
    Regex,
    Repeat,
    Text,
    Then,
)

NETWORKS = (
    *("10.0.0.0/8", "10.9.9.9/8", "10.0.0.1", "10.0.0.0/31", "192.168.0.0/16", "0.0.0.0/0"),
    *("::1", "::/0", "::/127", "fe80::/10", "FE80::1%eth0/64", "::ffff:10.0.0.0/104"),
    *("::ffff:0:0/96", "::fffe:0:0/90", "2001:DB8::/32", "0.0.0.0", "::ffff:192.168.1.1"),
)


def random_wildcard(random: Random, text: str) -> str:
    """A text with some of it replaced by ``*`` and ``?``."""
    for _ in range(random.choice((0, 1, 1, 2))):
        start = random.randint(0, len(text))
        end = random.randint(start, len(text))
        stands_for = random.choice(("*", "*", "**", "?" * (end - start), "?"))
        text = text[:start] + stands_for + text[end:]
    return recased(random, text)


def recased(random: Random, text: str) -> str:
    """The text, at times in other cases."""
    return text.swapcase() if random.random() < 0.25 else text


def random_regex(random: Random, text: str, other: str) -> Regex:
    """A regular expression with ``&`` and ``~`` only where all of it is combined."""
    chance = random.random()
    if chance > 0.3:
        return _regex(random, text)
    if chance > 0.2:
        return Either(random_regex(random, text, other), random_regex(random, other, text))
    if chance > 0.1:
        return Both(random_regex(random, text, text), random_regex(random, text, other))
    return Other(random_regex(random, other, text))


def _regex(random: Random, text: str) -> Regex:
    """A regular expression that most likely matches the text."""
    if len(text) == 1 and random.random() < 0.7:
        return _char(random, text)
    if len(text) > 1 and random.random() < 0.65:
        middle = random.randint(0, len(text))
        return Then(_regex(random, text[:middle]), _regex(random, text[middle:]))
    chance = random.random()
    if chance < 0.3:
        return Text(recased(random, text))
    if chance < 0.4:
        return random.choice((AnyText(), Repeat(AnyChar(), 0, None)))
    if chance < 0.5:
        return Either(_regex(random, text), random.choice((Text("x"), Text(""), NoText())))
    if chance < 0.6:
        return Repeat(_regex(random, text), *random.choice(((0, 1), (1, None), (1, 3), (1, 1))))
    if chance < 0.65:
        return Other(random.choice((Text("x"), Text("a"), Class("d"), Chars(("a", "b")))))
    if text.isascii() and text.isdigit() and chance < 0.9:
        return _number(random, text)
    if text and text == text[0] * len(text):
        return Repeat(_char(random, text[0]), len(text), random.choice((len(text), None, 5)))
    return Repeat(_char(random, random.choice(text or "x")), 0, None)


def _number(random: Random, text: str) -> Regex:
    value = int(text)
    low, high = max(value - random.randint(0, 9), 0), value + random.randint(0, 99)
    if high >= 10**9 or len(text) > 9:
        return Repeat(Class("d"), 1, None)
    size = len(text) if random.random() < 0.5 else 0
    ends = f"{low:0{size}}", f"{high:0{size}}"
    return Number(*(ends if random.random() < 0.9 else ends[::-1]))


def _char(random: Random, char: str) -> Regex:
    """What matches one character, most likely this one."""
    classes = [letter for letter, chars in CLASSES.items() if char in chars]
    letter = random.choice(classes or ["W", "S", "D"])
    middle = ord(recased(random, char)[0])
    around = chr(max(middle - 2, 1)) + chr(middle + 1)
    part = random.choice((recased(random, char), around, Class(letter), Class(letter.swapcase())))
    options = (
        Text(recased(random, char)),
        AnyChar(),
        Class(letter),
        Chars((part,)),
        Chars((part, "-", "x"), negated=random.random() < 0.3),
        Chars(("^", part, "]"), negated=True),
    )
    return random.choice(options)

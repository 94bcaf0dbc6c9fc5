from __future__ import annotations

import json
import random
import re

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol import framing
from fluent_pipeline.protocol.framing import NEED_DATA, Framer, Message
from fluent_pipeline.protocol.limits import Limits
from support.wire import Writer

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=300)
    | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """nil, a JSON array, or a msgpack array of random header widths."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return b"\xc0"
    if kind == 1:
        text = draw(st.text(max_size=20))
        return json.dumps(["t]", [[1, {text: ['\\"{', text]}]]]).encode()
    value = draw(st.lists(VALUES, max_size=6))
    return Writer(random.Random(draw(st.integers(0, 999)))).encode(value)


def framed(pieces: list[bytes], limits: Limits | None = None) -> list[Message]:
    framer = Framer(limits or Limits())
    found = []
    for piece in pieces:
        framer.receive_data(piece)
        while isinstance(message := framer.next_message(), Message):
            found.append(message)
    return found


def failure(data: bytes, limits: Limits | None = None) -> RemoteProtocolError:
    framer = Framer(limits or Limits())
    framer.receive_data(data)
    with pytest.raises(RemoteProtocolError) as caught:
        while framer.next_message() is not NEED_DATA:
            pass
    with pytest.raises(RemoteProtocolError) as again:
        framer.next_message()
    assert again.value is caught.value
    return caught.value


@given(st.lists(messages(), max_size=6), st.lists(st.integers(0), max_size=10))
def test_any_split_of_the_bytes_gives_the_same_messages(
    sent: list[bytes], places: list[int]
) -> None:
    stream = b"".join(sent)
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    pieces = [stream[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    whole = framed([stream])
    assert [message.raw for message in whole] == sent
    assert framed(pieces) == whole
    assert framed([bytes([byte]) for byte in stream]) == whole


@given(st.lists(messages(), max_size=4), messages())
def test_what_follows_the_last_whole_message_stays_buffered(sent: list[bytes], last: bytes) -> None:
    framer = Framer(Limits())
    framer.receive_data(b"".join(sent) + last[:-1])
    raws = []
    while isinstance(message := framer.next_message(), Message):
        raws.append(message.raw)
    assert raws == sent
    assert framer.unread() == last[:-1]
    assert framer.buffered == len(last) - 1


def test_a_message_tells_where_it_begins_and_where_its_elements_do() -> None:
    first, second = b"\xc0", b"\xdc\x00\x03\xa1t\x90\x80"
    found = framed([first + second])
    assert found == [
        Message(first, 0),
        Message(second, 1, elements=(3, 5, 6)),
    ]


@pytest.mark.parametrize("between", [b"", b"\n", b" \r\n\t "])
def test_json_texts_may_have_white_space_between_them(between: bytes) -> None:
    texts = [b'["a",1,{}]', b'{"x": "\\"}]"}', b'[["\\\\"], "\xff"]']
    stream = between.join(texts) + between + b"\x90"
    for pieces in ([stream], [bytes([byte]) for byte in stream]):
        found = framed(pieces)
        assert [message.raw for message in found] == [*texts, b"\x90"]
        assert [message.json for message in found] == [True, True, True, False]
        assert [stream[m.offset : m.offset + len(m.raw)] for m in found] == [*texts, b"\x90"]


@pytest.mark.parametrize(
    "first", [b"\x00", b"\x0a", b"\x81", b"\x8f", b"\xa0", b"\xa3abc", b"\xc1", b"\xc2", b"\xcc"]
)
def test_bytes_that_begin_no_message_are_refused_at_once(first: bytes) -> None:
    assert f"found 0x{first[0]:02x}" in failure(first).message


def test_the_error_tells_at_which_byte_the_bad_message_begins() -> None:
    assert failure(b"\x90\xc0\x92\xa1t\xc1").offset == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x92\x01\xc1", "malformed msgpack 2 bytes into the message"),
        (b"\x97" + b"\x00" * 7, "an array of 7 elements"),
        (b"\xdd\xff\xff\xff\xff", "an array of 4294967295 elements"),
        (b"\x91" * 10_000, "nests deeper than 1024 levels"),
        (b"\x91" + b"\x81\xa1k" * 5_000, "nests deeper than 1024 levels"),
        (b'["a"}', "malformed JSON"),
        (b"{]", "malformed JSON"),
    ],
)
def test_what_can_become_no_message_is_refused(data: bytes, reason: str) -> None:
    assert reason in failure(data).message


@pytest.mark.parametrize(
    "head",
    [
        b"\x92\xa1t\xdb\x40\x00\x00\x00",
        b"\x92\xa1t\xc6\x40\x00\x00\x00",
        b"\x92\xa1t\xdd\x40\x00\x00\x00",
        b"\x92\xa1t\xdf\x40\x00\x00\x00",
        b"\x92\xa1t\xc9\x40\x00\x00\x00\x05",
        b'["',
    ],
)
def test_of_a_message_that_declares_a_gigabyte_no_more_than_the_limit_is_kept(head: bytes) -> None:
    framer = Framer(Limits(frame=10_000))
    framer.receive_data(head)
    assert framer.next_message() is NEED_DATA
    with pytest.raises(RemoteProtocolError, match="over the limit of 10000 bytes"):
        for _ in range(11):
            framer.receive_data(b"\x00" * 1000)
            framer.next_message()
    assert framer.buffered < 12_000


@pytest.mark.parametrize("message", [b"\x91\xc4\x10" + b"x" * 16, b'["' + b"x" * 15 + b'"]'])
def test_the_limit_is_the_size_of_the_largest_message(message: bytes) -> None:
    size = len(message)
    assert [m.raw for m in framed([message] * 2, Limits(frame=size))] == [message] * 2
    assert "over the limit" in failure(message, Limits(frame=size - 1)).message


@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_messages_or_an_error_of_the_peers(data: bytes) -> None:
    try:
        whole = framed([data])
    except RemoteProtocolError:
        with pytest.raises(RemoteProtocolError):
            framed([bytes([byte]) for byte in data])
    else:
        assert framed([bytes([byte]) for byte in data]) == whole


def test_a_large_message_in_small_reads_is_scanned_once() -> None:
    entries = [[1, {"text": "x" * 50}]] * 20_000
    raw = msgpack.packb(["t", entries, {"size": 20_000}])
    pieces = [raw[start : start + 100] for start in range(0, len(raw), 100)]
    (message,) = framed(pieces)
    assert message.raw == raw
    assert len(message.elements) == 3


class WatchedUnpacker(msgpack.Unpacker):  # type: ignore[misc]
    """Adds up how far each skip moved on; checks that it stops at the string that is not whole."""

    skips = moved = fed = 0

    def feed(self, data: bytes) -> None:
        type(self).fed += len(data)
        super().feed(data)

    def skip(self) -> None:
        before = self.tell()
        type(self).skips += 1
        try:
            super().skip()
        except msgpack.OutOfData:
            assert self.fed - self.tell() <= 31
            raise
        finally:
            type(self).moved += self.tell() - before


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_work_on_a_message_grows_with_its_bytes_however_it_is_split(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    class Watched(WatchedUnpacker):
        pass

    monkeypatch.setattr(msgpack, "Unpacker", Watched)
    raw = msgpack.packb(["t", [[1, {"k": ["x" * 30, n, None]}] for n in range(1000)], {"size": 1}])
    pieces = [raw[start : start + step] for start in range(0, len(raw), step)]
    (message,) = framed(pieces)
    assert message.raw == raw
    assert Watched.moved == len(raw) - 1
    assert Watched.skips <= len(pieces) + 3


class WatchedMarks:
    """Adds up how many bytes each search for a mark of JSON looked at."""

    def __init__(self, marks: re.Pattern[bytes]) -> None:
        self._marks = marks
        self.looked_at = 0

    def search(self, buffer: bytearray, position: int) -> re.Match[bytes] | None:
        found = self._marks.search(buffer, position)
        self.looked_at += max(0, (found.end() if found else len(buffer)) - position)
        return found


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_each_byte_of_a_json_text_is_looked_at_once(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    watched = WatchedMarks(framing._JSON_MARKS)
    monkeypatch.setattr(framing, "_JSON_MARKS", watched)
    text = json.dumps(["t", [[1, {"k": 'a\\"é\n' * 20}]] * 200]).encode()
    (message,) = framed([text[start : start + step] for start in range(0, len(text), step)])
    assert message.raw == text
    assert watched.looked_at <= len(text)


@pytest.mark.parametrize("head", [b'["t",1,{"k":', b""])
def test_json_nested_as_deep_as_it_likes_is_one_text(head: bytes) -> None:
    text = head + b"[" * 10_000 + b"]" * 10_000 + (b"}]" if head else b"")
    for pieces in ([text], [bytes([byte]) for byte in text]):
        assert [message.raw for message in framed([*pieces, b"\n[]"])] == [text, b"[]"]


@pytest.mark.parametrize(
    "head", [b"\x92\xa1t\x91", b"\x92\xa1t\x91\x92\x01\x81\xa1k", b"\x93\xa1t\x90\x81\xa1o"]
)
@pytest.mark.parametrize("level", [b"\x91", b"\x81\xa1k", b"\xdd\x00\x00\x00\x02\xc0", b"\x81"])
def test_ten_thousand_levels_inside_a_frame_are_refused_however_they_come(
    head: bytes, level: bytes
) -> None:
    data = head + level * 10_000
    framer = Framer(Limits())
    with pytest.raises(RemoteProtocolError, match="nests deeper than 1024 levels"):
        for start in range(0, len(data), 3):
            framer.receive_data(data[start : start + 3])
            framer.next_message()
    assert framer.buffered < 6 * 1024 + len(head)


@pytest.mark.parametrize(
    "head",
    [b"\x92\xa1t\xdd\xff\xff\xff\xff", b"\x92\xa1t\xdf\xff\xff\xff\xff", b"\x92\xa1t\xdc\xff\xff"],
)
def test_a_container_that_declares_more_than_comes_costs_only_what_came(head: bytes) -> None:
    framer = Framer(Limits(frame=1000))
    framer.receive_data(head + b"\xc0" * 900)
    assert framer.next_message() is NEED_DATA
    framer.receive_data(b"\xc0" * 200)
    with pytest.raises(RemoteProtocolError, match="over the limit of 1000 bytes"):
        framer.next_message()


@pytest.mark.parametrize("element", range(4))
def test_the_byte_that_msgpack_never_uses_is_refused_in_every_element(element: int) -> None:
    elements = [b"\xa1t", b"\x91\x92\x01\x80", b"\x80", b"\x80"]
    elements[element] = b"\xc1"
    assert "malformed msgpack" in failure(b"\x94" + b"".join(elements)).message


def test_messages_before_the_bad_one_are_given_out_first() -> None:
    framer = Framer(Limits())
    framer.receive_data(b"\xc0\x91\xa1t\xc1")
    raws = [framer.next_message(), framer.next_message()]
    assert [raw.raw for raw in raws if isinstance(raw, Message)] == [b"\xc0", b"\x91\xa1t"]
    with pytest.raises(RemoteProtocolError, match=r"found 0xc1 \(at byte 4\)"):
        framer.next_message()


def test_need_data_names_itself() -> None:
    assert repr(NEED_DATA) == "NEED_DATA"

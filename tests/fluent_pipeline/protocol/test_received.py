from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.protocol.received import GATHERED, SMALL, Received

SIZES = st.sampled_from([0, 1, 2, 100, SMALL - 1, SMALL, SMALL + 1, GATHERED])


def filled(*parts: bytes) -> Received:
    received = Received()
    for part in parts:
        received.append(part)
    return received


@given(st.lists(st.tuples(SIZES, st.floats(0, 1), st.booleans()), max_size=12))
def test_bytes_are_taken_in_the_order_in_which_they_came(
    steps: list[tuple[int, float, bool]],
) -> None:
    received, model = Received(), b""
    for number, (size, share, together) in enumerate(steps):
        data = bytes([number]) * size
        received.append(data)
        model += data
        if together:
            assert received.together() == model
        taken = int(share * len(model))
        assert received.peek(taken, 7) == model[taken : taken + 7]
        assert received.take(taken) == model[:taken]
        model = model[taken:]
        assert len(received) == len(model)
    assert received.peek(0, len(model) + 1) == model


def test_a_whole_chunk_is_given_as_it_came() -> None:
    chunk = b"x" * SMALL
    assert filled(chunk).take(SMALL) is chunk


def test_bytes_that_trickle_in_cost_little_more_than_themselves() -> None:
    received = Received()
    for _ in range(200_000):
        received.append(b"x")
    held = sum(sys.getsizeof(chunk) for chunk in received._chunks)
    assert held < 2 * 200_000


def test_what_has_been_taken_does_not_stay_while_more_trickles_in() -> None:
    received = filled(b"ab")
    for _ in range(3 * GATHERED):
        received.append(b"x")
        received.take(1)
    assert sum(map(len, received._chunks)) <= 2 * GATHERED


def test_nothing_can_be_taken_of_nothing() -> None:
    assert filled().take(0) == b""
    assert filled(b"").peek(0, 5) == b""
    assert filled().together() == b""

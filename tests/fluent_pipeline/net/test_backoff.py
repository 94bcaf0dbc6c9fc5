from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.net.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(1, 10, draw=lambda: 1.0)
    assert [backoff.next() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_a_success_begins_from_the_first_wait_again() -> None:
    backoff = Backoff(1, 10, draw=lambda: 1.0)
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 1


@given(st.floats(0.01, 10), st.floats(10, 100), st.integers(0, 200))
def test_every_wait_lies_between_half_of_its_bound_and_its_bound(
    first: float, longest: float, tries: int
) -> None:
    backoff = Backoff(first, longest)
    for number in range(tries):
        bound = min(first * 2.0**number, longest)
        assert bound / 2 <= backoff.next() <= bound

from __future__ import annotations

from fluent_pipeline.net.budget import Budget


class Reader:
    def __init__(self, partial: int = 0) -> None:
        self.paused = False
        self.partial = partial

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def give_up_partial(self) -> None:
        self.partial = -1


def test_every_source_pauses_past_the_limit_and_goes_on_at_half_of_it() -> None:
    budget = Budget(100)
    readers = [Reader(), Reader()]
    for reader in readers:
        budget.join(reader)
    budget.take(100)
    assert [reader.paused for reader in readers] == [False, False]
    budget.take(1)
    assert [reader.paused for reader in readers] == [True, True]
    assert budget.full
    budget.give(50)
    assert budget.full
    budget.give(1)
    assert [reader.paused for reader in readers] == [False, False]
    assert (budget.full, budget.used) == (False, 50)


def test_a_source_that_joins_a_full_budget_is_paused_at_once() -> None:
    budget = Budget(10)
    budget.take(11)
    reader = Reader()
    budget.join(reader)
    assert reader.paused


def test_a_source_that_has_left_is_not_told_any_more() -> None:
    budget = Budget(10)
    reader = Reader()
    budget.join(reader)
    budget.leave(reader)
    budget.take(11)
    assert not reader.paused
    assert budget.used == 11


class Holder(Reader):
    """Holds bytes of an unfinished message until it has to give them up."""

    def __init__(self, budget: Budget, partial: int) -> None:
        super().__init__(partial)
        self._budget = budget
        budget.join(self)
        budget.count_partial(partial)

    def give_up_partial(self) -> None:
        self._budget.count_partial(-self.partial)
        self.partial = 0


def test_the_largest_unfinished_messages_go_first_and_only_while_there_are_too_many() -> None:
    budget = Budget(100)
    holders = [Holder(budget, size) for size in (40, 60, 50)]
    budget.relieve()
    assert [holder.partial for holder in holders] == [40, 0, 50]
    assert budget.partial == 90
    budget.relieve()
    assert [holder.partial for holder in holders] == [40, 0, 50]

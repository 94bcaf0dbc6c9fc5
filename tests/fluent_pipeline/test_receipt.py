from __future__ import annotations

import pytest

from fluent_pipeline.receipt import Receipt


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_the_delivery_is_told_once_when_the_last_part_has_been_delivered(parts: int) -> None:
    told: list[str] = []
    receipt = Receipt(lambda: told.append("delivered"))
    for _ in range(parts):
        receipt.hold()
    for _ in range(parts - 1):
        receipt.release()
        assert told == []
    receipt.release()
    assert told == ["delivered"]


def test_parts_that_come_while_others_are_delivered_are_waited_for() -> None:
    told: list[str] = []
    receipt = Receipt(lambda: told.append("delivered"))
    receipt.hold()
    receipt.hold()
    receipt.release()
    receipt.hold()
    receipt.release()
    assert told == []
    receipt.release()
    assert told == ["delivered"]


def test_what_is_to_be_done_before_the_delivery_is_told_is_done_in_its_order() -> None:
    told: list[str] = []
    receipt = Receipt(lambda: told.append("delivered"))
    receipt.hold()
    receipt.before_delivery_is_told(lambda: told.append("first note"))
    receipt.hold()
    receipt.before_delivery_is_told(lambda: told.append("second note"))
    receipt.release()
    assert told == []
    receipt.release()
    assert told == ["first note", "second note", "delivered"]


def test_where_a_note_cannot_be_kept_the_delivery_is_not_told() -> None:
    told: list[str] = []
    receipt = Receipt(lambda: told.append("delivered"))

    def fail() -> None:
        raise OSError("disk full")

    receipt.hold()
    receipt.before_delivery_is_told(fail)
    with pytest.raises(OSError, match="disk full"):
        receipt.release()
    assert told == []

from __future__ import annotations

import dataclasses

import msgpack
import pytest

from fluent_pipeline.protocol.limits import NESTING, Limits


def test_by_default_a_frame_inflates_to_as_much_as_fluentd_takes() -> None:
    assert Limits().inflated == 256 * 1024 * 1024
    assert Limits().frame < Limits().inflated


def test_limits_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().frame = 1  # type: ignore[misc]


def test_the_nesting_limit_is_what_the_unpacker_follows() -> None:
    unpacker = msgpack.Unpacker()
    unpacker.feed(b"\x91" * NESTING + b"\xc0" + b"\x91" * (NESTING + 1) + b"\xc0")
    unpacker.skip()
    with pytest.raises(msgpack.StackError):
        unpacker.skip()


def test_a_limit_is_given_by_its_name() -> None:
    assert Limits(frame=10) == Limits(frame=10, inflated=Limits().inflated)
    with pytest.raises(TypeError):
        Limits(10)  # type: ignore[call-arg]

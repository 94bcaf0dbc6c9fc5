from __future__ import annotations

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from fluent_pipeline.monitor.answers import answer, number_in, raw_answer


def asked(query: str) -> web.Request:
    return make_mocked_request("GET", f"/?{query}")


def test_an_answer_is_json_whatever_its_texts_are_made_of() -> None:
    made = answer({"a": "\udcff\u2028<", "b": float("inf")}, status=503)
    assert (made.status, made.content_type, made.charset) == (503, "application/json", "utf-8")
    assert isinstance(made.body, bytes)
    assert json.loads(made.body) == {"a": "\udcff\u2028<", "b": None}


def test_json_that_is_written_already_is_left_as_it_is() -> None:
    assert raw_answer(b'{"a" :1}').body == b'{"a" :1}'


def test_a_number_of_the_query_has_a_default_and_bounds() -> None:
    assert number_in(asked(""), "n", 5, 1, 9) == 5
    assert number_in(asked("n=9"), "n", 5, 1, 9) == 9


@pytest.mark.parametrize("text", ["0", "10", "x", "-1", "", "1e1", "%D9%A3", "9" * 5000])
def test_what_is_no_such_number_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(web.HTTPBadRequest) as caught:
        number_in(asked(f"n={text}"), "n", 5, 1, 9)
    assert caught.value.text == "expected n to be a whole number, 1 to 9\n"

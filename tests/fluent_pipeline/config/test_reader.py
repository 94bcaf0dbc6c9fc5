from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from fluent_eql.options import (
    Named,
    Place,
    duration,
    integer,
    new_path,
    option,
    options_of,
    path,
    text,
)
from fluent_pipeline.config.document import compose
from fluent_pipeline.config.parsers import User, named_user, user
from fluent_pipeline.config.reader import Reader, suggestion
from fluent_pipeline.errors import ConfigError


def boxed(found: Named) -> Named:
    if found.name == "none":
        raise ValueError("a box has a name")
    return found


def boxes_only(value: str) -> Named:
    raise ValueError(f"expected a map of boxes, found {value!r}")


@dataclass(frozen=True, slots=True)
class Ball:
    colour: str = option("colour", text, "which colour")
    weight: int = option("mass.grams", integer(1), "how heavy", default=1)

    def __post_init__(self) -> None:
        if self.colour == "green":
            raise ValueError("there is no green ball")


def ball(value: str) -> Ball:
    return Ball(colour=text(value))


@dataclass(frozen=True, slots=True)
class Box:
    balls: tuple[Ball, ...] = option("balls", ball, "what", default=(), many=True, schema=Ball)
    best: Ball | None = option("best", ball, "the best", default=None, schema=Ball)


@dataclass(frozen=True, slots=True)
class Sample:
    size: int = option("size", integer(1), "how many")
    ttl: int = option("state.ttl", duration, "how long", default=5)
    most: int = option("state.max_entities", integer(1), "at most", default=10)
    names: tuple[str, ...] = option("names", text, "which", default=("a",), many=True)
    users: tuple[User, ...] = option("users", user, "who", default=(), many=True, named=named_user)
    boxes: tuple[Named, ...] = option(
        "boxes", boxes_only, "boxes", default=(), many=True, schema=Box, named=boxed
    )
    shelves: tuple[Named, ...] = option(
        "shelves",
        boxes_only,
        "boxes, or their balls",
        default=(),
        many=True,
        schema=Box,
        named=boxed,
        short_for="balls",
    )
    rules: tuple[Path, ...] = option("rules", path, "existing", default=(), many=True)
    out: Path | None = option("out", new_path, "new", default=None)

    def __post_init__(self) -> None:
        if self.size == 13:
            raise ValueError("13 brings bad luck")


def root_of(source: str) -> yaml.Node:
    root = compose(source, "test.yaml")
    assert root is not None
    return root


def reader(
    folder: Path = Path("/folder"),
    working: Path = Path("/working"),
    variables: Mapping[str, str] | None = None,
) -> Reader:
    return Reader("test.yaml", folder, working, variables or {})


def read(source: str, using: Reader | None = None) -> Sample:
    using = using or reader()
    root = root_of(source)
    keys = options_of(Sample)
    found = using.options(Sample, using.entries(root, keys, "sample"), root, "sample")
    using.finish()
    assert found is not None
    return found


def failure(source: str, using: Reader | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(source, using)
    return str(caught.value)


def test_values_are_parsed_and_the_rest_has_its_defaults() -> None:
    assert read("size: 3\nstate.ttl: 2s\n") == Sample(size=3, ttl=2 * 10**9)


def test_a_key_is_known_in_any_case() -> None:
    assert read("SIZE: 3\nState.TTL: 2s\n") == Sample(size=3, ttl=2 * 10**9)


def test_dotted_keys_may_be_nested() -> None:
    nested = read("size: 3\nstate:\n  ttl: 2s\n  MAX_entities: 7\n")
    assert nested == read("size: 3\nstate.ttl: 2s\nstate.max_entities: 7\n")


def test_the_same_key_dotted_and_nested_is_given_twice() -> None:
    error = failure("size: 3\nstate.ttl: 2s\nstate:\n  ttl: 3s\n")
    assert error == "test.yaml:4:3: sample: the key state.ttl is given twice"


def test_a_nested_key_that_is_unknown_is_named_whole_with_the_nearest_known_one() -> None:
    error = failure("size: 3\nstate:\n  tll: 2s\n")
    assert error == "test.yaml:3:3: sample: unknown key state.tll; did you mean state.ttl?"


def test_a_key_given_twice_in_another_case_is_an_error() -> None:
    assert failure("size: 3\nSize: 4\n") == "test.yaml:2:1: sample: the key size is given twice"


def test_an_unknown_key_far_from_all_is_told_the_known_ones() -> None:
    error = failure("size: 3\nzzzz: 4\n")
    assert error.startswith("test.yaml:2:1: sample: unknown key zzzz; expected one of boxes, names")


def test_a_value_that_the_parser_refuses_is_an_error_at_the_value() -> None:
    error = failure("size: none\n")
    assert error == "test.yaml:1:7: size: expected a whole number of at least 1, found 'none'"


def test_a_required_key_that_is_missing_is_named_with_its_meaning() -> None:
    assert failure("names: a\n") == "test.yaml:1:1: sample: the key size is missing: how many"
    assert "the key size is missing" in failure("size: ~\n")


def test_a_value_that_is_left_out_is_the_default() -> None:
    assert read("size: 3\nstate.ttl:\nnames: ~\n") == Sample(size=3)


def test_what_the_schema_itself_refuses_is_an_error_at_the_section() -> None:
    assert failure("size: 13\n") == "test.yaml:1:1: sample: 13 brings bad luck"


def test_all_errors_of_a_file_are_collected_in_their_order() -> None:
    using = reader()
    with pytest.raises(ConfigError) as caught:
        read("sizes: 1\nstate.ttl: soon\nout: [a]\n", using)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "test.yaml:1:1",
        "test.yaml:1:1",
        "test.yaml:2:12",
        "test.yaml:3:6",
    ]
    assert (caught.value.line, caught.value.column) == (1, 1)
    assert len(using.errors) == 4


def test_the_same_error_is_told_once() -> None:
    source = "size: 1\nrules: &places [x]\nnames: &bad {a: b}\nusers: *bad\n"
    assert failure(source).count("test.yaml:2:17") == 1


@pytest.mark.parametrize("source", ["names: [a, b]", "names:\n- a\n- b"])
def test_a_list_option_takes_a_list(source: str) -> None:
    assert read(f"size: 1\n{source}\n").names == ("a", "b")


def test_a_list_option_takes_one_value_too() -> None:
    assert read("size: 1\nnames: a\n").names == ("a",)


def test_a_list_option_may_be_empty() -> None:
    assert read("size: 1\nnames: []\n").names == ()


def test_a_list_where_one_value_is_expected_is_an_error() -> None:
    assert failure("size: [1]\n").startswith(
        "test.yaml:1:7: size: expected a single value, found a list"
    )


def test_nothing_in_a_list_is_an_error() -> None:
    assert "2:9: names: expected a single value, found nothing" in failure("size: 1\nnames: [~]\n")


@pytest.mark.parametrize(
    "source", ["!mine {size: 1}", "{size: !mine 1}", "{size: 1, names: !mine [a]}"]
)
def test_a_yaml_type_of_the_users_own_is_refused(source: str) -> None:
    assert "the YAML type !mine, which is not supported" in failure(source)


def test_a_map_cannot_be_merged_into_another() -> None:
    error = failure("<<: {size: 1}\n")
    assert "test.yaml:1:1: sample: merging maps with << is not supported" in error


def test_a_key_that_is_no_text_is_an_error() -> None:
    assert "1:3: sample: expected a key, found a list" in failure("? [a]\n: 1\nsize: 1\n")


def test_an_alias_stands_for_what_it_names() -> None:
    assert read("size: 1\nnames: &n [x, y]\nstate.ttl: 1s\n").names == ("x", "y")
    assert read("names: [&n x, *n]\nsize: 1\n").names == ("x", "x")


def test_users_are_read_from_texts_and_from_maps() -> None:
    pairs = (User("alice", "a secret"), User("bob", "other"))
    assert read("size: 1\nusers: [alice a secret, bob other]\n").users == pairs
    assert read("size: 1\nusers: {alice: a secret, bob: other}\n").users == pairs
    assert read("size: 1\nusers:\n- alice: a secret\n- bob other\n").users == pairs


def test_a_users_name_keeps_its_case_and_its_variables_are_filled_in() -> None:
    using = reader(variables={"NAME": "Alice", "PASSWORD": "p w"})
    assert read('size: 1\nusers: {"${NAME}": "${PASSWORD}"}\n', using).users == (
        User("Alice", "p w"),
    )


def test_a_user_given_twice_or_without_a_password_is_an_error() -> None:
    assert "the key alice is given twice" in failure("size: 1\nusers: {alice: a, alice: b}\n")
    assert "found an empty one" in failure("size: 1\nusers: {alice: ''}\n")
    assert "expected a single value, found nothing" in failure("size: 1\nusers: {alice: }\n")


def boxes(source: str, using: Reader | None = None) -> tuple[Named, ...]:
    return read(f"size: 1\n{source}", using).boxes


def test_a_map_of_free_names_gives_a_value_for_each_with_its_name_and_its_place() -> None:
    found = boxes("boxes:\n  Left: {balls: [red]}\n  right: {}\n")
    assert found == (
        Named("Left", Box(balls=(Ball(colour="red"),)), Place("test.yaml", 3, 3)),
        Named("right", Box(), Place("test.yaml", 4, 3)),
    )


def test_maps_of_free_names_may_stand_in_a_list() -> None:
    listed = boxes("boxes: [{a: ~}, {b: ~, c: ~}]\n")
    assert [box.name for box in listed] == ["a", "b", "c"]


def test_a_value_stands_for_a_map_with_the_one_key_that_the_option_names() -> None:
    source = "size: 1\nshelves: {a: red, b: [red, {colour: blue}], c: {balls: red}, d: [], e: ~}\n"
    red, blue = Ball(colour="red"), Ball(colour="blue")
    shelves = {shelf.name: shelf.value.balls for shelf in read(source).shelves}
    assert shelves == {"a": (red,), "b": (red, blue), "c": (red,), "d": (), "e": ()}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("shelves: red", "2:10: shelves: expected a map of boxes, found 'red'"),
        ("shelves: {a: green}", "2:14: balls: there is no green ball"),
        ("shelves: {a: [[red]]}", "2:15: balls: expected a single value, found a list"),
    ],
)
def test_such_a_value_is_wrong_at_its_place(source: str, message: str) -> None:
    assert message in failure(f"size: 1\n{source}\n")


def test_a_map_stands_for_an_item_where_the_option_has_keys_for_it() -> None:
    source = "boxes: {a: {balls: [red, {COLOUR: blue, mass: {grams: 3}}], best: {colour: red}}}\n"
    (box,) = boxes(source)
    red, blue = Ball(colour="red"), Ball(colour="blue", weight=3)
    assert box.value == Box(balls=(red, blue), best=red)
    assert boxes("boxes: {a: {balls: {colour: red}, best: red}}\n")[0].value == Box(
        balls=(red,), best=red
    )


def test_variables_are_filled_in_in_maps_too() -> None:
    using = reader(variables={"NAME": "a", "COLOUR": "red"})
    (box,) = boxes('boxes: {"${NAME}": {best: "${COLOUR}"}}\n', using)
    assert (box.name, box.value) == ("a", Box(best=Ball(colour="red")))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("boxes: red", "2:8: boxes: expected a map of boxes, found 'red'"),
        ("boxes: {a: red}", "2:12: boxes a: expected a map, found a single value"),
        ("boxes: {a: [red]}", "2:12: boxes a: expected a map, found a list"),
        ("boxes: {a: {bals: red}}", "2:13: boxes a: unknown key bals; did you mean balls?"),
        ("boxes: {none: {}}", "2:9: boxes: a box has a name"),
        ("boxes: {a: {}, a: {}}", "2:16: boxes: the key a is given twice"),
        ("boxes: {a: {balls: ['']}}", "2:21: balls: expected a text, found nothing"),
        ("boxes: {a: {balls: [[red]]}}", "2:21: balls: expected a single value, found a list"),
        ("boxes: {a: {best: {colour: green}}}", "2:19: best: there is no green ball"),
        ("boxes: {a: {best: {mass.grams: 2}}}", "2:19: best: the key colour is missing"),
        ("boxes: {a: {best: {mass: {grams: 0}}}}", "2:34: mass.grams: expected a whole number"),
    ],
)
def test_what_is_wrong_in_a_map_is_an_error_at_its_place(source: str, message: str) -> None:
    assert f"test.yaml:{message}" in failure(f"size: 1\n{source}\n")


def test_a_text_that_became_a_map_by_its_colon_is_told_to_be_quoted() -> None:
    error = failure("size: 1\nboxes: {a: {balls: [light: blue]}}\n")
    assert "test.yaml:2:21: balls: unknown key light; expected one of colour, mass.grams" in error
    assert "is quoted as a whole" in error
    assert "is quoted as a whole" not in failure("size: 1\nlight: blue\n")


def test_variables_are_filled_in_before_parsing() -> None:
    assert read("size: ${N}0\n", reader(variables={"N": "4"})).size == 40


def test_a_variable_that_is_not_set_is_an_error_at_the_value() -> None:
    assert failure("size: ${N}\n").startswith("test.yaml:1:7: size: the variable ${N} is set")


@pytest.fixture
def places(tmp_path: Path) -> Reader:
    for place in ("folder", "working"):
        (tmp_path / place).mkdir()
    return reader(tmp_path / "folder", tmp_path / "working")


def test_a_relative_path_is_found_beside_the_file(places: Reader) -> None:
    (places.folder / "r").touch()
    assert read("size: 1\nrules: r\n", places).rules == (places.folder / "r",)
    assert places.notes == [
        f"rules: r → {places.folder / 'r'} (relative to the configuration's folder)"
    ]


def test_a_relative_path_is_found_in_the_working_directory(places: Reader) -> None:
    (places.working / "r").touch()
    assert read("size: 1\nrules: [r]\n", places).rules == (places.working / "r",)
    assert places.notes == [
        f"rules: r → {places.working / 'r'} (relative to the working directory)"
    ]


def test_where_both_places_have_it_the_files_own_folder_wins(places: Reader) -> None:
    (places.folder / "r").touch()
    (places.working / "r").touch()
    assert read("size: 1\nrules: r\n", places).rules == (places.folder / "r",)


def test_a_path_that_neither_place_has_is_an_error_that_names_both(places: Reader) -> None:
    error = failure("size: 1\nrules: r\n", places)
    assert error == (
        f"test.yaml:2:8: rules: r is neither in {places.folder}, the configuration's folder, "
        f"nor in {places.working}, the working directory"
    )


def test_an_absolute_path_is_taken_as_it_is_if_it_exists(places: Reader) -> None:
    there = places.folder / "r"
    assert "does not exist" in failure(f"size: 1\nrules: {there}\n", places)
    there.touch()
    places.errors.clear()
    assert read(f"size: 1\nrules: {there}\n", places).rules == (there,)
    assert places.notes == []


def test_a_path_that_the_system_refuses_is_an_error_at_its_place(places: Reader) -> None:
    error = failure(f"size: 1\nrules: {'x' * 5000}\n", places)
    assert error.startswith("test.yaml:2:8: rules: ")
    assert "too long" in error


def test_a_path_to_be_made_is_relative_to_the_working_directory(places: Reader) -> None:
    (places.folder / "o").touch()
    assert read("size: 1\nout: o\n", places).out == places.working / "o"
    assert read("size: 1\nout: /a/o\n", places).out == Path("/a/o")
    assert places.notes == []


def test_a_suggestion_names_the_nearest_or_all() -> None:
    assert suggestion("hots", ["port", "host"]) == "; did you mean host?"
    assert suggestion("zzz", ["port", "host"]) == "; expected one of host, port"

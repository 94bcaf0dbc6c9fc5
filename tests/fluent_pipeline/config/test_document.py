from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.config.document import compose, error_at, expand, has_plain_tag, is_null, kind
from fluent_pipeline.errors import ConfigError


def value_of(text: str) -> yaml.Node:
    """The node of the value in ``key: <text>``."""
    root = compose(f"key: {text}\n", "test.yaml")
    assert isinstance(root, yaml.MappingNode)
    node: yaml.Node = root.value[0][1]
    return node


def failure(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        compose(text, "test.yaml")
    return caught.value


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_document_has_no_content(text: str) -> None:
    root = compose(text, "test.yaml")
    assert root is None or is_null(root)


@pytest.mark.parametrize("text", ["on", "0660", "2s", "1e3", "2024-01-01", "'on'"])
def test_a_scalar_is_its_text_whatever_yaml_would_make_of_it(text: str) -> None:
    assert value_of(text).value == text.strip("'")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1, 2\nb: 3\n", 2, 2),
        ("a: 1\n b: 2\n", 2, 3),
        ("a:\n\t- b\n", 2, 1),
        ("a: 1\n---\nb: 2\n", 2, 1),
        ('a: "\\q"\n', 1, 6),
    ],
)
def test_a_text_that_is_not_one_yaml_document_is_an_error_at_its_place(
    text: str, line: int, column: int
) -> None:
    error = failure(text)
    assert (error.source, error.line, error.column) == ("test.yaml", line, column)
    assert error.message.startswith("not YAML: ")


def test_an_unquoted_star_is_an_error_that_says_to_quote_it() -> None:
    error = failure("pipeline:\n  match: *\n")
    assert (error.line, error.column) == (2, 11)
    assert "must be quoted: '*'" in error.message


def test_a_text_with_a_colon_in_it_is_told_to_be_quoted() -> None:
    error = failure('condition: process.name : "apt"\n')
    assert (error.line, error.column) == (1, 25)
    assert "must be quoted as a whole" in error.message


def test_a_character_that_yaml_forbids_is_an_error_at_its_place() -> None:
    error = failure("a: 1\nb: x\x07y\n")
    assert (error.line, error.column) == (2, 5)
    assert "U+0007" in error.message


def test_a_document_nested_too_deeply_is_an_error() -> None:
    assert "nested too deeply" in failure("[" * 5_000).message


@pytest.mark.parametrize("text", ["", "~", "null", "Null"])
def test_a_value_that_is_left_out_is_null(text: str) -> None:
    assert is_null(value_of(text))
    assert kind(value_of(text)) == "nothing"


def test_a_quoted_null_is_a_text() -> None:
    assert not is_null(value_of("'null'"))


@pytest.mark.parametrize(
    ("text", "what"), [("{a: b}", "a map"), ("[a]", "a list"), ("a", "a single value")]
)
def test_a_node_is_named_in_the_words_of_an_error(text: str, what: str) -> None:
    assert kind(value_of(text)) == what


@pytest.mark.parametrize("text", ["!include a", "!!python/name:os.system a", "!!set {a}", "!m {}"])
def test_a_type_beyond_yamls_plain_ones_is_told_apart(text: str) -> None:
    node = value_of(text)
    assert not has_plain_tag(node)
    assert node.tag in kind(node)


def test_variables_are_replaced_wherever_they_stand() -> None:
    values = {"HOST": "relay-1", "PORT": "24224"}
    assert expand("${HOST}:${PORT}/${HOST}", values) == "relay-1:24224/relay-1"


def test_a_value_is_not_expanded_a_second_time() -> None:
    assert expand("${A}", {"A": "${B}", "B": "no"}) == "${B}"


def test_a_variable_that_is_not_set_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"the variable \$\{NOPE\} is set neither"):
        expand("x${NOPE}", {"NOP": "1"})


@pytest.mark.parametrize("text", ["eql.alert.${rule.slug}", "a.${tag}", "${}", "$HOME", "${a-b}"])
def test_braces_that_hold_no_variables_name_stay_as_they_are(text: str) -> None:
    assert expand(text, {"tag": "not this", "HOME": "/root"}) == text


@given(st.text())
def test_text_without_a_dollar_is_never_changed(text: str) -> None:
    plain = text.replace("$", "")
    assert expand(plain, {}) == plain


def test_an_error_has_the_place_of_its_node() -> None:
    error = error_at(value_of("value"), "is wrong", "test.yaml")
    assert str(error) == "test.yaml:1:6: is wrong"


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("s3cret\n")
    assert expand(f"<${{file:{secret}}}>", {}) == "<s3cret>"


def test_a_secrets_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the file .*none cannot be read: .*No such file"):
        expand(f"${{file:{tmp_path}/none}}", {})

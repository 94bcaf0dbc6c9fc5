from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fluent_eql.errors import FilterError, SourceError
from fluent_eql.filter import EqlFilter
from fluent_eql.options import options_of
from fluent_eql.registry import RESERVED_KEYS, FilterRegistry
from fluent_eql.shim import PythonFilter, PythonOptions
from fluent_pipeline.config.forward import ForwardInputConfig, ForwardOutputConfig
from fluent_pipeline.config.parsers import User, permissions, user
from fluent_pipeline.config.schema import (
    INPUTS,
    OUTPUTS,
    FileOutputConfig,
    FilterConfig,
    FilterKeys,
    InputKeys,
    OutputKeys,
    Position,
    ServiceConfig,
    StdoutOutputConfig,
    default_output,
)
from fluent_pipeline.config.tags import EVERY_TAG
from fluent_pipeline.errors import ConfigError

SECOND = 10**9
SCHEMAS: list[type[Any]] = [ServiceConfig, *INPUTS.values(), *OUTPUTS.values()]


def parse(schema: type[Any], key: str, value: str) -> Any:
    return options_of(schema)[key][1].parse(value)


def test_the_service_has_fluent_bits_defaults_where_it_has_the_key() -> None:
    assert ServiceConfig() == ServiceConfig(
        log_level="info",
        http_server=False,
        http_listen="127.0.0.1",
        http_port=2020,
        grace=5 * SECOND,
        storage_path=None,
        mem_buf_limit=64_000_000,
    )


def test_the_forward_input_has_fluent_bits_defaults_and_a_name_of_its_own() -> None:
    assert ForwardInputConfig() == ForwardInputConfig(
        listen="0.0.0.0",
        port=24224,
        unix_path=None,
        unix_perm=None,
        buffer_max_size=64_000_000,
        decompressed_size_limit=256_000_000,
        tag_prefix="",
        shared_key=None,
        self_hostname="fluent-eql",
        users=(),
    )


def test_the_forward_output_has_fluent_bits_defaults_and_fluentds_ack_timeout() -> None:
    assert ForwardOutputConfig() == ForwardOutputConfig(
        host="127.0.0.1",
        port=24224,
        unix_path=None,
        upstream=None,
        require_ack_response=False,
        ack_response_timeout=190 * SECOND,
        shared_key=None,
        self_hostname="fluent-eql",
        username=None,
        password=None,
        storage_type="memory",
        storage_total_limit_size=1_000_000_000,
        storage_sync="full",
        entry_format="keep",
        compress="keep",
        chunk_limit_size=4_000_000,
        connect_timeout=10 * SECOND,
        retry_wait=SECOND,
        retry_max_interval=30 * SECOND,
    )


def test_without_outputs_everything_goes_to_stdout() -> None:
    output = default_output("a.yaml")
    assert (output.name, output.alias, output.match) == ("stdout", "stdout.0", EVERY_TAG)
    assert output.options == StdoutOutputConfig(format="json_lines")
    assert output.position == Position("a.yaml", 0, 0)


def test_the_file_output_writes_into_the_working_directory_by_default() -> None:
    assert FileOutputConfig() == FileOutputConfig(path=Path("."), file=None, format="json_lines")


@pytest.mark.parametrize("schema", [*SCHEMAS, InputKeys, OutputKeys, FilterKeys, PythonOptions])
def test_every_key_is_in_lower_case_and_says_what_it_means(schema: type[Any]) -> None:
    for key, (_, spec) in options_of(schema).items():
        assert key == key.lower()
        assert spec.help.strip() == spec.help != ""


def test_the_registry_reserves_exactly_the_keys_that_every_filter_has() -> None:
    assert set(options_of(FilterKeys)) == RESERVED_KEYS


@pytest.mark.parametrize("schema", [*INPUTS.values(), *OUTPUTS.values()])
def test_no_key_of_a_plugin_hides_one_that_all_have(schema: type[Any]) -> None:
    common = InputKeys if schema in INPUTS.values() else OutputKeys
    assert not set(options_of(schema)) & set(options_of(common))


@pytest.mark.parametrize(
    ("schema", "key", "text", "value"),
    [
        (ServiceConfig, "log_level", "WARN", "warn"),
        (ServiceConfig, "http_server", "On", True),
        (ServiceConfig, "http_port", "0", 0),
        (ServiceConfig, "grace", "0", 0),
        (ServiceConfig, "mem_buf_limit", "64M", 64_000_000),
        (ForwardInputConfig, "port", "0", 0),
        (ForwardInputConfig, "buffer_max_size", "4MiB", 4 * 2**20),
        (ForwardInputConfig, "unix_perm", "0660", 0o660),
        (ForwardOutputConfig, "net.connect_timeout", "500ms", SECOND // 2),
        (StdoutOutputConfig, "format", "JSON_lines", "json_lines"),
    ],
)
def test_values_are_read_in_fluent_bits_units(
    schema: type[Any], key: str, text: str, value: object
) -> None:
    assert parse(schema, key, text) == value


@pytest.mark.parametrize(
    ("schema", "key", "text"),
    [
        (ServiceConfig, "log_level", "trace"),
        (ServiceConfig, "http_port", "65536"),
        (ServiceConfig, "mem_buf_limit", "0"),
        (ForwardInputConfig, "listen", ""),
        (ForwardInputConfig, "buffer_max_size", "0"),
        (ForwardOutputConfig, "port", "0"),
        (ForwardOutputConfig, "ack_response_timeout", "0s"),
        (ForwardOutputConfig, "retry_wait", "0"),
        (StdoutOutputConfig, "format", "msgpack"),
    ],
)
def test_values_that_cannot_work_are_refused(schema: type[Any], key: str, text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(schema, key, text)


@pytest.mark.parametrize(("text", "mode"), [("0660", 0o660), ("660", 0o660), ("0o777", 0o777)])
def test_permissions_are_octal(text: str, mode: int) -> None:
    assert permissions(text) == mode


@pytest.mark.parametrize("text", ["", "66", "0888", "rw-rw----", "01777", "0x1ff"])
def test_other_permissions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected octal permissions such as 0660"):
        permissions(text)


def test_a_user_is_a_name_and_a_password_that_may_hold_spaces() -> None:
    assert user("alice  correct horse \n") == User("alice", "correct horse")


@pytest.mark.parametrize("text", ["", "alice", "alice  "])
def test_a_user_without_a_password_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a user's name and password"):
        user(text)


def test_secrets_are_not_shown() -> None:
    shown = repr(
        [
            ForwardInputConfig(shared_key="s3cret", users=(User("alice", "s3cret"),)),
            ForwardOutputConfig(shared_key="s3cret", username="alice", password="s3cret"),
        ]
    )
    assert "alice" in shown
    assert "s3cret" not in shown


def test_a_user_may_be_listed_once() -> None:
    with pytest.raises(ValueError, match="a user's name is given twice"):
        ForwardInputConfig(users=(User("alice", "a"), User("alice", "b")))


def test_a_username_without_the_handshake_it_is_for_is_refused() -> None:
    with pytest.raises(ValueError, match="username needs shared_key"):
        ForwardOutputConfig(username="alice", password="a")
    with pytest.raises(ValueError, match="password needs username"):
        ForwardOutputConfig(shared_key="k", password="a")


def configured(plugin: Any, options: Any) -> FilterConfig:
    return FilterConfig(
        name="sample",
        alias="sample.0",
        match=EVERY_TAG,
        tag_prefix="",
        plugin=plugin,
        options=options,
        position=Position("a.yaml", 3, 7),
        culprit="filter sample (sample-package 1.0)",
    )


def test_a_filter_is_made_of_its_options() -> None:
    registry = FilterRegistry()
    registry.register("sample", PythonFilter)
    code = "def f(tag, timestamp, record): return 0, 0, 0"
    made = configured(registry.get("sample"), PythonOptions(call="f", code=code)).make()
    assert isinstance(made, PythonFilter)


def test_a_filter_that_cannot_be_made_is_an_error_at_its_section() -> None:
    with pytest.raises(ConfigError) as caught:
        configured(PythonFilter, PythonOptions(call="f", code="x = 1\ny = ]")).make()
    error = caught.value
    assert (error.source, error.line, error.column) == ("a.yaml", 3, 7)
    assert error.message.startswith("filter sample cannot be made:\n<code>:2: ")
    assert isinstance(error.__cause__, FilterError)


def test_a_wrong_rule_keeps_its_own_place_in_the_filters_error(tmp_path: Path) -> None:
    rule = tmp_path / "r.toml"
    rule.write_text(
        '[rule]\nrule_id = "r"\nname = "R"\nseverity = "low"\nrisk_score = 1\n'
        'query = "process where x =="\n'
    )
    with pytest.raises(ConfigError) as caught:
        configured(EqlFilter, EqlFilter.Options(rules=(rule,))).make()
    assert f"{rule}:6:" in caught.value.message
    assert not isinstance(caught.value, SourceError)


def test_a_plugin_that_fails_is_named_with_its_package() -> None:
    class Broken:
        Options = PythonOptions

        @classmethod
        def create(cls, options: Any) -> Any:
            raise KeyError("x")

    with pytest.raises(ConfigError, match=r"filter sample \(sample-package 1\.0\): create failed"):
        configured(Broken, PythonOptions(call="f")).make()


def test_rotation_needs_the_name_of_a_file() -> None:
    for settings in ({"rotate_size": 1}, {"rotate_time": SECOND}):
        assert FileOutputConfig(file="a", **settings).rotate_keep == 5
        with pytest.raises(ValueError, match="need file"):
            FileOutputConfig(**settings)

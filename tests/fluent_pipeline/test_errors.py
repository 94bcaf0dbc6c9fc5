from __future__ import annotations

import pytest

from fluent_pipeline.errors import (
    ConfigError,
    FluentPipelineError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
)


def test_a_configuration_error_prints_file_line_and_column() -> None:
    error = ConfigError("unknown key 'prot'", source="relay.yaml", line=3, column=7)
    assert str(error) == "relay.yaml:3:7: unknown key 'prot'"


def test_a_configuration_error_without_a_place_prints_the_file() -> None:
    assert str(ConfigError("no such file", source="relay.yaml")) == "relay.yaml: no such file"


def test_a_protocol_error_prints_where_in_the_peers_bytes_it_is() -> None:
    error = RemoteProtocolError("malformed msgpack", 1234)
    assert str(error) == "malformed msgpack (at byte 1234)"
    assert (error.message, error.offset) == ("malformed msgpack", 1234)


@pytest.mark.parametrize("kind", [LocalProtocolError, RemoteProtocolError])
def test_whose_fault_it_is_can_be_told_and_need_not_be(kind: type[Exception]) -> None:
    assert issubclass(kind, ProtocolError)
    assert issubclass(ProtocolError, FluentPipelineError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)

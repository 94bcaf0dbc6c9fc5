from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fluent_pipeline.config.forward import ForwardInputConfig, ForwardOutputConfig, NodeKeys
from fluent_pipeline.config.parsers import User

FILE = Path("ca.pem")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"tls": True}, "tls needs tls.crt_file"),
        (
            {"tls": True, "tls_crt_file": FILE, "tls_verify_client_cert": True},
            "tls.verify_client_cert needs tls.ca_file",
        ),
        ({"users": (User("a", "b"), User("a", "c"))}, "a user's name is given twice"),
    ],
)
def test_settings_of_an_input_that_cannot_go_together_are_refused(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        ForwardInputConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"username": "ann"}, "username needs shared_key"),
        ({"shared_key": "k", "password": "pw"}, "password needs username"),
    ],
)
def test_settings_of_an_output_that_cannot_go_together_are_refused(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        ForwardOutputConfig(**settings)


def test_secrets_are_not_printed() -> None:
    settings = {"shared_key": "s3cret", "tls_key_passwd": "s3cret"}
    assert "s3cret" not in repr(ForwardInputConfig(**settings))  # type: ignore[arg-type]
    output = ForwardOutputConfig(**settings, username="ann", password="s3cret")  # type: ignore[arg-type]
    assert "s3cret" not in repr(output)


def test_tls_is_checked_unless_it_is_told_not_to_be() -> None:
    assert (ForwardOutputConfig().tls_verify, ForwardOutputConfig().tls_verify_hostname) == (
        True,
        True,
    )
    assert ForwardInputConfig().tls_min_version == ForwardOutputConfig().tls_min_version


def test_a_node_has_an_even_share_and_is_no_standby_by_default() -> None:
    assert (NodeKeys(name="a").weight, NodeKeys(name="a").standby) == (1.0, False)

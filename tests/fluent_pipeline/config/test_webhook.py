from __future__ import annotations

from pathlib import Path

import pytest

from fluent_pipeline.config import WebhookOutputConfig, parse_config
from fluent_pipeline.config.parsers import Header
from fluent_pipeline.errors import ConfigError


def parsed(section: str, **environ: str) -> WebhookOutputConfig:
    text = "pipeline:\n  outputs:\n    - name: webhook\n" + section
    (output,) = parse_config(text, environ=environ).outputs
    assert isinstance(output.options, WebhookOutputConfig)
    return output.options


def test_the_secret_and_the_url_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    section = f"      url: ${{HOOK}}\n      secret: ${{file:{file}}}\n"
    options = parsed(section, HOOK="https://h/x")
    assert (options.url, options.secret) == ("https://h/x", "s3cret")


def test_headers_are_texts_or_maps() -> None:
    section = "      url: http://h/\n      header:\n        - A one\n        - B: two\n"
    assert parsed(section).header == (Header("A", "one"), Header("B", "two"))


def test_a_header_given_twice_is_refused() -> None:
    section = "      url: http://h/\n      header: [X a, x b]\n"
    with pytest.raises(ConfigError, match="a header's name is given twice"):
        parsed(section)


def test_a_webhook_needs_a_url() -> None:
    with pytest.raises(ConfigError, match="the key url is missing"):
        parsed("      secret: k\n")


def test_neither_url_nor_secret_nor_header_is_printed() -> None:
    options = WebhookOutputConfig(
        url="https://h/s3cret", secret="s3cret", header=(Header("A", "s3cret"),)
    )
    assert "s3cret" not in repr(options)

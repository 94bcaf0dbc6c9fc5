"""Configurations for the container image, read where there is no container."""

from __future__ import annotations

import re
from pathlib import Path

from fluent_pipeline.app import Relay
from fluent_pipeline.config import Config, ForwardInputConfig, ForwardOutputConfig, parse_config

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
RULES = "/etc/fluent-eql/rules"
STORAGE = "/var/lib/fluent-eql"
USER = 10001


def config_in_image(text: str, folder: Path) -> Config:
    """What a configuration means inside the image; ``folder`` stands for that of its storage.

    The image's rules are those of conf/rules, and a secret in a file is any text.
    """
    assert f"COPY conf/rules {RULES}" in DOCKERFILE
    assert f"VOLUME {STORAGE}" in DOCKERFILE
    outside = text.replace(RULES, str(ROOT / "conf/rules")).replace(STORAGE, str(folder))
    config = parse_config(re.sub(r"\$\{file:[^}]+\}", "secret", outside), environ={}, folder=folder)
    Relay(config)
    return config


def the_input(config: Config) -> ForwardInputConfig:
    """The options of a configuration's one input."""
    (item,) = config.inputs
    assert isinstance(item.options, ForwardInputConfig)
    return item.options


def the_output(config: Config) -> ForwardOutputConfig:
    """The options of a configuration's one output."""
    (item,) = config.outputs
    assert isinstance(item.options, ForwardOutputConfig)
    return item.options

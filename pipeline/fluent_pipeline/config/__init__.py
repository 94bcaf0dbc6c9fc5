"""The configuration: Fluent Bit's YAML as typed, frozen values.

``load_config`` reads a file, ``parse_config`` a text. Sections are ``env``, ``service`` and
``pipeline`` with ``inputs``, ``filters`` and ``outputs``; :mod:`fluent_pipeline.config.schema`
lists their keys. Everything wrong is a ConfigError with file, line and column.
"""

from __future__ import annotations

from fluent_pipeline.config.forward import ForwardInputConfig, ForwardOutputConfig, TargetNode
from fluent_pipeline.config.loader import load_config, parse_config
from fluent_pipeline.config.parsers import User
from fluent_pipeline.config.schema import (
    Config,
    FileOutputConfig,
    FilterConfig,
    InputConfig,
    OutputConfig,
    OutputOptions,
    Position,
    ServiceConfig,
    StdoutOutputConfig,
)
from fluent_pipeline.config.tags import TagMatch
from fluent_pipeline.config.webhook import WebhookOutputConfig

__all__ = [
    "Config",
    "FileOutputConfig",
    "FilterConfig",
    "ForwardInputConfig",
    "ForwardOutputConfig",
    "InputConfig",
    "OutputConfig",
    "OutputOptions",
    "Position",
    "ServiceConfig",
    "StdoutOutputConfig",
    "TagMatch",
    "TargetNode",
    "User",
    "WebhookOutputConfig",
    "load_config",
    "parse_config",
]

"""``fluent-eql run``: the relay."""

from __future__ import annotations

import argparse
import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Any

from fluent_pipeline.app import Relay, serve, settle_memory
from fluent_pipeline.config import load_config
from fluent_pipeline.workers.supervisor import run_workers

log = logging.getLogger(__name__)

LEVELS = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
DEFAULT_CONFIG = Path("conf", "fluent-eql.yaml")


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "run",
        help="relay forward streams through the filters",
        description="Relay forward streams through the configured filters until SIGTERM.",
    )
    command.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        default=DEFAULT_CONFIG,
        help=f"configuration in Fluent Bit's YAML (default: {DEFAULT_CONFIG})",
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Serve until SIGTERM. Raises ConfigError, RuleErrors and OSError."""
    read = partial(load_config, options.config)
    config = read()
    set_up_logging(config.service.log_level)
    for note in config.notes:
        log.info("%s", note)
    if config.service.workers > 1:
        return run_workers(config, read)
    relay = Relay(config, read_again=read)
    settle_memory()
    asyncio.run(serve(relay))
    return 0


def set_up_logging(level: str) -> None:
    """Log to the standard error, in the layout of Fluent Bit."""
    logging.addLevelName(logging.WARNING, "warn")
    logging.addLevelName(logging.INFO, "info")
    logging.addLevelName(logging.ERROR, "error")
    logging.addLevelName(logging.DEBUG, "debug")
    logging.basicConfig(
        level=LEVELS[level],
        format="[%(asctime)s] [%(levelname)5s] %(message)s",
        datefmt="%Y/%m/%d %H:%M:%S",
    )

"""YAML text as a tree of nodes that know their line and column.

Only YAML's own plain types are read: a scalar is its text, whatever YAML would make of it, and
the option's parser decides what it means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from fluent_pipeline.errors import ConfigError

VARIABLE = re.compile(r"\$\{(file:[^}]+|[A-Za-z_][A-Za-z0-9_]*)\}")
FILE = "file:"
"""Before the path of a file whose text is meant, such as ``${file:/run/secrets/key}``."""

PLACEHOLDERS = frozenset({"tag"})
"""Names that options use for texts of their own, as in ``alert_tag: alerts.${tag}``."""

PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "seq", "map", "merge")
)


def compose(text: str, source: str) -> yaml.Node | None:
    """The root node of a YAML document; None for an empty one.

    Raises ConfigError where the text is not one YAML document.
    """
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, source) from error
    except yaml.reader.ReaderError as error:
        raise _character_error(error, text, source) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {' '.join(str(error).split())}", source=source) from error
    except RecursionError as error:
        raise ConfigError("not usable: nested too deeply", source=source) from error


def is_null(node: yaml.Node) -> bool:
    """Whether a value is left out: nothing, ``~`` or ``null``."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def has_plain_tag(node: yaml.Node) -> bool:
    """Whether a node carries no type of the user's own, such as ``!include``."""
    return node.tag in PLAIN_TAGS


def kind(node: yaml.Node) -> str:
    """What a node is, in an error's words."""
    if not has_plain_tag(node):
        return f"the YAML type {node.tag}, which is not supported"
    if isinstance(node, yaml.MappingNode):
        return "a map"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if is_null(node) else "a single value"


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of variables in the place of ``${NAME}``, and texts of files likewise.

    Text in braces that is no name of a variable, such as ``${rule.slug}``, stays as it is, and
    so do the names in ``PLACEHOLDERS``. Raises ValueError for a variable that is not set and for
    a file that cannot be read; white space at the end of a file's text is not part of it.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] in PLACEHOLDERS:
            return found[0]
        if found[1].startswith(FILE):
            return _text_of(Path(found[1].removeprefix(FILE)))
        try:
            return variables[found[1]]
        except KeyError:
            raise ValueError(
                f"the variable ${{{found[1]}}} is set neither in the environment nor under env"
            ) from None

    return VARIABLE.sub(value, text)


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file {path} cannot be read: {error}") from error


def error_at(node: yaml.Node, message: str, source: str) -> ConfigError:
    """An error with the position of a node."""
    mark = node.start_mark
    return ConfigError(message, source=source, line=mark.line + 1, column=mark.column + 1)


def _syntax_error(error: yaml.MarkedYAMLError, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    parts = [part for part in (error.context, error.problem) if part]
    message = f"not YAML: {', '.join(parts)}"
    if "alias" in message:
        message += " (a value that begins with * must be quoted: '*')"
    if "mapping values are not allowed" in message:
        message += " (a value with a colon and a space in it must be quoted as a whole)"
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return ConfigError(message, source=source, line=line, column=column)


def _character_error(error: yaml.reader.ReaderError, text: str, source: str) -> ConfigError:
    before = text[: error.position]
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    message = f"not YAML: the character U+{ord(text[error.position]):04X} may not stand in it"
    return ConfigError(message, source=source, line=line, column=column)

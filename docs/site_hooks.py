"""What the site needs beyond the pages: files of the project that they point at.

Pages link to files outside of docs/ as they lie in the repository, `../conf/fluent-eql.yaml`. The
site has a copy of each, under the same path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(\.\./([^)#]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add the files that pages point at. Raises PluginError where one is not there."""
    for page in list(files.documentation_pages()):
        for name in LINK.findall(page.content_string):
            if not (ROOT / name).is_file():
                raise PluginError(f"{page.src_uri}: no file {name}")
            if files.get_file_from_path(name) is None:
                files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point at the copies."""
    return LINK.sub(r"](\1", markdown)

"""Sphinx configuration: `make docs`, or `sphinx-build -W docs build/docs` with the extra [docs] installed."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_metadata = configparser.ConfigParser()
_metadata.read(ROOT / "setup.cfg", encoding="utf-8")

project = "unity_depth_perception"
author = _metadata["metadata"]["author"]
copyright = author
version = release = _metadata["metadata"]["version"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks show the output that they were saved with; a test executes them
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = f"Unity depth perception {release}"
html_copy_source = False
html_show_sourcelink = False

_NOTEBOOK_LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)*notebooks/(\w+)\.ipynb\)")
_MARKDOWN_LINK = re.compile(r"\[([^\]]+)\]\(([^):#]+\.md)(?:#[^)]*)?\)")


def _adapt_links(app: Any, name: str, source: list[str]) -> None:
    """Adapt links that lead out of docs/ for GitHub: notebooks are pages of the site, Markdown files are downloads."""
    docs = ROOT / "docs"
    folder = (docs / name).parent

    def offered(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        return link[0] if docs in target.parents or not target.is_file() else f"{{download}}`{link[1]} <{link[2]}>`"

    source[0] = _NOTEBOOK_LINK.sub(r"{doc}`\1 </notebooks/\2>`", _MARKDOWN_LINK.sub(offered, source[0]))


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _adapt_links)

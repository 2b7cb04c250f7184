"""Sphinx configuration: `make docs`, or `sphinx-build -W docs build/docs` with the extra [docs] installed.

rosdoc2, which makes the pages of docs.ros.org, executes this file from a folder of its own into which it has copied
`docs`; it may lack myst_nb (then the notebooks are left out), and it sets theme and version itself.
"""

from __future__ import annotations

import configparser
import importlib.util
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
SETUP = DOCS.parent / "setup.cfg"

project = "unity_depth_perception"
if SETUP.is_file():
    _metadata = configparser.ConfigParser()
    _metadata.read(SETUP, encoding="utf-8")
    author = copyright = _metadata["metadata"]["author"]
    version = release = _metadata["metadata"]["version"]
    html_title = f"Unity depth perception {release}"

_HAS_NOTEBOOKS = importlib.util.find_spec("myst_nb") is not None
extensions = ["myst_nb" if _HAS_NOTEBOOKS else "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
_OF_ROSDOC2 = ["*.rst", "interfaces", "standard_docs"]
exclude_patterns = _OF_ROSDOC2 if _HAS_NOTEBOOKS else [*_OF_ROSDOC2, "notebooks"]
rosdoc2_settings = {"support_markdown": False}  # a second Markdown parser
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks show the output that they were saved with; a test executes them
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False

_NOTEBOOK_LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)*notebooks/(\w+)\.ipynb\)")
_MARKDOWN_LINK = re.compile(r"\[([^\]]+)\]\(([^):#]+\.md)(?:#[^)]*)?\)")


def _adapt_links(app: Any, name: str, source: list[str]) -> None:
    """Adapt links that lead out of docs/ for GitHub: notebooks are pages of the site, Markdown files are downloads."""
    folder = (DOCS / name).parent

    def offered(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if DOCS in target.parents:
            return link[0]
        return f"{{download}}`{link[1]} <{link[2]}>`" if target.is_file() else link[1]

    notebook = r"{doc}`\1 </notebooks/\2>`" if _HAS_NOTEBOOKS else r"\1"
    source[0] = _NOTEBOOK_LINK.sub(notebook, _MARKDOWN_LINK.sub(offered, source[0]))


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _adapt_links)

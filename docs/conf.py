"""How Sphinx builds these pages: from Markdown, with nothing fetched to show one."""

from importlib.metadata import version as installed_version

project = "routercore"
author = copyright = "The routercore authors"
version = release = installed_version("routercore")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist", "fieldlist", "colon_fence"]
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"  # its fonts are the reader's own: no page asks another host for anything
html_title = f"routercore {version}"
html_show_sphinx = False
html_copy_source = False

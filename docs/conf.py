"""How Sphinx makes the site of the pages that docs/site.py puts together."""

project = html_title = "xstilts"
author = "the xstilts maintainers"
extensions = ["myst_parser"]
myst_heading_anchors = 4  # links to a heading, as #the-plan, are checked as links to pages are
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_copyright = False

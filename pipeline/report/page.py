"""The report as one HTML file that loads nothing from elsewhere."""

import base64
import html as escape
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert as to_mathml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from pipeline.files import formats

# The only HTML that the Markdown may have, as a paragraph of its own: detail that folds away.
FOLDED = re.compile(r"<details><summary>[^<>]*</summary>|</details>")
STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #222; max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 3rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; font-size: 14px; margin: 1rem 0; display: block;
        overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; }
td { white-space: nowrap; }
img { max-width: 100%; height: auto; }
code { background: #f3f3f3; padding: 0 0.2em; }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0; }
math { font-size: 1.1em; } div.math { margin: 1rem 0; }
"""


def html(markdown: str, folder: Path) -> str:
    """The Markdown as HTML, under its first heading as title.

    Formulae between dollar signs become MathML; HTML in the Markdown is shown as text, but
    for FOLDED. Its pictures are PNG files, by their paths relative to `folder`.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.use(dollarmath_plugin, double_inline=True, renderer=_mathml)
    tokens = parser.parse(markdown)
    for before, token, after in zip(tokens, tokens[1:], tokens[2:]):
        if token.type == "inline" and FOLDED.fullmatch(token.content):
            token.type = "html_block"
            before.hidden = after.hidden = True  # the paragraph around it
        for child in token.children or []:
            if child.type == "image":
                picture = formats.read_bytes(folder / str(child.attrs["src"]))
                child.attrs["src"] = "data:image/png;base64," + base64.b64encode(picture).decode()
    body = parser.renderer.render(tokens, parser.options, {})
    title = escape.escape(markdown.partition("\n")[0].removeprefix("# "))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
{body}</body>
</html>
"""


def _mathml(formula: str, options: Mapping[str, Any]) -> str:
    # The converter would pass markup inside \text through.
    formula = formula.replace("<", r"\lt ").replace(">", r"\gt ")
    return to_mathml(formula, display="block" if options["display_mode"] else "inline")

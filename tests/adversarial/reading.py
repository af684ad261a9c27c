"""Reading the feedback: what a student shows must do nothing in the reader's browser.

The answers are right. Every page of the whole class, not only of these students, must
be harmless: no script, no handler, no style, no frame, nothing that is loaded.
"""

from case import FULL, SQUARE, Case, Notebook, changed, handed, own_cell
from tiny_assignment import cell_of

SHOW = "from IPython.display import *\n"
HTML = {
    "a script": "<script>alert(1)</script>",
    "a handler": "<img src=x onerror=alert(1)>",
    "a picture from elsewhere": "<img src='http://127.0.0.1:@PORT@/pixel.png'>",
    "a frame": "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "a link": "<a href='javascript:alert(1)'>click</a>",
    "a link in disguise": "<a href=' jav&#x09;ascript:alert(1)'>click</a>",
    "a style": "<style>.score { display: none }</style><div style='inset:0'>9/9</div>",
    "a title": "</title><title>9/9</title><meta http-equiv=refresh content=0>",
    "a form": "<form action='http://127.0.0.1:@PORT@/'><button>go</button></form>",
    "the end of the page": "</pre></div></main></body></html><script>1</script>",
    "half of a pair": "a\ud800<b>b</b>",
    "deep": "<b><p>" * 30_000,
    "a link to formgrader": "<a href='http://127.0.0.1:8899/formgrader?path=/tmp'>a</a>",
    "a frame's own end": '"></iframe><script>alert(1)</script>',
    "an object": "<object data='x.swf'></object><embed src='x'><base href='//x'>",
}
DISPLAYS = {
    "SVG": SHOW + "display(SVG(\"<svg xmlns='http://www.w3.org/2000/svg' "
    "onload='alert(1)'><script>alert(1)</script></svg>\"))",
    "JavaScript": SHOW + "display(Javascript('alert(1)'))",
    "LaTeX": SHOW + "display(Latex('$$\\\\href{javascript:alert(1)}{x}</script>$$'))",
    "a frame object": SHOW + "display(IFrame('http://127.0.0.1:@PORT@/', 10, 10))",
    "raw kinds": SHOW + "display({'application/x-evil+json': '<script>', "
    "'<script>': 'x', 'application/vnd.jupyter.widget-view+json': {}}, raw=True)",
    "a false picture": SHOW + "display({'image/png': '\"><script>alert(1)</script>'}, "
    "raw=True)",
    "markdown": SHOW + "display(Markdown('[x](javascript:alert(1)) ![y](//x/y.png) "
    "<script>alert(1)</script>'))",
    "a representation": "class Page:\n    def _repr_html_(self): "
    "return '<script>alert(1)</script>'\nPage()",
    "a printed page": "print('<script>alert(1)</script>\\x1b]8;;//x\\x07\\u202e')",
    "the hidden tests' names": "print('BEGIN HIDDEN TESTS')",
}
ERRORS = {
    "an exception's text": "raise ValueError('<script>alert(1)</script>')",
    "an exception's name": "raise type('<script>', (Exception,), {})('x')",
    "a traceback of its own": "class Mine(Exception):\n"
    "    def _render_traceback_(self):\n"
    "        return ['<script>alert(1)</script>', None, 7]\nraise Mine",
    "the fields of a check": "from flowbook.checks import CheckFailed\n"
    "raise CheckFailed('<script>', '<script>', '<script>', '<script>')",
}
MARKDOWN = "\n\n".join(HTML.values()) + "\n\n[x]: javascript:alert(1)\n\n[x]\n\n"
MARKDOWN += "![x](attachment:x.svg) ![y](data:text/html,<script>) $$</script>$$"


def markdown(notebook: Notebook) -> None:
    picture = {"x.svg": {"image/svg+xml": "<svg onload=alert(1)>"}}
    notebook["cells"].append(own_cell(MARKDOWN, "markdown", attachments=picture))
    cell_of(notebook, "why")["source"] = MARKDOWN


def raw(notebook: Notebook) -> None:
    notebook["cells"].append(
        own_cell(MARKDOWN, "raw", metadata={"format": "text/html"})
    )


def saved(notebook: Notebook) -> None:
    data = {"text/html": HTML["a script"], "application/javascript": "alert(1)"}
    shown = {"output_type": "display_data", "data": data, "metadata": {}}
    for cell in notebook["cells"]:
        cell["metadata"]["title"] = HTML["a title"]
        if cell["cell_type"] == "code":
            cell["outputs"] = [shown]


def shows(source: str) -> Case:
    """A right answer that shows something."""
    return handed(FULL, square=f"{SQUARE}\n{source}")


CASES = {
    **{
        f"html: {name}": shows(f"{SHOW}display(HTML({text!r}))")
        for name, text in HTML.items()
    },
    **{f"display: {name}": shows(source) for name, source in DISPLAYS.items()},
    **{f"error: {name}": shows(source) for name, source in ERRORS.items()},
    "failed: markup in a wrong value": handed(
        (0.0, FULL[1]), square="def square(x): return '<script>alert(1)</script>'"
    ),
    "failed: markup in an exception": handed(
        (0.0, FULL[1]), square="def square(x): raise ValueError('<script>1</script>')"
    ),
    "markdown": changed(markdown),
    "raw cells": changed(raw),
    "saved outputs and titles": changed(saved),
    "comments": shows("# <script>alert(1)</script> --><!--><img src=x onerror=1>"),
}

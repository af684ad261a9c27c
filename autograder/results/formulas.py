"""A formula in TeX as MathML, which a page shows without a script or a font of its own.

latex2mathml translates, and takes what it finds for granted: `\\href` and `\\style`
become attributes. So its answer is read, and built anew from short lists of elements
and attributes. What is on neither list, or was not understood, stays TeX.
"""

import re
import xml.etree.ElementTree as ET
from html import unescape

from latex2mathml.converter import convert
from markupsafe import Markup

MAX_TEX = 2_000  # characters of one formula
NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
# fmt: off
ELEMENTS = {
    "mfrac", "mi", "mn", "mo", "mover", "mphantom", "mroot", "mrow", "mspace", "msqrt",
    "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder",
    "munderover",
}
# fmt: on
WORDS = ("accent", "columnalign", "displaystyle", "fence", "form", "linethickness")
WORDS += ("mathvariant", "movablelimits", "scriptlevel", "separator", "stretchy")
LENGTHS = ("width", "minsize", "maxsize")
WORD = re.compile(r"[a-z0-9-]{1,20}(?: [a-z]{1,8}){0,9}")
LENGTH = re.compile(r"\d?(?:\.\d{1,4})?em")  # below 10 em, and never back over others
ROW_LIKE = ("math", "mrow", "mstyle", "msqrt", "mtd")
NAMED = re.compile(r"[a-z]{2,8}")  # log, exp: the name of a function, then its argument
# Rows with signs of alignment, which the translator knows in arrays alone.
ROWS = re.compile(
    r"\\(begin|end)\{(?:align(?:ed|at)?|split|eqnarray|gather(?:ed)?)\*?\}"
)
SHOWN = re.compile(r'<code class="tex( display)?">(.*?)</code>', re.DOTALL)


def with_formulas(html: str) -> Markup:
    """Set the formulas of sanitised HTML, which `sanitise.tex_html` has marked."""

    def put(found: re.Match[str]) -> str:
        tex = unescape(found[2])
        return mathml(tex, display=found[1] is not None) or found[0]

    return Markup(SHOWN.sub(put, html))


def mathml(tex: str, *, display: bool = False) -> Markup | None:
    """MathML of a formula, its TeX as an annotation; None where that is not sure."""
    if len(tex) > MAX_TEX:
        return None
    ready = ROWS.sub(_as_array, tex)
    try:
        # Whatever the translator raises on damaged TeX: then it stays TeX.
        root = ET.fromstring(convert(ready, display="block" if display else "inline"))
        made = _row(root)
    except Exception:
        return None
    kind = Markup(' display="block"') if display else ""
    return Markup(
        "<math{}><semantics><mrow>{}</mrow>"
        '<annotation encoding="application/x-tex">{}</annotation></semantics></math>'
    ).format(kind, made, tex)


def _as_array(found: re.Match[str]) -> str:
    columns = "{rlrlrlrl}" if found[1] == "begin" else ""
    return f"\\{found[1]}{{array}}{columns}"


def _row(element: ET.Element) -> Markup:
    """The children of an element, those that stand side by side if it is a row."""
    is_row = element.tag.removeprefix(NAMESPACE) in ROW_LIKE
    gap = Markup('<mspace width="0.167em"></mspace>')
    return Markup("").join(
        _rebuilt(child) + (gap if is_row and NAMED.fullmatch(child.text or "") else "")
        for child in element
    )


def _rebuilt(element: ET.Element) -> Markup:
    """The same element of known parts; ValueError where one is not known."""
    name = element.tag.removeprefix(NAMESPACE)
    text = element.text or ""
    if name not in ELEMENTS or "\\" in text:
        raise ValueError(f"MathML that formulas do not need: {name} {text}")
    start = Markup("").join(
        Markup(' {}="{}"').format(key, value)
        for key, value in element.attrib.items()
        if (key in WORDS and WORD.fullmatch(value))
        or (key in LENGTHS and LENGTH.fullmatch(value))
    )
    return Markup("<{0}{1}>{2}{3}</{0}>").format(name, start, text, _row(element))

"""What a student wrote or printed, as HTML that can do nothing.

Every text goes through `plain`; markdown and HTML then go through nh3, which keeps a
short list of tags and no `style`, `class` or `id`: a student's text can neither run a
script, nor load a thing, nor look like the grader's own words. Pictures are decoded and
encoded again, so that what reaches the page is an image and only an image.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from PIL import Image, ImageOps
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.results.formulas import with_formulas

MAX_TEXT = 20_000  # characters of one source or one output
MAX_IMAGE = 12_000_000  # characters of base64
MAX_PIXELS = 30_000_000  # a phone's photograph of a derivation has 12 to 25 million
SIDE = 1_400  # pixels; larger pictures are shrunk

# fmt: off
TAGS = {
    "a", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "h1", "h2",
    "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li", "ol", "p", "pre", "s", "strong",
    "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}
SWALLOWED = {
    "iframe", "math", "noscript", "object", "script", "style", "svg", "template",
    "title",
}
# fmt: on
LINKS = ("https://", "http://", "mailto:")
PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)?")
# Control characters, lone surrogates, and the marks that reorder text on the screen.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def joined(text: object) -> str:
    """The text of a notebook's field: a string, or a list of strings."""
    if isinstance(text, list):
        return "".join(part for part in text if isinstance(part, str))
    return text if isinstance(text, str) else ""


def plain(text: str) -> str:
    """Text as a terminal would leave it: no escapes, progress bars at their last state.

    Longer text than MAX_TEXT is cut, and says so.
    """
    cut = len(text) - MAX_TEXT
    text = ESCAPES.sub("", text[:MAX_TEXT]).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    text = UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", "\n".join(lines))
    return f"{text}\n… {cut:,} more characters are not shown." if cut > 0 else text


def text_html(text: str) -> Markup:
    """Plain text, in its own lines."""
    return Markup('<pre class="text">{}</pre>').format(plain(text))


def code_html(source: str) -> Markup:
    """Python source, with highlighted syntax."""
    formatter = HtmlFormatter(nowrap=True)
    shown = highlight(plain(source), PythonLexer(), formatter)
    return Markup(f'<pre class="code">{shown}</pre>')


def tex_html(tex: str, kind: str = "tex") -> Markup:
    """A formula as its TeX source, marked for `with_formulas`."""
    text = tex.strip().strip("$").strip()
    return Markup('<code class="{}">{}</code>').format(kind, text)


def display_html(tex: str) -> Markup:
    """A formula on lines of its own, as its TeX source, marked in the same way."""
    return tex_html(tex, "tex display")


def _dollars(tex: str, options: Mapping[str, Any]) -> Markup:
    return (display_html if options["display_mode"] else tex_html)(tex)


def markdown_html(source: str, attachments: object = None, side: int = SIDE) -> Markup:
    """Markdown as sanitised HTML; pictures only from the cell's own attachments.

    They have at most `side` pixels a side.
    """
    pictures: set[str] = set()
    environment = {"attachments": attachments, "pictures": pictures, "side": side}
    html = _markdown().render(plain(source), environment)
    return with_formulas(clean_html(html, pictures))


def clean_html(html: str, pictures: set[str] = frozenset()) -> Markup:
    """Keep the harmless tags of some HTML; of images only the URIs in `pictures`."""

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if value.lower().startswith(LINKS) else None
        return value if name != "src" or value in pictures else None

    return Markup(
        nh3.clean(
            html,
            tags=TAGS | {"img"} if pictures else TAGS,
            clean_content_tags=SWALLOWED,
            attributes={"a": {"href"}, "img": {"src", "alt"}, "ol": {"start"}},
            attribute_filter=keep,
            allowed_classes={"code": {"tex", "display"}},
            url_schemes={"https", "http", "mailto", "data"},
            url_relative="deny",
            link_rel="noopener noreferrer nofollow",
        )
    )


def picture_uri(kind: str, encoded: str, side: int = SIDE) -> str | None:
    """A PNG, JPEG or GIF in base64 as a data: URI of the same picture, encoded anew.

    Returns None for what is not such a picture, or is too large to show.
    """
    if kind not in PICTURES or len(encoded) > MAX_IMAGE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of decompression bombs
            return _encoded_anew(kind, base64.b64decode(encoded), side)
    except (binascii.Error, Warning):
        return None
    except Exception:
        # Pillow's decoders raise a dozen kinds of errors on damaged files.
        return None


def output_html(output: Mapping[str, Any]) -> Markup:
    """One output of a code cell (nbformat 4): the safest rich form that it offers."""
    kind = output.get("output_type")
    if kind == "stream":
        return text_html(joined(output.get("text")))
    if kind == "error":
        name, value = joined(output.get("ename")), joined(output.get("evalue"))
        lines = output.get("traceback")
        lines = "\n".join(map(joined, lines)) if isinstance(lines, list) else ""
        return text_html(lines or f"{name}: {value}")
    data = output.get("data")
    return _data_html(data) if isinstance(data, Mapping) else Markup()


def _data_html(data: Mapping[str, Any]) -> Markup:
    for kind in PICTURES:
        if uri := picture_uri(kind, joined(data.get(kind))):
            return Markup('<img src="{}" alt="Picture drawn by this cell">').format(uri)
    for kind, show in RICH.items():
        text = joined(data.get(kind))
        if text.strip() and (shown := show(text)).striptags().strip():
            return shown
    if text := joined(data.get("text/plain")):
        return text_html(text)
    kinds = ", ".join(plain(str(kind))[:60] for kind in list(data)[:5])
    return Markup('<p class="note">An output ({}) is not shown here.</p>').format(kinds)


def _html(text: str) -> Markup:
    return Markup('<div class="prose">{}</div>').format(clean_html(plain(text)))


def _prose(text: str) -> Markup:
    return Markup('<div class="prose">{}</div>').format(markdown_html(text))


def _latex(text: str) -> Markup:
    return with_formulas(display_html(plain(text)))


RICH: dict[str, Callable[[str], Markup]] = {
    "text/html": _html,
    "text/markdown": _prose,
    "text/latex": _latex,
}


def _encoded_anew(kind: str, content: bytes, side: int) -> str | None:
    with Image.open(BytesIO(content), formats=[PICTURES[kind]]) as image:
        if image.width * image.height > MAX_PIXELS:
            return None
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((side, side))
        if upright.mode not in ("RGB", "RGBA", "L", "LA", "P", "1"):
            upright = upright.convert("RGB")
        bare = Image.new(upright.mode, upright.size)
        bare.paste(upright)  # pixels only: no comments, profiles or positions
        if upright.mode == "P":
            bare.putpalette(upright.getpalette())
        buffer = BytesIO()
        form = "jpeg" if kind == "image/jpeg" else "png"
        bare.save(buffer, form, quality=85)
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode()}"


@cache
def _markdown() -> MarkdownIt:
    # Thousands of link references would take this parser minutes.
    markdown = MarkdownIt("commonmark").disable("reference")
    markdown.enable(["table", "strikethrough"])
    markdown.use(amsmath_plugin, renderer=display_html)
    markdown.use(
        dollarmath_plugin,
        allow_space=False,
        allow_digits=False,
        double_inline=True,
        renderer=_dollars,
    )
    markdown.add_render_rule("image", _image)
    return markdown


def _image(self: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    token, uri = tokens[index], None
    attached = environment["attachments"]
    name = str(token.attrGet("src")).removeprefix("attachment:")
    data = attached.get(name) if isinstance(attached, Mapping) else None
    for kind in PICTURES if isinstance(data, Mapping) else ():
        picture = joined(data.get(kind))
        uri = uri or picture_uri(kind, picture, environment["side"])
    if uri is None:
        return str(escape(f"[picture not shown: {token.content}]"))
    environment["pictures"].add(uri)
    # As plain text: added to what stands before it, markup would escape that.
    return str(Markup('<img src="{}" alt="{}">').format(uri, token.content))

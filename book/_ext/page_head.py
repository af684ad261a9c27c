"""Sphinx: what a page says about itself where it is found or shared.

Its title and the book's name, a description, and the tags of a social card. The
description is the page's own, from its front matter,

    myst: {html_meta: {description: One or two sentences.}}

or else the beginning of its first paragraph. Addresses are absolute if `html: baseurl`
is set in _config.yml; a card needs that, a page does not.
"""

import re
from html import escape
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx

CARD = "_static/card.png"
ALT = "A normal density that a flow has folded into a density with two humps."
LONGEST = 200  # characters: search engines and cards show no more


def description(doctree: nodes.document) -> tuple[str, bool]:
    """The page's description, and whether its front matter gives it."""
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            return meta["content"], True
    paragraph = next(doctree.findall(is_running_text), None)
    return shortened(paragraph.astext()) if paragraph else "", False


def is_running_text(node: nodes.Node) -> bool:
    """Whether a node is a paragraph right under a heading, without mathematics."""
    if not isinstance(node, nodes.paragraph) or node.next_node(nodes.math):
        return False
    return isinstance(node.parent, nodes.section)


def shortened(text: str) -> str:
    """As many whole sentences as fit; of a longer first one, the words that fit."""
    text = " ".join(text.split())
    sentences = re.match(rf".{{1,{LONGEST}}}[.?!](?=\s|$)", text)
    if sentences or len(text) <= LONGEST:
        return sentences[0] if sentences else text
    return text[:LONGEST].rsplit(" ", 1)[0] + " …"


def fill(
    app: Sphinx, page: str, _: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Add the tags to the page's head."""
    if not doctree:
        return
    book, is_cover = app.config.project, page == app.config.root_doc
    title = re.sub(r"<.*?>", "", context["title"])
    if is_cover:  # the name first: "Flowbook — Generative models with a likelihood"
        context["title"], context["docstitle"] = f"{book} &#8212; {title}", ""
    text, is_given = description(doctree)
    image = context["pathto"](CARD, 1)
    tags = {
        "og:site_name": book,
        "og:type": "website" if is_cover else "article",
        "og:title": title,
        "og:description": text,
        "og:image": image,
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": ALT,
    }
    if base := app.config.html_baseurl:
        tags["og:image"] = urljoin(base, CARD)
        tags["og:url"] = context["pageurl"]
    lines = [f'<meta property="{k}" content="{escape(v)}" />' for k, v in tags.items()]
    lines.append('<meta name="twitter:card" content="summary_large_image" />')
    if not is_given:
        lines.append(f'<meta name="description" content="{escape(text)}" />')
    context["metatags"] += "\n    ".join(["", *lines])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

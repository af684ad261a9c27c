"""The frame of every page that the autograder writes: templates, style, and its policy.

A page is one file. Its content security policy allows the one style sheet inside it (by
hash) and pictures inside it, and nothing else: no request, and no script but the one of
ours that a page for the instructor may hold (by hash).
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pygments.formatters import HtmlFormatter

TEMPLATES = Path(__file__).parent / "templates"
LIGHT, DARK = "default", "github-dark"  # pygments' styles


def render(template: str, script: str = "", **context: Any) -> bytes:
    """Fill a template of results/templates and return the whole page, in UTF-8.

    `script` is a file there that sorts and filters; a student's page has none.
    """
    environment = _environment()
    if script:
        text = (TEMPLATES / script).read_text("utf-8")
        policy = _policy(environment.globals["style"], text)
        context |= {"script": Markup(text), "policy": policy}
    page = environment.get_template(template).render(context)
    return page.encode("utf-8", "replace")  # a lone surrogate cannot be written


def number(value: float | None) -> str:
    """A score as a person writes it: 3, 2.5, and a dash when there is none."""
    return "–" if value is None else f"{round(value, 2):g}"


def formgrader_link(submission: str | None, port: int) -> str | None:
    """Where formgrader shows a submission, by its number, while it is served here."""
    at = f"http://127.0.0.1:{port}/formgrader/submissions"
    return f"{at}/{submission}/" if submission else None


def seconds(value: float) -> str:
    """A duration as a person says it: 4 s, 2 min 5 s."""
    whole = round(value)
    if value < 10:
        return f"{value:.1f} s"
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def assignment_name(assignment: str) -> str:
    """`a1_change_of_variables` as `A1: change of variables`."""
    short, _, topic = assignment.partition("_")
    return f"{short.upper()}: {topic.replace('_', ' ')}" if topic else assignment


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = _style()
    environment.globals.update(style=Markup(style), policy=_policy(style), script="")
    environment.filters.update(
        number=number, seconds=seconds, assignment_name=assignment_name
    )
    return environment


def _style() -> str:
    light = HtmlFormatter(style=LIGHT).get_style_defs(".code")
    dark = HtmlFormatter(style=DARK).get_style_defs(".code")
    own = (TEMPLATES / "page.css").read_text("utf-8")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{own}"


def _policy(style: str, script: str = "") -> str:
    scripts = f"script-src {_hashed(script)}; " if script else ""
    return (
        f"default-src 'none'; img-src data:; style-src {_hashed(style)}; {scripts}"
        "base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"

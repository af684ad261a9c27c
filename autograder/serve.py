"""Formgrader on this machine alone, for the derivations that a person grades.

nbgrader's server extension, with eight changes. It listens on 127.0.0.1 and asks for a
token, and answers nothing that another page, or a student's part of one, asks for. Its
pages load nothing from elsewhere, which a content security policy enforces; what a
student handed in stands in sandboxed frames, with the marking scheme beside it. It says
nobody's name unless asked to, and keeps who gave which points. It starts no kernel, so
that nothing of a student's runs here. Its averages leave out what has no score. And its
buttons that would grade, release or write feedback in nbgrader's way are refused: they
would run students' code outside the sandbox, and show hidden tests.
"""

import logging
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from autograder.assignment.scheme import schemes
from autograder.averages import api
from autograder.course.folder import Course
from autograder.course.settings import settings
from autograder.marking.formgrader_api import (
    NAMING,
    STYLE,
    handlers,
    hide_names,
    share_of,
)
from autograder.model import CourseError
from autograder.own_requests import refuse_others

if TYPE_CHECKING:
    from jinja2 import Environment
    from jupyter_server.serverapp import ServerApp

# The book's copy, where this package lies beside it; without one TeX stays text.
MATHJAX = Path(__file__).resolve().parents[1] / "book" / "_static" / "mathjax"
# What a student handed in was written before this process chose it. So it is known to
# the scripts of the templates alone, and no other runs.
NONCE = secrets.token_urlsafe(24)
POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' 'nonce-{NONCE}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "frame-src 'none'",  # but for a document in the page itself
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)
REFUSED = (
    r"/formgrader/api/(?:assignment|submission)/.+/(?:assign|unrelease|release|collect"
    r"|generate_feedback|release_feedback|autograde)",
    r"/api/.*",
    # What a student handed in, as a page or a script of this very origin.
    r"/(?:files|view|nbconvert)/.*",
    r"/formgrader/submissions/[^/]+/(?!(?:next|prev)(?:_incorrect)?$).+",
)
DOOR = """<!doctype html><meta charset="utf-8"><title>Formgrader</title>
<p>Another page led here. <a href="{}">Go on in formgrader</a></p>
"""
SETTINGS = """
c = get_config()
if {own}:
    load_subconfig("nbgrader_config.py", path={root!r})
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = {name!r}
c.CourseDirectory.db_url = {url!r}
c.HTMLExporter.sanitize_html = True
"""
# On a narrow window a table scrolls by itself, and nothing covers what is read.
NARROW = """<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
@media (max-width: 767px) {
  body > .container-fluid > .row > .col-md-10 { overflow-x: auto }
  .jupyter-logo { display: none }
  .page-header { margin: 10px 0 }
  body > .navbar-fixed-top { position: static; margin-bottom: 10px }
  body:has(> .navbar-fixed-top) { padding-top: 0 }
  .container > .panel > .panel-body, #notebook-container { padding: 6px }
  .container:has(> .panel) { padding: 0 6px }
  #notebook pre { white-space: pre-wrap; overflow-wrap: anywhere }
  .help { display: none }
  .nbgrader_cell > .panel-heading > .pull-right { float: none !important }
  .score, .extra-credit { margin-left: 0 }
}
</style>"""
ON_CLICK = re.compile(
    r'(<(\w+)\b[^<>]*?)\sonclick="([^"]*)"([^<>]*>.*?</\2>)', re.DOTALL
)
CLICKED = (
    "<script>document.currentScript.previousElementSibling.addEventListener("
    r'"click", () => { \3 });</script>'
)


def serve(
    course: Course,
    port: int | None = None,
    *,
    grader: str | None = None,
    names: bool = False,
) -> None:
    """Serve formgrader until Ctrl-C; print its address, with the token in it.

    Without a `port` it is that of the course file; a page's links lead there.
    `grader` is who gives the points: only that share is listed, where there are shares.
    Students have no names unless `names` says so. Raises CourseError when there is no
    gradebook, or no such grader.
    """
    from tornado.ioloop import IOLoop

    if not course.has_gradebook:
        raise CourseError(
            f"{course.root} holds no gradebook: `autograder release` makes one."
        )
    share_of(course, grader)
    usual = settings(course).port
    with settings_folder(course):
        app = application(course, port or usual, grader, names)
        line = f"Formgrader: {address(app)}\nCtrl-C ends it."
        if app.port != usual:
            line += f" Links in the pages written lead to port {usual}."
        IOLoop.current().add_callback(print, line, flush=True)  # when it listens
        pages = app.web_app.settings["nbgrader_exporter"]
        with pages.parts:
            pages.parts.start()  # while there are no threads
            app.start()


@contextmanager
def settings_folder(course: Course) -> Iterator[None]:
    """Work in a folder with nbgrader's settings for this course, as they are now.

    A person's own nbgrader_config.py counts, but for where the course lies: it may have
    moved. No other configuration of Jupyter on this machine is read.
    """
    before = Path.cwd()
    own = (course.root / "nbgrader_config.py").exists()
    text = SETTINGS.format(
        own=own, root=str(course.root), name=course.root.name, url=course.url
    )
    with tempfile.TemporaryDirectory(prefix="formgrader-") as folder:
        Path(folder, "nbgrader_config.py").write_text(text, "utf-8")
        os.environ |= {
            "JUPYTER_NO_CONFIG": "1",
            "JUPYTER_CONFIG_DIR": folder,
            "JUPYTER_RUNTIME_DIR": folder,
            "JUPYTER_DATA_DIR": folder,
        }
        os.chdir(folder)
        usual, tempfile.tempdir = tempfile.tempdir, folder  # Jupyter leaves some there
        try:
            yield
        finally:
            os.chdir(before)
            tempfile.tempdir = usual


def application(
    course: Course, port: int, grader: str | None, names: bool
) -> "ServerApp":
    """The server, ready to start."""
    from jupyter_server.serverapp import ServerApp
    from traitlets.config import Config

    config = Config()
    config.ServerApp |= {
        "ip": "127.0.0.1",
        "port": port,
        "root_dir": str(course.root),
        "open_browser": False,
        "answer_yes": True,  # Ctrl-C ends it without a question
        "allow_root": True,
        "terminals_enabled": False,
        "log_level": "ERROR",
        "jpserver_extensions": {"autograder.serve": True},
        "tornado_settings": {
            "headers": {"Content-Security-Policy": POLICY},
            "autograder_grader": grader,
            "autograder_names": names,
        },
    }
    config.IdentityProvider.token = secrets.token_urlsafe(24)
    app = ServerApp.instance(config=config)
    app.initialize(argv=[])
    app.log.addFilter(is_ours)
    return app


def is_ours(record: logging.LogRecord) -> bool:
    """Whether a line of the log is about what is done here: no exchange is."""
    return not record.getMessage().startswith("Unwritable directory")


def address(app: "ServerApp") -> str:
    """Where a browser finds the list of what is to be graded."""
    token = app.identity_provider.token
    return f"http://127.0.0.1:{app.port}/formgrader/gradebook?token={token}"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Jupyter's way to name an extension: this module."""
    return [{"module": "autograder.serve"}]


def _load_jupyter_server_extension(app: "ServerApp") -> None:
    """Put our refusals and our MathJax before formgrader, and load it."""
    from jupyter_server.utils import url_path_join
    from nbgrader.server_extensions import formgrader
    from nbgrader.server_extensions.formgrader import base
    from tornado.web import RedirectHandler, RequestHandler, StaticFileHandler

    class Refused(RequestHandler):
        """Says what to use instead."""

        said = "This is not done here: use the autograder command."

        def check_xsrf_cookie(self) -> None:
            """Nothing is done here that somebody could be tricked into."""

        def prepare(self) -> None:
            self.set_status(403)
            self.finish(self.said)

    class Library(StaticFileHandler):
        """MathJax, also for a frame, whose origin is none."""

        def set_extra_headers(self, path: str) -> None:
            self.set_header("Access-Control-Allow-Origin", "*")

    class Door(RequestHandler):
        """Has a person go on who followed a link, as in a report; shows nothing."""

        def prepare(self) -> None:
            self.set_status(403)
            self.set_header("Content-Security-Policy", "default-src 'none'")
            self.finish(DOOR.format(escape(self.request.path)))

    class Nameless(Refused):
        """Says how names are shown."""

        said = "Names are hidden: `autograder serve --names` shows them."

    root = app.web_app.settings["base_url"]
    grader, names = (
        app.web_app.settings[f"autograder_{each}"] for each in ("grader", "names")
    )
    ours = [(pattern, Refused) for pattern in REFUSED]
    ours += [] if names else [(pattern, Nameless) for pattern in NAMING]
    ours = [(url_path_join(root, p), kind) for p, kind in (*ours, *handlers(grader))]
    mathjax = url_path_join(root, "/mathjax")
    if MATHJAX.is_dir():
        ours.append((f"{mathjax}/(.*)", Library, {"path": str(MATHJAX)}))
    # It would read, and so run, a configuration from any folder that a link names.
    start = {"url": url_path_join(root, "/formgrader/gradebook"), "permanent": False}
    ours.append((url_path_join(root, "/formgrader/?"), RedirectHandler, start))
    app.web_app.add_handlers(".*$", ours)
    token = app.identity_provider.token
    refuse_others(app.web_app, Refused, Door, token, mathjax)
    formgrader.load_jupyter_server_extension(app)
    # Its handlers make one of these for each request.
    base.NbGraderAPI = api(share_of(Course(Path(app.root_dir)), grader))
    if not names:
        hide_names()
    pages = exporter(app, mathjax, blind=not names)
    for environment in (
        pages.environment,
        app.web_app.settings["nbgrader_jinja2_env"],
    ):
        mark_scripts(environment, templates(), NARROW + ("" if names else STYLE))
    app.web_app.settings["nbgrader_exporter"] = pages


def marked(template: str) -> str:
    """One of our templates, in which each script has the nonce that lets it run.

    An attribute cannot have one: what is done on a click becomes a script.
    """
    with_scripts = ON_CLICK.sub(r"\1\4" + CLICKED, template)
    return with_scripts.replace("<script", f'<script nonce="{NONCE}"')


def mark_scripts(environment: "Environment", ours: Path, style: str = "") -> None:
    """Have an environment mark the templates in a folder, and those without a file.

    A `style` goes into their heads. Others may print what a student's cell has shown
    into a script.
    """
    from jinja2 import FunctionLoader

    loader = environment.loader

    def load(name: str) -> tuple[str, str | None, Any]:
        source, path, fresh = loader.get_source(environment, name)
        own = path is None or Path(path).resolve().is_relative_to(ours)
        source = source.replace("</head>", f"{style}</head>") if own else source
        return marked(source) if own else source, path, fresh

    environment.loader = FunctionLoader(load)


def exporter(app: "ServerApp", mathjax: str, *, blind: bool) -> object:
    """Formgrader's page of a submission, with a MathJax that is on this machine."""
    from autograder.results.formgrader_page import FramedExporter, handed_out

    made = app.web_app.settings["nbgrader_exporter"]
    course = Course(Path(app.root_dir))

    def given(assignment: str) -> frozenset[tuple[str, str]]:
        return handed_out(course.release(assignment))

    there = mathjax if MATHJAX.is_dir() else None
    return FramedExporter(
        given,
        NONCE,
        there,
        lambda assignment: schemes(course.source(assignment)),
        blind,
        config=made.config,
    )


def templates() -> Path:
    """The folder of formgrader's own templates."""
    from nbgrader.server_extensions import formgrader

    return Path(formgrader.__file__).resolve().parent / "templates"

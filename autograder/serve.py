"""Formgrader on this machine alone, for the derivations that a person grades.

nbgrader's server extension, with four changes. It listens on 127.0.0.1 and asks for a
token. Its pages load nothing from elsewhere, which a content security policy enforces.
It starts no kernel, so that nothing of a student's runs here. And its buttons that
would grade, release or write feedback in nbgrader's way are refused: they would run
students' code outside the sandbox, and show hidden tests.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.course.folder import Course
from autograder.model import CourseError

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

PORT = 8899  # or the next free one
# The book's copy, where this package lies beside it; without one TeX stays text.
MATHJAX = Path(__file__).resolve().parents[1] / "book" / "_static" / "mathjax"
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # formgrader's own templates
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)
REFUSED = (
    r"/formgrader/api/(?:assignment|submission)/.+/(?:assign|unrelease|release|collect"
    r"|generate_feedback|release_feedback|autograde)",
    r"/api/(?:kernels|sessions|terminals)(?:/.*)?",
    # What a student handed in, as a page or a script of this very origin.
    r"/(?:files|view|nbconvert)/.*",
    r"/formgrader/submissions/[^/]+/(?!(?:next|prev)(?:_incorrect)?$).+",
)
SETTINGS = """
c = get_config()
if {own}:
    load_subconfig("nbgrader_config.py", path={root!r})
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = {name!r}
c.CourseDirectory.db_url = {url!r}
c.HTMLExporter.sanitize_html = True
"""
# Formgrader waits for the hub of MathJax 2 to say that the page is set. The first
# `hub` stands in for it; the second part loads MathJax 3, or does without.
HUB = r"""{%- macro mathjax(url="") -%}
<script>
const heard = [];
const hub = {
  ended: false,
  Startup: {
    signal: { Interest: (say) => (hub.ended ? say("End") : heard.push(say)) },
  },
  end() { hub.ended = true; heard.forEach((say) => say("End")); },
};
window.MathJax = {
  Hub: hub,
  // TeX is a student's: no extension that makes links, styles or HTML, or loads one.
  tex: {
    inlineMath: [["$", "$"], ["\\(", "\\)"]],
    processEscapes: true,
    tags: "ams",
    packages: { "[-]": ["html", "autoload", "require"] },
  },
  startup: {
    ready() {
      MathJax.Hub = hub;
      MathJax.startup.defaultReady();
      // \mmlToken sets these without an extension.
      const bare = (node) =>
        ["href", "style", "class", "id"].forEach((name) => {
          if (node.attributes) delete node.attributes.getAllAttributes()[name];
        });
      for (const input of MathJax.startup.document.inputJax)
        input.postFilters.add(({ data }) => (data.root || data).walkTree(bare), 1);
      MathJax.startup.promise.then(hub.end);
    },
  },
};
</script>
"""
WITH_MATHJAX = '<script src="LOCATION/tex-mml-chtml.js" async></script>\n'
WITHOUT = '<script>window.addEventListener("load", hub.end);</script>\n'
END = "{%- endmacro %}"


def serve(course: Course, port: int = PORT) -> None:
    """Serve formgrader until Ctrl-C; print its address, with the token in it.

    Raises CourseError when there is no gradebook.
    """
    from tornado.ioloop import IOLoop

    if not course.has_gradebook:
        raise CourseError(
            f"{course.root} holds no gradebook: `autograder release` makes one."
        )
    with settings_folder(course):
        app = application(course, port)
        said = f"Formgrader: {address(app)}\nCtrl-C ends it."
        IOLoop.current().add_callback(print, said, flush=True)  # when it listens
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


def application(course: Course, port: int) -> "ServerApp":
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
        "tornado_settings": {"headers": {"Content-Security-Policy": POLICY}},
    }
    config.IdentityProvider.token = secrets.token_urlsafe(24)
    app = ServerApp.instance(config=config)
    app.initialize(argv=[])
    return app


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
    from tornado.web import RequestHandler, StaticFileHandler

    class Refused(RequestHandler):
        """Says what to use instead."""

        def check_xsrf_cookie(self) -> None:
            """Nothing is done here that somebody could be tricked into."""

        def prepare(self) -> None:
            self.set_status(403)
            self.finish("This is not done here: use the autograder command.")

    base = app.web_app.settings["base_url"]
    handlers = [(url_path_join(base, pattern), Refused) for pattern in REFUSED]
    mathjax = url_path_join(base, "/mathjax")
    if MATHJAX.is_dir():
        there = (f"{mathjax}/(.*)", StaticFileHandler, {"path": str(MATHJAX)})
        handlers.append(there)
    app.web_app.add_handlers(".*$", handlers)
    formgrader.load_jupyter_server_extension(app)
    app.web_app.settings["nbgrader_exporter"] = exporter(app, mathjax)


def exporter(app: "ServerApp", mathjax: str) -> object:
    """Formgrader's page of a submission, with a MathJax that is on this machine."""
    from jinja2 import DictLoader
    from nbconvert.exporters import HTMLExporter

    made = app.web_app.settings["nbgrader_exporter"]
    then = WITH_MATHJAX.replace("LOCATION", mathjax) if MATHJAX.is_dir() else WITHOUT
    loader = DictLoader({"mathjax.html.j2": HUB + then + END})
    return HTMLExporter(config=made.config, extra_loaders=[loader])

"""The built book, on a local server, in one real browser for all tests."""

import functools
import os
import re
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from visits import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
CHAPTERS = [page for page in PAGES if re.search(r"/\d\d_", page)]


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built book; BOOK_HTML names another one."""
    folder = Path(os.environ.get("BOOK_HTML", ROOT / "_build/html")).resolve()
    if not (folder / "searchindex.js").exists():
        pytest.fail(f"{folder} holds no built book: run `make book` first.")
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """A static server that keeps its requests to itself."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Server(ThreadingHTTPServer):
    """A server that does not mind a browser leaving a page before it is loaded."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print the traceback, unless the browser only hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The address of the book on this machine."""
    handler = functools.partial(Quiet, directory=site)
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def visit(browser: "Browser", address: str) -> Iterator[Visit]:
    """A fresh window at 1300 pixels, over http."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    yield Visit(context, address)
    context.close()


@pytest.fixture
def offline(browser: "Browser", site: Path) -> Iterator[Visit]:
    """A fresh window at 420 pixels that reads the book's files without a server."""
    context = browser.new_context(
        viewport={"width": 420, "height": 900}, color_scheme="dark", offline=True
    )
    yield Visit(context, site.as_uri())
    context.close()

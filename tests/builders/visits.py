"""A window on the built book that notes whatever goes wrong in it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


class Visit:
    """A window on the book that notes whatever goes wrong in it."""

    # sphinx-thebe declares this twice on every page; the theme loads it unasked.
    KNOWN = "THEBE_JS_URL' has already been declared"

    def __init__(self, context: "BrowserContext", home: str) -> None:
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.note(f"error: {error}"))
        self.page.on("console", self.note_console)
        self.page.on("request", lambda request: self.note_request(request.url, home))
        self.page.on("requestfailed", self.note_failure)
        self.page.on("response", self.note_status)

    def note(self, problem: str) -> None:
        if self.KNOWN not in problem:
            self.problems.append(problem)

    def note_console(self, message: object) -> None:
        if message.type == "error":
            self.note(f"console: {message.text}")

    def note_request(self, url: str, home: str) -> None:
        if not url.startswith((home, "data:", "blob:")):
            self.note(f"leaves the machine: {url}")

    def note_failure(self, request: object) -> None:
        if request.failure != "net::ERR_ABORTED":  # by leaving a page too early
            self.note(f"not loaded: {request.url}")

    def note_status(self, response: object) -> None:
        if response.status >= 400:
            self.note(f"status {response.status}: {response.url}")

    def open(self, url: str) -> None:
        """Go to a page, and wait for its mathematics and its fonts."""
        self.page.goto(url)
        self.page.wait_for_function("() => !window.MathJax || MathJax.startup?.promise")
        self.page.evaluate("() => window.MathJax ? MathJax.startup.promise : null")
        self.page.evaluate("() => document.fonts.ready.then(() => null)")

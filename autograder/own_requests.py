"""Which requests formgrader answers: those of its own pages and of the person alone."""

import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import Application


def refuse_others(
    web: "Application", refused: type, door: type, token: str, free: str
) -> None:
    """Refuse what another page, or a student's frame, asks for.

    A person who follows a link into formgrader meets a `door`: to go on is their click.

    A browser says with each request which page began it, and no page can have it say
    something else. What changes nothing may be asked for with the token; below `free`
    by all. What is asked for is read anew: another grader's server may have written it.
    """
    find = web.find_handler

    def find_handler(request: "HTTPServerRequest", **options: Any) -> Any:
        if gradebook := web.settings.get("nbgrader_gradebook"):
            gradebook.db.rollback()
        harmless = request.method == "GET" and request.path.startswith(f"{free}/")
        if harmless or is_own(request, token):
            return find(request, **options)
        return web.get_handler_delegate(request, door if is_link(request) else refused)

    web.find_handler = find_handler


def is_own(request: "HTTPServerRequest", token: str) -> bool:
    """Whether one of our pages, or the person, began this request."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if origin not in (None, f"{request.protocol}://{request.host}"):
        return False
    if request.method not in ("GET", "HEAD"):
        if site is None:  # no browser of today; no form can send the second
            return bool(origin) or "Authorization" in request.headers
        return site == "same-origin"
    given = request.query_arguments.get("token", [b""])[-1]
    has_token = secrets.compare_digest(given, token.encode())
    return site in (None, "none", "same-origin") or has_token


def is_link(request: "HTTPServerRequest") -> bool:
    """Whether a person is led into formgrader's pages, in a window of their own."""
    headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    led = all(request.headers.get(name) == value for name, value in headers.items())
    ours = request.path.startswith("/formgrader/")
    return led and ours and request.method == "GET"

"""What is a student's on formgrader's page: in frames, sanitised, within bounds.

`tests/web/test_formgrader.py` clicks on it in a browser.
"""

import os
from html import unescape
from types import SimpleNamespace

import nbformat
import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from autograder.own_requests import is_own
from autograder.results.formgrader_page import (
    MAX_OUTPUTS,
    FramedExporter,
    handed_out,
    take_out,
)

pytestmark = pytest.mark.grading
TABLES = "\n\n".join(["|a|b|\n|-|-|\n" + "|1|2|\n" * 1_000] * 50)


@pytest.fixture
def exporter():
    made = FramedExporter(lambda assignment: frozenset(), "nonce", "/mathjax")
    with made.parts:
        yield made


@pytest.mark.parametrize("text", [TABLES, "![" * 9_000, "a " * 200_000])
def test_a_page_of_costly_texts_has_a_bound_and_shows_the_texts(
    exporter, monkeypatch, text
):
    monkeypatch.setattr("autograder.results.formgrader_page.PAGE_SECONDS", 2.0)
    started = os.times()
    frames = exporter.frames(
        {str(n): ("markdown", [f"Begins. {n}\n\n{text}", None]) for n in range(60)}
    )
    spent = os.times()
    exporter.parts.end()
    assert spent.user - started.user < 10
    assert len(frames) == 60
    assert all(f"Begins. {n}" in each for n, each in frames.items())


def test_a_lost_part_is_shown_as_it_was_written_and_the_next_as_ever(exporter):
    parts = {
        "a": ("markdown", ["<b>x</b>", "no mapping of attachments"]),
        "b": ("outputs", 3),
        "c": ("markdown", ["*well*", None]),
    }
    frames = {name: unescape(each) for name, each in exporter.frames(parts).items()}
    assert "too long to be shown" in frames["b"]
    assert "<em>well</em>" in frames["c"]


def test_a_frame_is_sandboxed_and_lets_nothing_out_of_its_attribute(exporter):
    (frame,) = exporter.frames(
        {"a": ("code", ["'\"></iframe><script>evil()</script>", None])}
    ).values()
    _, _, rest = frame.partition('srcdoc="')
    document, _, attributes = rest.partition('"')
    assert "allow-same-origin" not in frame
    assert "allow-forms" not in frame
    assert "allow-top-navigation" not in frame
    assert 'sandbox="allow-scripts' in attributes
    assert "<" not in document
    assert "<script>evil" not in unescape(document)


def test_what_was_handed_out_stays_and_all_else_is_taken_out(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_markdown_cell("Given."),
        nbformat.v4.new_code_cell("given = 1"),
        nbformat.v4.new_markdown_cell("Mine."),
        nbformat.v4.new_code_cell("mine = 1"),
        nbformat.v4.new_raw_cell("Given."),
    ]
    release = tmp_path / "release.ipynb"
    given_only = nbformat.v4.new_notebook(cells=notebook.cells[:2])
    nbformat.write(given_only, release)
    given = handed_out(release, tmp_path / "none.ipynb")
    printed = nbformat.v4.new_output("stream", text="mine too")
    notebook.cells[1].outputs = [printed] * (MAX_OUTPUTS + 1)
    found = {}
    for cell in notebook.cells:
        take_out(cell, given, found)
    page = [cell.source for cell in notebook.cells]
    assert page[:2] == ["Given.", "given = 1"]
    assert "ine" not in nbformat.writes(notebook).replace("new_line", "").replace(
        "lines", ""
    )
    kinds = [kind for kind, _ in found.values()]
    assert kinds == ["outputs", "markdown", "code", "markdown"]
    nbformat.validate(notebook)


HOST = "127.0.0.1:8899"


def asked(method="GET", path="/formgrader/gradebook", **headers):
    plain = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = HTTPHeaders({"Host": HOST} | plain)
    there = SimpleNamespace(context=SimpleNamespace(protocol="http", remote_ip=""))
    line = RequestStartLine(method, path, "HTTP/1.1")
    request = HTTPServerRequest(start_line=line, headers=sent, connection=there)
    return is_own(request, "secret")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "cross-site", "path": "/formgrader?token=secret"},
        {"method": "PUT", "Sec_Fetch_Site": "same-origin"},
        {"method": "POST", "Origin": f"http://{HOST}"},
        {"method": "POST", "Authorization": "token secret"},
    ],
)
def test_a_request_of_the_person_or_of_our_pages_is_answered(request_):
    assert asked(**request_)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:9999", "Authorization": "token secret"},
        {"Sec_Fetch_Site": "cross-site", "path": "/formgrader?token=secret"},
        {"Sec_Fetch_Site": "same-site", "Authorization": "token secret"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_a_request_that_another_page_may_have_made_is_refused(method, headers):
    assert not asked(method, **headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_a_link_from_elsewhere_opens_nothing_without_the_token(site):
    assert not asked(Sec_Fetch_Site=site)
    assert not asked(Sec_Fetch_Site=site, path="/formgrader?token=other")
    assert not asked(Origin="null")

"""What a page of the grader holds, and that nothing on it can act."""

from html.parser import HTMLParser

from autograder.results.formulas import ELEMENTS


class Elements(HTMLParser):
    """Collects the tags, the attributes and the text of a page."""

    def __init__(self, page: bytes | str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page.decode("utf-8") if isinstance(page, bytes) else str(page))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text += data if self.tags[-1:] != ["style"] else ""


def assert_harmless(page):
    """No tag that runs or loads, no handler, no style, no link but to the web."""
    found = Elements(page)
    allowed = "html head meta title style body main header section nav footer div span"
    allowed += " p h1 h2 h3 h4 ul ol li a strong em code pre details summary blockquote"
    allowed += " table thead tbody tr th td img del hr br figure figcaption dl dt dd"
    allowed += " svg rect line text circle abbr b"
    formulas = {"math", "semantics", "annotation"} | ELEMENTS
    assert set(found.tags) <= set(allowed.split()) | formulas
    assert found.tags.count("style") == 1
    assert found.tags.count("meta") == 5
    for tag, name, value in found.attributes:
        assert not name.startswith("on"), (tag, name, value)
        if tag in formulas:
            assert name not in {"href", "class", "id", "src"}, (tag, name, value)
        assert name not in {"style", "srcdoc", "action", "background", "xlink:href"}
        if name == "src":
            assert value.startswith(("data:image/png;", "data:image/jpeg;"))
        if name == "href":
            assert value.startswith(("http://", "https://", "mailto:", "#", "../"))

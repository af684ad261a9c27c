"""Formulas of students are set as MathML, and nothing in them can act."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_elements import Elements

from autograder.results.formulas import ELEMENTS, mathml
from autograder.results.sanitise import markdown_html

FORMULAS = (
    r"\log p(x) = \log p_z(z) - \log|\det J|",
    r"\mathbb{E}_{q(z\mid x)}\left[\frac{p(x, z)}{q(z\mid x)}\right]",
    r"\begin{aligned} a &= b \\ &= \tfrac12 \lVert x\rVert^2 < 3 \end{aligned}",
    r"f(x) = \begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\operatorname{tr}(A^k) \le \sum_{i=1}^{D} \sqrt{\hat\sigma_i} \, e^{-\beta k}",
)
HOSTILE = (
    r"\href{javascript:window.ran=1}{x}",
    r"\style{position:fixed;top:0}{x}",
    r"\class{verdicts}{x}",
    r"\id{top}{x}",
    r"\color{url(http://host.invalid)}{x}",
    r"\text{<script>window.ran = 1</script>}",
    r"\text{</annotation></semantics></math><img src=x onerror=alert(1)>}",
    r"\rule{400em}{400em}",
    r"\hspace{-400em}x\hspace{400em}",
    "{" * 1_500,
    "x^{" * 600 + "}" * 600,
)


def words(element):
    """All letters and signs of an element, without the annotation."""
    parts = [element.text or ""]
    parts += [words(child) for child in element if child.tag != "annotation"]
    return "".join(parts)


@pytest.mark.parametrize("tex", FORMULAS)
def test_a_formula_is_set_and_keeps_its_tex(tex):
    root = ET.fromstring(mathml(tex, display=True))
    assert root.get("display") == "block"
    assert root.find("semantics/annotation").text == tex
    assert "\\" not in words(root)
    assert "&" not in words(root)


def test_signs_and_names_of_a_formula_are_those_of_its_tex():
    root = ET.fromstring(mathml(r"\log p(x) \le \frac{\beta}{1 - \beta}"))
    assert words(root) == "logp(x)≤β1−β"
    assert [len(fraction) for fraction in root.iter("mfrac")] == [2]


def test_rows_are_aligned_at_their_signs():
    root = ET.fromstring(mathml(r"\begin{align*} a &= b \\ cc &= d \end{align*}"))
    rows = [[words(cell) for cell in row] for row in root.iter("mtr")]
    assert rows == [["a", "=b"], ["cc", "=d"]]
    assert {cell.get("columnalign") for cell in root.iter("mtd")} == {"left", "right"}


@pytest.mark.parametrize("tex", [r"\unknown{x}", r"\frac{1}{", "x" * 3_000, "x^2^2"])
def test_what_is_not_understood_stays_tex(tex):
    assert mathml(tex) is None
    assert f'<code class="tex">{tex}</code>' in markdown_html(f"Let ${tex}$ be.")


def assert_only_formulas(html):
    found = Elements(html)
    ours = ELEMENTS | {"math", "semantics", "annotation", "p", "code"}
    assert set(found.tags) <= ours
    for tag, name, value in found.attributes:
        assert name not in {"href", "style", "id", "mathcolor", "mathbackground"}
        assert name != "class" or (tag, value) in {("code", "tex"), ("code", "display")}
        assert not re.search(r"-\d|(?<![\d.])\d\d[\d.]*em", value), (tag, name, value)


@pytest.mark.parametrize("tex", HOSTILE)
def test_a_formula_does_nothing_but_show(tex):
    assert_only_formulas(markdown_html(f"${tex}$"))


COMMANDS = (*HOSTILE, *FORMULAS, "{", "}", "&", "<", ">", '"', "\\", "^", "_", "$")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(COMMANDS), max_size=4))
def test_no_mixture_of_formulas_does_more(parts):
    made = mathml("".join(parts))
    assert made is None or assert_only_formulas(made) is None

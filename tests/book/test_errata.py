"""Appendix B: each statement has its parts, a lasting name, and a cell of its own."""

import re
from pathlib import Path

import pytest
import torch
from the_book import the_book

ROOT = Path(__file__).resolve().parents[2]
(PAGE,) = [p for p in the_book().pages if Path(p.path).stem == "appendix_b_errata"]
TEXT = (ROOT / PAGE.path).read_text()
CELL = re.compile(r"^```\{code-cell\} python3\n(.*?)^```", re.S | re.M)
BEFORE, *STATEMENTS = re.split(r"(?=^\(err-[a-z0-9-]+\)=\n### )", TEXT, flags=re.M)
(SETUP,) = CELL.findall(BEFORE)
NAMES = [re.match(r"\((err-[a-z0-9-]+)\)", each)[1] for each in STATEMENTS]


def test_every_statement_has_a_name_of_its_own():
    assert len(NAMES) == len(set(NAMES)) == TEXT.count("\n### ")
    assert len(NAMES) >= 101


@pytest.mark.parametrize("statement", STATEMENTS, ids=NAMES)
def test_a_statement_has_all_its_parts(statement):
    parts = [
        r"\*[A-Z][^\n]+\.\*",
        r"\*\*Where it goes wrong\.\*\* \S",
        r"\*\*Right\.\*\* \S",
    ]
    places = [re.search(f"^{part}", statement, re.M).start() for part in parts]
    assert places == sorted(places)


@pytest.fixture(autouse=True)
def _default_dtype():
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("statement", STATEMENTS, ids=NAMES)
def test_a_statements_cell_needs_no_other_and_claims_something(statement):
    (cell,) = CELL.findall(statement)
    assert re.search(r"^\s*assert ", cell, re.M)
    variables = {"__name__": "__main__"}
    exec(SETUP, variables)
    exec(cell, variables)

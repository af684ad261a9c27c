"""Sphinx: a chapter's number is the one in its file name (07_topic.md is chapter 7).

Sphinx would count the chapters that exist. The book's numbers are part of its plan:
they stay when a chapter between two others is written later.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as TocCollector

CHAPTER = re.compile(r"book/(\d\d)_")


def assign_section_numbers(_: TocCollector, env: BuildEnvironment) -> list[str]:
    """Number each chapter, but not its sections; return the pages that changed."""
    old, env.toc_secnumbers = env.toc_secnumbers, {}
    for docname, toc in env.tocs.items():
        if chapter := CHAPTER.match(docname):
            number = (int(chapter[1]),)
            title, *sections = toc.findall(nodes.reference)
            title["secnumber"] = env.titles[docname]["secnumber"] = number
            # Sphinx gives a section that it does not find here the chapter's number.
            unnumbered = {section["anchorname"]: () for section in sections}
            env.toc_secnumbers[docname] = {"": number, **unnumbered}
    numbers = env.toc_secnumbers
    return [docname for docname in numbers if numbers[docname] != old.get(docname)]


def setup(app: Sphinx) -> dict[str, bool]:
    TocCollector.assign_section_numbers = assign_section_numbers
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The cell that a notebook starts with: it finds flowbook, or says how to get it.

On PyPI `flowbook` is another project's package: the wheel has a name of its own.
"""

import re
from pathlib import Path
from textwrap import dedent

DISTRIBUTION = "flowbook-course"
VERSION = "1.0.0"
WHEEL = f"{DISTRIBUTION.replace('-', '_')}-{VERSION}-py3-none-any.whl"
FIND = """
# Finds flowbook, the library of this course, or says how to get it.
from importlib.util import find_spec
from pathlib import Path

library = find_spec("flowbook")
source = Path(library.origin).read_text("utf8") if library and library.origin else ""
if library is None:
{install}
elif "The support library of the book" not in source:
    raise ImportError(
        f"Another flowbook than this course's was found ({{library.origin}}). Run "
        "`%pip uninstall -y flowbook`, restart the kernel, and run this cell again."
    )
{more}"""
FROM_REPOSITORY = """\
    get_ipython().run_line_magic(
        "pip",
        "install --quiet git+{}",
    )"""
FROM_WHEEL = f"""\
    raise ModuleNotFoundError(
        "flowbook is missing: run "
        "`%pip install {WHEEL}`, "
        "the file that your instructor hands out."
    )"""
MORE = """\
if find_spec("{}") is None:
    raise ModuleNotFoundError("This chapter also needs `%pip install {}`.")
"""
# What a student's installation leaves out, by what a chapter imports that needs it.
EXTRAS = {
    "scikit-learn": re.compile(
        r"^from flowbook import .*\b(baselines|digits)\b"
        r"|^from flowbook\.(baselines|digits) import",
        re.MULTILINE,
    ),
    "scipy": re.compile(r"^(?:from|import) scipy\b", re.MULTILINE),
}
MODULES = {"scikit-learn": "sklearn", "scipy": "scipy"}
# No page shows it: pages are built where the library is. Editors fold it.
METADATA = {
    "tags": ["remove-cell"],
    "jupyter": {"source_hidden": True},
    "cellView": "form",  # Colab's word for folded
}
FENCE = dedent(
    """\
    ```{{code-cell}} {language}
    ---
    nbgrader: {{grade_id: {name}}}
    tags: [remove-cell]
    jupyter: {{source_hidden: true}}
    cellView: form
    ---
    {code}
    ```

    """
)


def cell_text(repository: str = "", extras: tuple[str, ...] = ()) -> str:
    """The code of that cell; plain Python, so that every tool can read it."""
    install = FROM_REPOSITORY.format(repository) if repository else FROM_WHEEL
    more = "".join(MORE.format(MODULES[name], name) for name in extras)
    return FIND.format(install=install, more=more).strip()


def needed(code: str) -> tuple[str, ...]:
    """What a chapter with this code needs beside the library."""
    return tuple(name for name, use in EXTRAS.items() if use.search(code))


def complete(text: str, assignment: str, repository: str) -> str:
    """An assignment's source with that cell before its first code, as it is now.

    The release is made from this source, by the autograder, which knows no flowbook:
    so the cell stands in it, and only `python -m tools.notebooks` writes it.
    """
    name = f"{assignment.split('_')[0]}-library"
    text = re.sub(
        rf"^```\{{code-cell\}}[^`]*?grade_id: {name}\b.*?^```\n\n",
        "",
        text,
        count=1,
        flags=re.MULTILINE | re.DOTALL,
    )
    first = re.search(r"^```\{code-cell\} *(\w*)", text, re.MULTILINE)
    if not first or "flowbook" not in text[first.start() :]:
        return text
    cell = FENCE.format(language=first[1], name=name, code=cell_text(repository))
    return text[: first.start()] + cell + text[first.start() :]


def out_of_step(root: Path, sources: list[str], repository: str) -> dict[str, str]:
    """The assignments' sources whose cell is not current, each with its right text."""
    changed = {}
    for source in sources:
        text = (root / source).read_text("utf8")
        right = complete(text, Path(source).stem, repository)
        if right != text:
            changed[source] = right
    return changed

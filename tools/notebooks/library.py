"""The cell that a notebook starts with: it finds flowbook, or says how to get it.

On PyPI `flowbook` is another project's package: the wheel has a name of its own.
"""

import re
from pathlib import Path
from textwrap import dedent

DISTRIBUTION = "flowbook-course"
VERSION = "0.1.0"
WHEEL = f"{DISTRIBUTION.replace('-', '_')}-{VERSION}-py3-none-any.whl"
# What a student's installation leaves out, by what a chapter imports that needs it.
EXTRAS = {
    "scikit-learn": re.compile(
        r"^from flowbook import .*\b(baselines|digits)\b"
        r"|^from flowbook\.(baselines|digits) import",
        re.MULTILINE,
    ),
    "scipy": re.compile(r"^(?:from|import) scipy\b", re.MULTILINE),
}
MODULES = {"scikit-learn": "sklearn"}
# No page shows it: pages are built where the library is. Editors fold it.
METADATA = {
    "tags": ["remove-cell"],
    "jupyter": {"source_hidden": True},
    "cellView": "form",  # Colab's word for folded
}


FENCE = dedent(
    """\
    ```{{code-cell}} ipython3
    ---
    nbgrader:
      cell_type: code
      grade: false
      grade_id: {name}
      locked: true
      schema_version: 3
      solution: false
      task: false
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
    if repository:
        missing = f"""    get_ipython().run_line_magic(
        "pip", "install --quiet git+{repository}"
    )"""
    else:
        missing = f"""    raise ModuleNotFoundError(
        "flowbook is missing: run `%pip install {WHEEL}`, "
        "the file that your instructor hands out."
    )"""
    text = f"""from importlib.util import find_spec
from pathlib import Path

library = find_spec("flowbook")
if library is None:
{missing}
elif not Path(library.submodule_search_locations[0], "checks.py").exists():
    raise ImportError(
        "This flowbook is another project's: run `%pip uninstall -y flowbook`, "
        "restart the kernel, and run this cell again."
    )"""
    for extra in extras:
        text += f'''
if find_spec("{MODULES.get(extra, extra)}") is None:
    raise ModuleNotFoundError("This chapter needs one more: `%pip install {extra}`.")'''
    return text


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
        rf"^```\{{code-cell\}}[^`]*?grade_id: {name}$.*?^```\n\n",
        "",
        text,
        count=1,
        flags=re.MULTILINE | re.DOTALL,
    )
    first = re.search(r"^```\{code-cell\}", text, re.MULTILINE)
    if not first or "flowbook" not in text[first.start() :]:
        return text
    cell = FENCE.format(name=name, code=cell_text(repository))
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

"""Damaging: files and notebooks that are not as they were handed out.

Harmless damage is repaired, and the student is told; the rest is refused with a reason.
"""

import copy
import gzip
import io
import json
import os
import socket
import zipfile
from pathlib import Path

import nbformat
from case import (
    FULL,
    NONE,
    RIGHT,
    SQUARE,
    WRONG,
    Case,
    Notebook,
    as_bytes,
    beside,
    changed,
    notebook_of,
    own_cell,
    rewritten,
)
from tiny_assignment import NAME, cell_of

from autograder.assignment.exam import Exam

NO_SQUARE, NO_SCALE = (0.0, FULL[1]), (FULL[0], 0.0)


def meta(notebook: Notebook, name: str) -> dict:
    return cell_of(notebook, name)["metadata"]["nbgrader"]


def index(notebook: Notebook, name: str) -> int:
    return notebook["cells"].index(cell_of(notebook, name))


# --- cells ----------------------------------------------------------------------------


def delete(*names):
    def change(notebook):
        for name in names:
            notebook["cells"].remove(cell_of(notebook, name))

    return change


def delete_prose(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if c["cell_type"] == "code"]


def edit_tests(notebook):
    for name in ("square-test", "scale-test"):
        cell_of(notebook, name)["source"] = "assert True"


def edit_given(notebook):
    cell_of(notebook, "given")["source"] += "\ndef reference(x): return x * 0 + 41"


def duplicate_tests(notebook):
    for name in ("square-test", "scale-test"):
        cell = copy.deepcopy(cell_of(notebook, name))
        notebook["cells"].append(cell | {"source": "pass"})


def duplicate_answer(notebook):
    cell = copy.deepcopy(cell_of(notebook, "square"))
    notebook["cells"].append(cell | {"source": "def square(x): return 41"})


def duplicate_untouched(notebook):
    cell = copy.deepcopy(cell_of(notebook, "square"))
    cell["source"] = 'def square(x):\n    """Return x times x."""\n'
    cell["source"] += "    # YOUR CODE HERE\n    raise NotImplementedError()"
    notebook["cells"].append(cell)


def swap_sources(notebook):
    one, two = cell_of(notebook, "square"), cell_of(notebook, "scale")
    one["source"], two["source"] = two["source"], one["source"]


def swap_cells(notebook):
    cells = notebook["cells"]
    i, j = index(notebook, "square"), index(notebook, "scale-test")
    cells[i], cells[j] = cells[j], cells[i]


def swap_metadata(one, two):
    def change(notebook):
        first, second = cell_of(notebook, one), cell_of(notebook, two)
        first["metadata"], second["metadata"] = second["metadata"], first["metadata"]

    return change


def reverse(notebook):
    notebook["cells"].reverse()


def rename(notebook):
    for name in ("square", "scale"):
        meta(notebook, name)["grade_id"] = f"my-{name}"


def rename_as_the_other(notebook):
    one, two = meta(notebook, "square"), meta(notebook, "scale")
    one["grade_id"], two["grade_id"] = two["grade_id"], one["grade_id"]


def same_name(notebook):
    meta(notebook, "scale")["grade_id"] = "square"


def odd_names(notebook):
    odd = [None, 7, ["x"], {"a": 1}, "../../x", "", "a" * 10_000]
    for number, name in enumerate(odd):
        cell = own_cell("x = 1", id=f"odd{number}")
        cell["metadata"] = {"nbgrader": {"grade_id": name, "grade": True, "points": 9}}
        notebook["cells"].append(cell)


def retype(kind):
    def change(notebook):
        for name in ("square", "square-test"):
            cell_of(notebook, name)["cell_type"] = kind

    return change


def lose_ids(notebook):
    for cell in notebook["cells"]:
        del cell["id"]


def equal_ids(notebook):
    for cell in notebook["cells"]:
        cell["id"] = "same"


def odd_ids(notebook):
    odd = [None, 7, [], {}, "", "x" * 999, True]
    for cell, value in zip(notebook["cells"], odd, strict=False):
        cell["id"] = value


def everything_lost(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        del cell["id"]


def metadata_lost(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def points(notebook):
    for name in ("square-test", "scale-test", "why"):
        meta(notebook, name)["points"] = 1e9


def odd_points(notebook):
    odd = {"square-test": "9", "scale-test": -5, "why": float("nan")}
    for name, value in odd.items():
        meta(notebook, name)["points"] = value


def locks(notebook):
    for name in ("square-test", "scale-test"):
        meta(notebook, name).update(locked=False, grade=False, solution=True)
        cell_of(notebook, name)["source"] = "pass"


def answers_graded(notebook):
    for name in ("square", "scale"):
        meta(notebook, name).update(grade=True, points=50)


def manual_tests(notebook):
    for name in ("square-test", "scale-test"):
        meta(notebook, name).update(solution=True)


def tags(notebook):
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove_cell"]


def own_autograder_metadata(notebook):
    for cell in notebook["cells"]:
        cell["metadata"]["autograder"] = {"extra": True, "per_student": True}


def schema(version):
    def change(notebook):
        for cell in notebook["cells"]:
            if "nbgrader" in cell["metadata"]:
                cell["metadata"]["nbgrader"]["schema_version"] = version

    return change


def kernel(notebook):
    notebook["metadata"] = {"kernelspec": {"name": "evil", "display_name": "x"}}


def other_language(notebook):
    notebook["metadata"] = {
        "kernelspec": {"name": "ir", "language": "R", "display_name": "R"},
        "language_info": {"name": "R"},
    }


def odd_notebook_metadata(notebook):
    notebook["metadata"] = ["x"]
    notebook["nbformat_minor"] = "five"


def timestamps(notebook):
    past = "1999-01-01T00:00:00Z"
    notebook["metadata"]["timestamp"] = past
    for cell in notebook["cells"]:
        cell["metadata"]["execution"] = {"iopub.execute_input": past}
        cell["metadata"]["ExecuteTime"] = {"start_time": past}


def odd_cells(notebook):
    notebook["cells"] += [None, 7, "x", [], {}, {"cell_type": 3}, {"cell_type": "code"}]


def odd_sources(notebook):
    odd = [None, 7, {"a": 1}, [None, 1], [["x"]], True]
    for number, source in enumerate(odd):
        notebook["cells"].append(own_cell(source, id=f"odd{number}"))


def unknown_kinds(notebook):
    for number, kind in enumerate(("heading", "html", "evil", "")):
        notebook["cells"].append(own_cell("x = 1/0", kind, id=f"odd{number}"))


def odd_outputs(notebook):
    output = {"output_type": "evil", "data": {"text/plain": {"a": [1]}}, "text": 7}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [output, None, 7, {"output_type": "error"}]
            cell["execution_count"] = -(10**30)


def saved_outputs(notebook):
    cell_of(notebook, "square-test")["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "2 points of 2"}
    ]


def source_lines(notebook):
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def windows(notebook):
    for name in ("square", "scale"):
        cell = cell_of(notebook, name)
        cell["source"] = cell["source"].replace("\n", "\r\n")


def surrogates(notebook):
    cell_of(notebook, "why")["source"] = "so \ud800 it is \udfff"


def nulls(notebook):
    cell_of(notebook, "scale")["source"] += "  # \0"


def byte_order_mark_inside(notebook):
    cell_of(notebook, "square")["source"] = f"\ufeff{SQUARE}"


def no_break_spaces(notebook):
    cell_of(notebook, "square")["source"] = SQUARE.replace(" ", "\xa0")


def not_python(notebook):
    cell_of(notebook, "square")["source"] = "def square(x) return x * x"


def tabs_and_spaces(notebook):
    source = "def square(x):\n\tif x:\n        return x * x\n\treturn 0"
    cell_of(notebook, "square")["source"] = source


def merge_in_an_answer(notebook):
    source = f"<<<<<<< HEAD\n{SQUARE}\n=======\n{SQUARE}\n>>>>>>> theirs"
    cell_of(notebook, "square")["source"] = source


CELLS = {
    "deleted tests": changed(delete("square-test", "scale-test"), said="put back"),
    "deleted answer": changed(delete("square"), NO_SQUARE, "counts as not answered"),
    "deleted given cell": changed(delete("given"), said="put back"),
    "deleted prose": changed(delete_prose, said="put back"),
    "edited tests": changed(edit_tests, NONE, "was edited", answers=WRONG),
    "edited tests of right answers": changed(edit_tests, said="was edited"),
    "an edited given cell": changed(edit_given, said="the original runs first"),
    "an edited given cell, wrong answers": changed(edit_given, NONE, answers=WRONG),
    "duplicated tests": changed(duplicate_tests, NONE, answers=WRONG),
    "a duplicated answer": changed(duplicate_answer, NO_SQUARE, "is there 2 times"),
    "a duplicated untouched answer": changed(duplicate_untouched),
    # In the student's own notebook the first test fails too.
    "swapped sources": changed(swap_sources, NO_SQUARE, "does not define it"),
    "swapped cells": changed(swap_cells, said="put back in their order"),
    "swapped metadata of tests": changed(swap_metadata("square-test", "scale-test")),
    "a test that claims to be the answer": changed(
        swap_metadata("square", "square-test"), (0.0, FULL[1])
    ),
    "reversed": changed(reverse, said="put back in their order"),
    "renamed answers": changed(rename, said="lost its name"),
    "answers named as each other": changed(
        rename_as_the_other, NO_SQUARE, "were moved"
    ),
    "two answers of one name": changed(same_name, NO_SCALE),
    "odd names": changed(odd_names),
    "answers turned into markdown": changed(retype("markdown"), said="turned back"),
    "answers turned into raw": changed(retype("raw"), said="turned back"),
    "ids lost": changed(lose_ids),
    "equal ids": changed(equal_ids),
    "odd ids": changed(odd_ids),
    "metadata lost": changed(metadata_lost, said="recognised by its place"),
    "metadata and ids lost": changed(everything_lost, None, "None of the answer cells"),
    "points": changed(points, said=r"changed \(points\)"),
    "points, wrong answers": changed(points, NONE, answers=WRONG),
    "odd points": changed(odd_points),
    "unlocked tests": changed(locks, NONE, answers=WRONG),
    "answers as tests": changed(answers_graded, NONE, answers=WRONG),
    "tests as manual answers": changed(manual_tests, NONE, answers=WRONG),
    "tags": changed(tags, NONE, r"changed \(tags\)", answers=WRONG),
    "tags of right answers": changed(tags),
    "our own metadata": changed(own_autograder_metadata, NONE, answers=WRONG),
    "schema 99": changed(schema(99)),
    "schema 1": changed(schema(1)),
    "schema text": changed(schema("x")),
    "unknown kernel": changed(kernel),
    "another language": changed(other_language),
    "odd notebook metadata": changed(odd_notebook_metadata),
    "forged times": changed(timestamps),
    "cells that are none": changed(odd_cells, said="damaged cells"),
    "sources that are no text": changed(odd_sources, said="damaged cells"),
    "unknown kinds of cells": changed(unknown_kinds),
    "damaged outputs": changed(odd_outputs),
    "saved outputs": changed(saved_outputs, NONE, answers=WRONG),
    "sources in lines": changed(source_lines),
    "Windows lines": changed(windows, said="Windows line ends"),
    "lone surrogates": changed(surrogates, said="no text"),
    "null characters": changed(nulls, said="no text"),
    "a byte-order mark in an answer": changed(
        byte_order_mark_inside, said="byte-order mark"
    ),
    "no-break spaces": changed(no_break_spaces, NO_SQUARE, "SyntaxError"),
    "not Python": changed(not_python, NO_SQUARE, "SyntaxError"),
    "tabs and spaces": changed(tabs_and_spaces, NO_SQUARE, "TabError"),
    "merge markers in an answer": changed(merge_in_an_answer, NO_SQUARE, "SyntaxError"),
}

# --- bytes ----------------------------------------------------------------------------


def text(change):
    return lambda content: change(content.decode("utf-8")).encode("utf-8")


def merged(content: str) -> str:
    first, *rest = content.split("\n")
    marks = ["<<<<<<< HEAD", ' "a": 1,', "=======", ">>>>>>> theirs"]
    return "\n".join([first, *marks, *rest])


def latin(content: bytes) -> bytes:
    replaced = content.decode("utf-8").replace("It follows", "C'est \xe9vident")
    return replaced.encode("latin-1")


def as_version(number: int):
    def convert(content: bytes) -> bytes:
        notebook = nbformat.from_dict(json.loads(content))
        return nbformat.writes(notebook, version=number).encode()  # as on the disk

    return convert


def with_format(value: object):
    return lambda content: as_bytes(json.loads(content) | {"nbformat": value})


def always(content: bytes):
    return lambda _: content


FILES = {
    "a byte-order mark": rewritten(lambda b: b"\xef\xbb\xbf" + b, said="byte-order"),
    "UTF-16": rewritten(lambda b: b.decode().encode("utf-16"), said="mark"),
    "UTF-16 without a mark": rewritten(
        lambda b: b.decode().encode("utf-16-le"), None, "not valid JSON"
    ),
    "UTF-32": rewritten(lambda b: b.decode().encode("utf-32"), None),
    "Latin-1": rewritten(latin, said="Latin-1"),
    "CRLF": rewritten(lambda b: b.replace(b"\n", b"\r\n")),
    "truncated": rewritten(lambda b: b[:-300], None, "cut short"),
    "half": rewritten(lambda b: b[: len(b) // 2], None, "cut short"),
    "merge markers": rewritten(text(merged), None, "merge markers"),
    "a trailing comma": rewritten(text(lambda t: t.replace("],", "],,", 1)), None),
    "two notebooks in one file": rewritten(lambda b: b + b, None, "damaged at line"),
    "rubbish after the end": rewritten(lambda b: b + b"\0\0", None, "and hand in"),
    "one bit": rewritten(lambda b: b.replace(b'"cells"', b'"cellz"', 1), None),
    "doubled keys": rewritten(
        text(lambda t: t.replace('"cells"', '"cells": [], "cells"', 1))
    ),
    "NaN and Infinity": rewritten(
        text(lambda t: t.replace('"nbformat_minor"', '"a": NaN, "b": -Infinity, "c"'))
    ),
    "format 3": rewritten(as_version(3), said="old format 3"),
    "format 2": rewritten(
        lambda b: as_version(3)(b).replace(b'"nbformat": 3', b'"nbformat": 2'),
        said="old format 2",
    ),
    "format 5": rewritten(with_format(5), None, "format 5"),
    "format text": rewritten(with_format("4.5"), None, "format 4.5"),
    "format NaN": rewritten(with_format(float("nan")), None, "format nan"),
    "no format": rewritten(text(lambda t: t.replace('"nbformat": 4', '"x": 4')), FULL),
    "empty": rewritten(always(b""), None, "empty"),
    "blank": rewritten(always(b"\n \n"), None, "empty"),
    "null": rewritten(always(b"null"), None, "not a Jupyter notebook"),
    "a number": rewritten(always(b"7"), None, "not a Jupyter notebook"),
    "no cells": rewritten(always(b'{"cells": [], "nbformat": 4}'), None, "no cells"),
    "another notebook": rewritten(
        always(as_bytes({"cells": [own_cell("print(1)")], "nbformat": 4})),
        None,
        "None of the answer cells",
    ),
    "a PDF": rewritten(always(b"%PDF-1.7\n\xff\xfe\0"), None, r"\.pdf", "answers.pdf"),
    "a script": rewritten(
        always(SQUARE.encode()), None, r"a notebook was .* 't1_tiny\.py'", f"{NAME}.py"
    ),
    "a web page": rewritten(always(b"<html>"), None, r"\.html", f"{NAME}.html"),
    "a web page called notebook": rewritten(always(b"<html></html>"), None),
    "gzip called notebook": rewritten(gzip.compress, None, "not a Jupyter notebook"),
    "a copy's name": rewritten(bytes, said="is called", name=f"{NAME} (1).ipynb"),
    "another name": rewritten(bytes, said="is called", name="Untitled.ipynb"),
    "a double extension": rewritten(bytes, said="is called", name=f"{NAME}.ipynb.txt"),
    "no extension": rewritten(bytes, said="is called", name=NAME),
    "an upper-case extension": rewritten(bytes, said="is", name=f"{NAME}.IPYNB"),
    "a name to be run": rewritten(
        bytes, said="is called", name="$(touch pwned-name);`x`.ipynb"
    ),
    "a name with markup": rewritten(
        bytes, said="is called", name="<img src=x onerror=x>.ipynb"
    ),
    "a name in two directions": rewritten(
        bytes, said="is called", name="a\u202ebnpy.ipynb"
    ),
}

# --- folders --------------------------------------------------------------------------


def link(target: str):
    return lambda path: path.symlink_to(target)


def hard_fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()
    (path / "inside.txt").write_text("x")


def full_directory(path: Path) -> None:
    for number in range(1_500):
        (path.parent / f"file{number}.txt").touch()
    path.mkdir()


def listening(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def in_a_zip(exam: Exam) -> dict[str, bytes]:
    honest = as_bytes(notebook_of(exam, RIGHT))
    return {"work.zip": zipped({f"work/{NAME}.ipynb": honest})}


def escaping_zip(exam: Exam) -> dict[str, bytes]:
    honest = as_bytes(notebook_of(exam, RIGHT))
    names = ["../../../pwned-zip.txt", "/tmp/pwned-zip.txt", "C:\\pwned-zip.txt"]
    return {"work.zip": zipped({f"{NAME}.ipynb": honest, **dict.fromkeys(names, b"")})}


EVIL = b"open('/tmp/pwned-module', 'w').write('x')\nraise SystemExit\n"
MODULES = ("numpy", "torch", "conftest", "sitecustomize", "usercustomize", "autograder")
NOTEBOOK = f"{NAME}.ipynb"

FOLDERS = {
    "a link to a secret": beside(
        {NOTEBOOK: link("/etc/passwd")}, None, "is a link", alone=True
    ),
    "a link to another student": beside(
        {NOTEBOOK: link(f"../honest-0/{NAME}.ipynb")}, None, "is a link", alone=True
    ),
    "a link to nothing": beside(
        {NOTEBOOK: link("nowhere")}, None, "is a link", alone=True
    ),
    "a link to itself": beside(
        {NOTEBOOK: link(NOTEBOOK)}, None, "is a link", alone=True
    ),
    "a link to an endless device": beside(
        {NOTEBOOK: link("/dev/zero")}, None, "is a link", alone=True
    ),
    "a linked folder beside": beside({"more": link("/")}),
    "a pipe": beside({NOTEBOOK: hard_fifo}, None, "is not a file", alone=True),
    "a socket": beside({NOTEBOOK: listening}, None, "cannot be read", alone=True),
    "a directory": beside({NOTEBOOK: directory}, None, "is not a file", alone=True),
    "no file at all": beside({}, None, "no file was handed in", alone=True),
    "thousands of files": beside({"x": full_directory}, None, "more than"),
    "modules beside it": beside({f"{name}.py": EVIL for name in MODULES}),
    "packages beside it": beside(
        {f"{name}/__init__.py": EVIL for name in ("numpy", "IPython", "json")}
    ),
    "a configuration beside it": beside(
        {
            "nbgrader_config.py": EVIL,
            "jupyter_config.py": EVIL,
            "course.toml": b"late = 'no'",
            ".ipython/profile_default/startup/00.py": EVIL,
        }
    ),
    "a forged time": beside({"timestamp.txt": b"1999-01-01 00:00:00 UTC"}),
    "a forged note": beside(
        {
            "collected.json": json.dumps(
                {"filename": "../../../source/x", "received": "1999-01-01T00:00:00Z"}
            ).encode()
        }
    ),
    "a forged result": beside(
        {"result.json": b'{"points": 9}', f"{NAME}.json": b'{"score": 9}'}
    ),
    "two notebooks": beside({"other.ipynb": b"{}"}, said="2 notebooks"),
    "in a folder of its own": Case(
        lambda exam: {f"my work/{NOTEBOOK}": as_bytes(notebook_of(exam))}
    ),
    "in a zip": Case(in_a_zip, said="was opened"),
    "a zip that leads out": Case(escaping_zip, said="was opened"),
    "not a whole zip": beside({"work.zip": b"PK\3\4xxxx"}, None, alone=True),
}
CASES = {
    **{f"cells: {name}": case for name, case in CELLS.items()},
    **{f"file: {name}": case for name, case in FILES.items()},
    **{f"folder: {name}": case for name, case in FOLDERS.items()},
}

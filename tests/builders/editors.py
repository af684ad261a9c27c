"""A notebook as Jupyter, Colab and VS Code write it, and what lies beside one.

Jupyter: cell ids, one space of indent, a line end at the end; `Duplicate` adds -Copy1.
Colab: no cell ids but an `id` in each cell's metadata, lines of a source as a list, its
own part in the notebook's metadata. VS Code: no ids, `vscode` in the metadata of cells.
"""

import base64
import copy
import io
import json
import zlib
from collections.abc import Callable, Mapping

from PIL import Image

Notebook = dict


def jupyter(notebook: Notebook) -> bytes:
    """As JupyterLab and the classic notebook save it."""
    made = copy.deepcopy(notebook) | {"nbformat": 4, "nbformat_minor": 5}
    for number, cell in enumerate(made["cells"]):
        cell["source"] = lines(cell["source"])
        cell.setdefault("id", f"cell-{number}")
    return f"{json.dumps(made, indent=1, ensure_ascii=False)}\n".encode()


def colab(notebook: Notebook) -> bytes:
    """As Colab downloads it."""
    made = copy.deepcopy(notebook) | {"nbformat": 4, "nbformat_minor": 0}
    made["metadata"]["colab"] = {"provenance": [], "toc_visible": True}
    for number, cell in enumerate(made["cells"]):
        cell.pop("id", None)
        cell["source"] = lines(cell["source"])
        cell["metadata"] = {"id": f"xYz{number}"} | cell["metadata"]
        if cell["cell_type"] == "code":
            cell["metadata"]["outputId"] = f"out-{number}"
    return json.dumps(made, indent=2, ensure_ascii=False).encode()


def vscode(notebook: Notebook) -> bytes:
    """As VS Code saves it."""
    made = copy.deepcopy(notebook) | {"nbformat": 4, "nbformat_minor": 2}
    for cell in made["cells"]:
        cell.pop("id", None)
        cell["source"] = lines(cell["source"])
        if cell["cell_type"] == "code":
            cell["metadata"]["vscode"] = {"languageId": "python"}
    return f"{json.dumps(made, indent=1, ensure_ascii=False)}\n".encode()


EDITORS: Mapping[str, Callable[[Notebook], bytes]] = {
    "jupyter": jupyter,
    "colab": colab,
    "vscode": vscode,
}


def lines(source: str | list[str]) -> list[str]:
    """A source as editors write it: a list of lines with their ends."""
    return "".join(source).splitlines(keepends=True)


def added_code(source: str) -> dict:
    """A cell of code that a student adds."""
    cell = {"cell_type": "code", "id": "own-code", "metadata": {}, "source": source}
    return cell | {"outputs": [], "execution_count": None}


def printed(text: str) -> dict:
    """What a cell printed."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def plotted(content: bytes) -> dict:
    """A figure that a cell drew, as matplotlib's inline backend stores it."""
    data = {"image/png": base64.b64encode(content).decode("ascii")}
    data["text/plain"] = "<Figure size 640x480 with 1 Axes>"
    return {"output_type": "display_data", "data": data, "metadata": {}}


def photograph(width: int = 640, height: int = 480, form: str = "JPEG") -> bytes:
    """A noisy picture of this size, as a phone makes it."""
    noise = Image.effect_noise((width, height), 60).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, form)
    return buffer.getvalue()


def pdf() -> bytes:
    """A page of PDF with a line of text, as a printer driver writes it."""
    stream = zlib.compress(b"BT /F1 12 Tf 72 720 Td (A square has no sign.) Tj ET")
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream endobj\n"
        b"trailer<</Root 1 0 R>>\n%%%%EOF\n" % (len(stream), stream)
    )

"""The notebooks for a GPU, run without one: on digits, two steps, here and on meta."""

import json
from pathlib import Path

import nbformat
import pytest
import torch
from meta_values import META, meta_with_values

from tools import gpu_notebooks

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks/gpu").glob("*.ipynb"))
SETTINGS = {"DATA": "digits", "STEPS": "2", "BATCH": "32", "HIDDEN": "8"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request, monkeypatch) -> Path:
    """A notebook, and the settings with which it takes seconds."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"FLOWBOOK_{name}", value)
    return request.param


def run(notebook: Path, capsys: pytest.CaptureFixture) -> dict:
    """Run the cells in this process; return the report that the last one prints."""
    names: dict = {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, notebook.name, "exec"), names)
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def all_bits(report: dict) -> list[float]:
    bits = report["bits"]
    return list(bits.values()) if isinstance(bits, dict) else [bits]


def test_there_is_one_for_the_flows_and_one_for_the_latents():
    assert [n.stem for n in NOTEBOOKS] == ["hierarchies_and_codes", "image_flow"]


def test_it_says_that_no_card_was_measured(notebook):
    text = nbformat.read(notebook, as_version=4).cells[0].source
    assert "**Not yet run on a card.**" in text


def test_two_steps_on_digits_give_the_same_bits_on_another_device(
    notebook, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("FLOWBOOK_DEVICE", "cpu")
    monkeypatch.setenv("FLOWBOOK_CHECKPOINTS", str(tmp_path))
    here = run(notebook, capsys)
    # An untrained model is worse than the 17 levels alike, and no longer finite if a
    # term is missing or counted twice.
    assert all(0.5 < bits < 20 for bits in all_bits(here))
    assert here["steps"] == 2
    assert [*tmp_path.glob("*.pt")]
    monkeypatch.setenv("FLOWBOOK_DEVICE", str(META))
    monkeypatch.setenv("FLOWBOOK_CHECKPOINTS", "")
    with meta_with_values():
        there = run(notebook, capsys)
    assert there["device"] == "meta"
    torch.testing.assert_close(all_bits(there), all_bits(here), rtol=1e-3, atol=1e-3)


def test_the_command_answers_data_that_it_cannot_read_before_it_runs_anything(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(gpu_notebooks, "_run", lambda *given: pytest.fail("it ran"))
    assert gpu_notebooks.main([str(tmp_path / "none")], tmp_path) == 2
    assert "nothing is downloaded here" in capsys.readouterr().err
    (tmp_path / "set.npz").write_bytes(b"<html>")
    assert gpu_notebooks.main([str(tmp_path / "set.npz")], tmp_path) == 2
    assert "set.npz is no readable .npz file" in capsys.readouterr().err


def test_the_command_leaves_the_outputs_and_says_which_notebook_failed(
    tmp_path, capsys
):
    folder = tmp_path / "notebooks/gpu"
    folder.mkdir(parents=True)
    code = "import os\nprint(os.environ['FLOWBOOK_DATA'])"
    for name, text in ("a", code), ("b", "1 / 0"):
        cells = [nbformat.v4.new_code_cell(text)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    assert gpu_notebooks.main(["digits"], tmp_path) == 1
    told = capsys.readouterr()
    assert "a\ndigits\n" in told.out
    assert "b: a cell failed." in told.err
    done = nbformat.read(tmp_path / "_build/gpu/digits/a.ipynb", as_version=4)
    assert done.cells[0].outputs[0].text == "digits\n"

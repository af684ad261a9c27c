"""What editors leave around a right answer costs no point, whatever it is.

Magics that choose how figures are shown, installs, a mount that fails, megabytes of
outputs: built as Jupyter, Colab and VS Code save them, graded by the real commands.
"""

import os

import pytest
from class_commands import played_course
from downloads import Student, moodle_name, moodle_sheet, zipped
from editors import EDITORS, added_code, colab, plotted, printed
from tiny_assignment import NAME, RIGHT, cell_of, handed_in

from autograder.results.scores import read_class

pytestmark = pytest.mark.grading

ABOVE = {
    "notebook": "%matplotlib notebook",
    "widget": "%matplotlib widget",
    "qt": "%matplotlib qt",
    "tk": "%matplotlib tk",
    "inline": "%matplotlib inline",
    "window": "import matplotlib\nmatplotlib.use('TkAgg')",
    "switched": "import matplotlib.pyplot as plt\nplt.switch_backend('QtAgg')",
    "formats": "from IPython.display import set_matplotlib_formats as f\nf('svg')",
    "list": "%matplotlib -l",
    "two": "%matplotlib notebook\n%config InlineBackend.figure_format = 'retina'",
    "pip": "!pip install flowbook",
    "pipmagic": "%pip install flowbook",
    "reload": "%load_ext autoreload\n%autoreload 2",
    "unknown": "%load_ext tensorboard",
    "ofanextension": "%load_ext tensorboard\n%tensorboard --logdir runs",
    "folder": "%mkdir -p work\n%cd work\n%cd -q ..",
    "nofolder": "%cd /content/drive/MyDrive/course",
    "conda": "%conda install numpy",
    "saved": "%autosave 60\n%bookmark here",
    "time": "%%time",
    "capture": "%%capture",
}
SHELL = "!pip install -q x && ls /content"
MOUNT = "from google.colab import drive\ndrive.mount('/content/drive')"
WRONG = "def cube(x):\n    return 0"


def with_outputs(notebook: dict, size: int) -> dict:
    """The notebook with outputs of so many bytes, in figures and in lines."""
    cell = cell_of(notebook, "cube")
    figures = [plotted(os.urandom(3_000_000)) for _ in range(size // 5_000_000)]
    lines = [f"epoch {i}: loss {i / 7}\n" for i in range(size // 5 // 30)]
    cell["outputs"] = [*figures, printed(lines)]
    return notebook


def above(notebook: dict, code: str) -> dict:
    cell = cell_of(notebook, "cube")
    cell["source"] = f"{code}\n{cell['source']}"
    return notebook


def own(notebook: dict, code: str) -> dict:
    notebook["cells"].insert(1, added_code(code))
    return notebook


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """All of them in one class, collected and graded once; by student."""
    root = tmp_path_factory.mktemp("class")
    with pytest.MonkeyPatch.context() as patch:
        played = played_course(root, patch, Silent())
        right = {name: handed_in(played.exam) for name in work_names()}
        files = {}
        for number, (name, code) in enumerate(ABOVE.items()):
            save = list(EDITORS.values())[number % 3]
            files[f"in-{name}"] = save(above(right[f"in-{name}"], code))
            if not code.startswith("%%"):
                files[f"own-{name}"] = save(own(right[f"own-{name}"], code))
        files["shell"] = colab(own(right["shell"], SHELL))
        for size in (24, 45):
            made = with_outputs(right[f"outputs-{size}"], size * 1_000_000)
            files[f"outputs-{size}"] = colab(made)
        wrong = handed_in(played.exam, RIGHT | {"cube": WRONG})
        files["mount"] = colab(own(wrong, MOUNT))
        people = {n: Student(n, 500 + i, f"{n}@x.org") for i, n in enumerate(files)}
        packed = {
            moodle_name(people[name], f"{NAME}.ipynb"): content
            for name, content in files.items()
        }
        zipped(root / "in.zip", packed)
        (root / "list.csv").write_text(moodle_sheet(people.values()))
        played.run("collect", "T1", "in.zip", "--roster", "list.csv")
        status, out, err = played.run("grade", "T1", "--workers", "2")
        assert status == 0, out + err
        found = {each.result.student: each for each in read_class(played.course, NAME)}
        yield found


class Silent:
    """In the place of pytest's `capsys`, which no fixture of a module has."""

    def readouterr(self) -> tuple[str, str]:
        return "", ""


def work_names() -> list[str]:
    names = [f"{where}-{name}" for name in ABOVE for where in ("in", "own")]
    return [*names, "shell", "outputs-24", "outputs-45"]


@pytest.mark.parametrize("name", ABOVE)
def test_a_magic_above_a_right_answer_costs_nothing(classroom, name):
    assert classroom[f"in-{name}@x.org"].points == 5


@pytest.mark.parametrize("name", [n for n, c in ABOVE.items() if c[:2] != "%%"])
def test_a_magic_in_a_cell_of_its_own_costs_nothing(classroom, name):
    assert classroom[f"own-{name}@x.org"].points == 5


def test_a_command_of_the_shell_costs_nothing(classroom):
    assert classroom["shell@x.org"].points == 5


@pytest.mark.parametrize("size", [24, 45])
def test_megabytes_of_outputs_cost_nothing(classroom, size):
    scored = classroom[f"outputs-{size}@x.org"]
    assert (scored.points, scored.result.outcome) == (5, "graded")
    dropped = "kept without its outputs" in (scored.result.note or "")
    assert dropped == (size > 40)


def test_a_failed_mount_is_not_the_reason_of_a_wrong_answer(classroom):
    (cell,) = (
        score.cell
        for score in classroom["mount@x.org"].scores
        if score.cell.grade_id == "cube-test"
    )
    assert cell.idea == "the cube"
    assert "colab" not in f"{cell.error} {cell.hint} {cell.mistake}".lower()

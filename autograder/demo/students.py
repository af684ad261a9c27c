"""The demonstration class, made from an assignment's right and wrong answers.

The people are invented. Each starts from the handed-out notebook and puts answers in:
the reference, another right answer, a typical mistake; or hands in something damaged.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.assignment.cells import grade_id, is_answer, is_test
from autograder.assignment.exam import (
    FilledIn,
    read_source,
    student_notebook,
    student_version,
)
from autograder.course.folder import write_whole
from autograder.model import CourseError
from autograder.release.variants import Variant, assignment_source, read_variants

# fmt: off
NAMES = (
    "abebe_tesfaye", "aino_korhonen", "amina_diallo", "ananya_iyer", "anders_holm",
    "aroha_ngata", "bilal_rahman", "camila_rojas", "chen_wei", "chidi_okafor",
    "daniel_cohen", "elena_popova", "elif_kaya", "emma_clark", "farid_nasser",
    "giulia_conti", "hana_sato", "ines_duarte", "jakub_nowak", "jin_park",
    "kamala_rao", "kofi_mensah", "lea_martin", "leila_karimi", "linh_nguyen",
    "lucas_weber", "maeve_byrne", "malia_kealoha", "marta_horvat", "mateo_vargas",
    "mei_tan", "nadia_haddad", "nikos_pappas", "omar_farouk", "priya_nair",
    "rosa_quispe", "samir_joshi", "sara_lind", "tala_reyes", "thabo_dlamini",
    "yara_mansour", "yuki_mori", "zofia_wozniak", "zuri_achieng",
)
# fmt: on
MOST_MISTAKES = 5  # of one student
SCHEME = "**Marking scheme"  # a model answer may end with one: no student writes it
LOOP = """residual = 1.0
while residual > 0:  # until it has converged
    residual = 0.5 * residual + 1e-12

"""
WARNS = """import sys
import warnings

warnings.warn("this takes the slow way", stacklevel=1)
print("still here", file=sys.stderr)

"""
NOTE = "A note to myself: look at the hint again, and draw a picture first."
SCRATCH = "# scratch\ntrial = [n / 10 for n in range(10)]\nsum(trial)"


@dataclass(frozen=True)
class HandedIn:
    """What one invented student hands in, and the story behind it."""

    student: str
    story: str
    filename: str
    content: bytes


def make_class(source_dir: Path, to: Path, seed: int = 0) -> list[Path]:
    """Write the class as TO/STUDENT/FILE.ipynb, one file a student; return the paths.

    `source_dir` is an assignment's folder: NAME/NAME.md and NAME/variants.md. The same
    seed gives the same bytes. Raises CourseError when `to` holds anything else.
    """
    paths = {
        to / each.student / each.filename: each.content
        for each in the_class(source_dir, seed)
    }
    strangers = [path for path in to.glob("*/*") if path not in paths]
    if strangers:
        raise CourseError(
            f"{to}: expected an empty folder, or this very class; found {strangers[0]}."
        )
    for path, content in paths.items():
        write_whole(path, content)
    return list(paths)


def the_class(source_dir: Path, seed: int = 0) -> list[HandedIn]:
    """Everybody's submission, in the order of the stories."""
    draw = random.Random(seed)
    names = draw.sample(NAMES, len(NAMES))
    handed = list(Stories(source_dir, draw).tell())
    names += [f"student_{i}" for i in range(len(names) + 1, len(handed) + 1)]
    return [
        HandedIn(name, story, filename, content)
        for name, (story, filename, content) in zip(names, handed, strict=False)
    ]


Told = tuple[str, str, bytes]  # a story, a file's name, its content


class Stories:
    """Makes each student's file out of the answers to one assignment."""

    def __init__(self, source_dir: Path, draw: random.Random) -> None:
        source_dir = source_dir.resolve()
        self.source = assignment_source(source_dir)
        self.draw = draw
        self.filled_in = FilledIn(self.source)
        self.file = f"{source_dir.name}.ipynb"
        variants = read_variants(source_dir)
        self.mutants = [v for v in variants if v.kind == "mutant"]
        self.alternatives = [v for v in variants if v.kind == "alternative"]
        cells = filter(is_answer, student_notebook(self.source).cells)
        self.stubs = {grade_id(cell): cell.source for cell in cells}
        self.written = self.model_derivations()
        code = [
            c.source for c in read_source(self.source).cells if c.cell_type == "code"
        ]
        self.trains = any(".backward()" in source for source in code)
        self.answers = {
            grade_id(cell): cell["source"]
            for cell in _notebook(self.right())["cells"]
            if is_answer(cell) and cell["cell_type"] == "code"
        }

    def model_derivations(self) -> dict[str, str]:
        """The model's written answers as a student hands them in."""
        cells = filter(is_answer, read_source(self.source).cells)
        cells = [cell for cell in cells if cell.cell_type == "markdown"]
        lines = {grade_id(c): c.source.partition(SCHEME)[0].split("\n") for c in cells}
        return {
            name: "\n".join(line for line in kept if not line.startswith("###")).strip()
            for name, kept in lines.items()
        }

    def right(self, replace: Mapping[str, str] | None = None) -> bytes:
        """The reference answers, with some cells answered otherwise."""
        return self.filled_in(self.written | dict(replace or {}))

    def tell(self) -> Iterator[Told]:
        """All stories: right, wrong, unfinished, damaged, odd."""
        yield "right", self.file, self.right()
        for chosen in self.other_ways():
            yield "right in another way", self.file, self.right(chosen)
        for chosen, is_first in self.wrong_ways():
            story = "; ".join(f"{v.name} ({v.replaces})" for v in chosen)
            wrong = {v.replaces: v.source for v in chosen}
            if is_first:
                yield story, self.file, self.right(wrong)
                continue
            rest = self.stubs if self.trains else {}
            rest = {name: stub for name, stub in rest.items() if name in self.answers}
            yield story, self.file, self.brief(self.right(rest | wrong))
        yield "blank", self.file, student_version(self.source)
        yield "half finished", self.file, self.right(self.second_half_as_given())
        yield "an endless loop", self.file, self.begins_with(LOOP, -1)
        yield "broken JSON", self.file, self.right()[: len(self.right()) * 3 // 5]
        yield "a deleted test cell", self.file, self.without_a_test()
        yield "a renamed file", self.file.replace(".", " (1)."), self.right()
        yield "warnings on stderr", self.file, self.begins_with(WARNS, 0)
        yield "extra cells", self.file, self.with_extra_cells()

    def other_ways(self) -> Iterator[dict[str, str]]:
        """The n-th alternative of every cell, for n = 1, 2, ... until none is new."""
        queues = _by_cell(self.alternatives)
        for turn in range(max(map(len, queues.values()), default=0)):
            yield {
                name: queue[min(turn, len(queue) - 1)].source
                for name, queue in queues.items()
            }

    def wrong_ways(self) -> Iterator[tuple[list[Variant], bool]]:
        """Each mutant once: the first of every cell alone, then up to five a student.

        Where something is trained, the others' students leave the rest open: what a
        right answer does there takes seconds, and others show it.
        """
        queues = _by_cell(self.draw.sample(self.mutants, len(self.mutants)))
        for queue in queues.values():
            yield [queue.pop()], True
        while any(queues.values()):
            longest = sorted(queues.values(), key=len, reverse=True)
            yield [queue.pop() for queue in longest[:MOST_MISTAKES] if queue], False

    def brief(self, content: bytes) -> bytes:
        """The same, but the written answers are only begun."""

        def change(cells: list[dict[str, Any]]) -> None:
            for cell in cells:
                if grade_id(cell) in self.written:
                    cell["source"] = cell["source"].split("\n\n")[0]

        return _edited(content, change)

    def second_half_as_given(self) -> dict[str, str]:
        """The later answer cells as they were handed out."""
        later = list(self.stubs)[len(self.stubs) // 2 :]
        return {name: self.stubs[name] for name in later}

    def begins_with(self, text: str, which: int) -> bytes:
        """Right answers, with some lines before one of the code answers."""
        name = list(self.answers)[which]
        return self.right({name: text + self.answers[name]})

    def without_a_test(self) -> bytes:
        """Right answers in a notebook that lost its first test cell."""

        def change(cells: list[dict[str, Any]]) -> None:
            cells.remove(next(cell for cell in cells if is_test(cell)))

        return _edited(self.right(), change)

    def with_extra_cells(self) -> bytes:
        """Right answers, the first one in a new cell of its own; a note, a scratch."""
        name = next(iter(self.answers))
        content = self.right({name: "# It is in the cell above: more room there."})

        def change(cells: list[dict[str, Any]]) -> None:
            place = [grade_id(cell) for cell in cells].index(name)
            cells[place:place] = [
                _new("markdown", NOTE),
                _new("code", self.answers[name]),
            ]
            cells.append(_new("code", SCRATCH))

        return _edited(content, change)


def _by_cell(variants: Iterable[Variant]) -> dict[str, list[Variant]]:
    queues: dict[str, list[Variant]] = {}
    for variant in variants:
        queues.setdefault(variant.replaces, []).append(variant)
    return queues


def _new(kind: str, source: str) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": f"new-{kind}-{len(source)}", "metadata": {}}
    return (
        cell
        | {"source": source}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
    )


def _edited(content: bytes, change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    notebook = _notebook(content)
    change(notebook["cells"])
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _notebook(content: bytes) -> dict[str, Any]:
    notebook = json.loads(content)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])  # a string, or a list of lines
    return notebook

"""What a course holds of a student is shown whole, and after `--delete` it is gone."""

import json
import os
import sqlite3
import zipfile
from contextlib import closing

import pytest
from class_commands import Played, played_copy, work
from downloads import Student
from tiny_assignment import NAME, tiny_course

from autograder.cli import main
from autograder.course.folder import alone
from autograder.upkeep import delete_student
from autograder.upkeep.course_file import without
from autograder.upkeep.one_student import Identity, naming

ADA = Student("Ada Lovelace", 4711, "ada@example.org")
BEN = Student("Ben Bo", 4712, "ben@example.org")
TRACES = (b"ada@example.org", b"Ada Lovelace", b"4711", b"ada%40example.org")
RULES = """# who is who
attempts = "best"
dropped = ["carl@example.org", "ADA@example.org"]
[due]
T1 = 2026-11-27  # a Friday
[extensions.T1]
"ada@example.org" = 2
"ben@example.org" = 1
[excused]
"Ada@example.org" = ["T1"]
[accommodations]
"ada@example.org" = {days = 1}
'ben@example.org' = {days = 2}
"""
ROSTER = (
    "student,name,lms_id\nada@example.org,Ada Lovelace,4711\n"
    "ben@example.org,Ben Bo,4712\nada.b@example.org,Ada Byron,4713\n"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A course in which every command has left what it leaves of two students."""
    root = tmp_path_factory.mktemp("made")
    played = Played(root, *tiny_course(root), None)
    course = ("--course", str(played.course.root))
    (root / "class.csv").write_text(ROSTER)
    class_list = ("--roster", str(root / "class.csv"))
    for number in (1, 2):  # two attempts
        for person in (ADA, BEN):
            folder = root / "in" / person.email
            folder.mkdir(parents=True, exist_ok=True)
            why = f"Try {number} of {person.name}."
            (folder / f"{NAME}.ipynb").write_bytes(work(played, person, why=why))
        assert main(["collect", "T1", str(root / "in"), *class_list, *course]) == 0
    played.record_all(3.0)
    with played.course.gradebook() as gradebook:
        for person in (ADA, BEN):
            comment = gradebook.find_comment("why", NAME, NAME, person.email)
            comment.manual_comment = f"Well said, {person.name}."
        gradebook.db.commit()
    for done in (
        ("feedback", "T1"),
        ("report", "T1"),
        ("export", "T1"),
        ("return", "T1", "--to", "folder"),
        ("status", "--page", "-o", str(played.course.root / "reports" / "all.csv")),
    ):
        assert main([*done, *course]) == 0, done
    personal = played.course.root / "personal" / NAME / ADA.email / f"{NAME}.ipynb"
    personal.parent.mkdir(parents=True)
    personal.write_text("{}")
    back = played.course.root / "reports" / "back.zip"
    with zipfile.ZipFile(back, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Ada Lovelace_4711_file_/page.html", "x" * 99)
    played.rules(RULES)
    return root


@pytest.fixture
def played(made, tmp_path, monkeypatch, capsys):
    return played_copy(made, tmp_path, monkeypatch, capsys)


def traces(root):
    """Where a name, an id, or a number of Ada's stands: names, bytes, zips, tables."""
    found = set()
    for folder, folders, names in os.walk(root):
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            texts = [os.fsencode(name)]
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    texts.append(file.read())
                if zipfile.is_zipfile(path):
                    with zipfile.ZipFile(path) as archive:
                        texts += map(str.encode, archive.namelist())
            text = b"\n".join(texts).lower()
            found |= {path for trace in TRACES if trace.lower() in text}
    with closing(sqlite3.connect(root / "gradebook.db")) as database:
        dump = "\n".join(database.iterdump()).lower()
    return found | {"dump" for trace in TRACES if trace.decode().lower() in dump}


def others(root):
    """What the course holds of Ben."""
    kinds = ("submitted", "attempts", "autograded", "feedback")
    return {
        str(path): path.read_bytes()
        for kind in kinds
        for path in (root / kind / BEN.email).rglob("*")
        if path.is_file()
    }


def test_all_places_are_shown_and_nothing_is_changed(played):
    before = traces(played.course.root)
    status, out, _ = played.run("student", "ADA@example.org")
    assert status == 0
    assert traces(played.course.root) == before
    for line in (
        "ada@example.org (Ada Lovelace, 4711)",
        "submitted/ada@example.org: 2 files",
        "attempts/ada@example.org: ",
        "autograded/ada@example.org: ",
        "feedback/ada@example.org: 1 file",
        f"results/{NAME}/ada@example.org.json: 1 file",
        f"personal/{NAME}/ada@example.org: 1 file",
        "gradebook: 1 submission, 3 scores, 1 comment",
        f"rosters/{NAME}.csv: 1 row",
        "course.toml: dropped",
        "course.toml: [extensions.T1]",
        "course.toml: [excused]",
        "course.toml: [accommodations]",
        f"reports/{NAME}.html: names them",
        "reports/course.html: names them",
        "reports/back.zip: names them",
    ):
        assert line in out
    status, out, _ = played.run("student", "Ada Lovelace", "--json")
    assert json.loads(out)["ids"] == ["ada@example.org"]


def test_after_a_deletion_no_file_and_no_table_names_the_student(played):
    root = played.course.root
    assert len(traces(root)) > 15
    ben = others(root)
    status, out, err = played.run("student", "4711", "--delete", "--yes")
    assert (status, err) == (0, "")
    assert "Backups, and what was written outside" in out
    assert traces(root) == set()
    assert others(root) == ben
    with closing(sqlite3.connect(root / "gradebook.db")) as database:
        scores = database.execute("SELECT count(*), sum(manual_score) FROM grade")
        assert scores.fetchone() == (3, 3.0)
    assert (root / "rosters" / f"{NAME}.csv").read_text() == (
        "student,name,lms_id\nben@example.org,Ben Bo,4712\n"
        "ada.b@example.org,Ada Byron,4713\n"
    )
    assert (root / "course.toml").read_text() == (
        '# who is who\nattempts = "best"\ndropped = ["carl@example.org", ]\n'
        "[due]\nT1 = 2026-11-27  # a Friday\n"
        '[extensions.T1]\n"ben@example.org" = 1\n'
        "[excused]\n[accommodations]\n'ben@example.org' = {days = 2}\n"
    )
    assert played.run("report", "T1")[0] == 0
    assert traces(root) == set()
    status, _, err = played.run("student", "4711")
    assert (status, err.count("\n")) == (2, 1)
    assert "nobody in the course is called so" in err


def test_nothing_is_deleted_without_a_yes_or_while_another_command_works(played):
    before = traces(played.course.root)
    status, out, err = played.run("student", ADA.email, "--delete")
    assert (status, err.count("\n")) == (2, 1)
    assert "nothing was deleted" in err
    assert "submitted/ada@example.org" in out
    with alone(played.course):
        status, _, err = played.run("student", ADA.email, "--delete", "--yes")
    assert (status, "another `autograder` command" in err) == (2, True)
    assert traces(played.course.root) == before


def test_a_deletion_that_was_stopped_is_finished_by_the_same_command(
    played, monkeypatch
):
    for step in ("remove", "remove_entries", "leave_course_file", "remove_rows"):
        with monkeypatch.context() as patched:

            def stop(*some):
                raise KeyboardInterrupt

            patched.setattr(delete_student, step, stop)
            played.run("student", "4711", "--delete", "--yes")
    assert played.run("student", "4711", "--delete", "--yes")[0] == 0
    assert traces(played.course.root) == set()


def test_what_stands_in_anothers_work_is_left_and_named(played):
    (played.submitted(BEN.email) / "thanks.txt").write_text("I asked Ada Lovelace.")
    status, out, _ = played.run("student", ADA.email, "--delete", "--yes")
    assert status == 1
    assert f"look at: submitted/ben@example.org/{NAME}/thanks.txt" in out
    assert len(traces(played.course.root)) == 1


def test_a_name_of_several_is_refused(played):
    roster = played.course.root / "rosters" / f"{NAME}.csv"
    roster.write_text(roster.read_text() + "twin@example.org,Ada Byron,4714\n")
    status, _, err = played.run("student", "ada byron", "--delete", "--yes")
    assert (status, err.count("\n")) == (2, 1)
    assert "may be ada.b@example.org or twin@example.org" in err


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            'dropped = [\n  "a",  # ill\n  "b",\n]\n',
            'dropped = [\n  # ill\n  "b",\n]\n',
        ),
        ("dropped = ['a']\n", "dropped = []\n"),
        ("[accommodations.A]\ndays = 1\n[due]\nb = 2026-01-01\n", None),
        ('[accommodations."a"]\ndays = 1\n[late]\nmost = 1\n', "[late]\nmost = 1\n"),
        ("[due]\na = 2026-01-01\n", "[due]\na = 2026-01-01\n"),  # an assignment
        ("[excused]\na = [\n'A1',\n]\n", ValueError),
        ("excused = {a = ['A1']}\n", ValueError),
        ("[accommodations]\na.days = 1\n", ValueError),
    ],
)
def test_the_course_file_keeps_what_is_anothers_or_is_left_to_a_person(text, left):
    if left is ValueError:
        with pytest.raises(ValueError, match="in a way that is not changed"):
            without(text, ["a"])
        return
    left = text.split("days = 1\n")[1] if left is None else left
    assert without(text, ["a"]) == left


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ada", True),
        ("Ada_4711_file", True),
        ("ada.html", True),
        ("by (ADA)", True),
        ("ada@example.org", True),
        ("ada.b@example.org", False),
        ("adam, nevada", False),
        ("\\u00e9milie", True),
        ("émilie", True),
        ("a&lt;b", True),
    ],
)
def test_a_name_is_found_as_files_write_it_and_not_in_a_longer_one(text, named):
    who = Identity(("ada", "émilie", "a<b"))
    assert bool(naming(who).search(text.encode())) is named

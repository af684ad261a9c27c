"""A backup gives the course back as it was, or says in one sentence why it does not."""

import hashlib
import json
import os
import signal
import sqlite3
import stat
import zipfile
from contextlib import closing

import pytest
from class_commands import Played, played_copy
from postgres_server import postgres
from tiny_assignment import NAME, hand_in, handed_in, tiny_course

from autograder.assignment.per_student import course_secret
from autograder.course.folder import alone
from autograder.upkeep import backup
from autograder.upkeep.rows import copy_gradebook

__all__ = ["postgres"]  # a fixture
LIST = "backup.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A graded course of two, with a secret and an empty folder."""
    folder = tmp_path_factory.mktemp("made")
    played = Played(folder, *tiny_course(folder), None)
    for student in ("ada", "émilie"):
        hand_in(played.course, student, handed_in(played.exam))
    played.submitted("eve").mkdir(parents=True)
    played.record_all()
    course_secret(played.course)
    played.rules('dropped = ["eve"]\n')
    return folder


@pytest.fixture
def played(made, tmp_path, monkeypatch, capsys):
    return played_copy(made, tmp_path, monkeypatch, capsys)


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


def files(root):
    """The contents and rights of all files but the gradebook's."""
    return {
        str(path.relative_to(root)): (
            path.read_bytes(),
            stat.S_IMODE(path.stat().st_mode),
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.name not in ("gradebook.db", ".grading", "nbgrader_config.py")
    }


def read(name):
    with open(name, encoding="utf-8") as file:
        return file.read()


def rows(root):
    with closing(sqlite3.connect(root / "gradebook.db")) as database:
        return list(database.iterdump())


def test_a_restored_course_is_the_course(played):
    status, _, err = played.run("backup", "-o", "kept.zip")
    assert (status, err) == (0, "")
    assert rights(played.root / "kept.zip") == 0o600
    assert played.run("restore", "kept.zip", "--into", "again/course")[0] == 0
    root = played.root / "again" / "course"
    assert files(root) == files(played.course.root)
    assert files(root)[".secret"][1] == 0o600
    assert rows(root) == rows(played.course.root)
    assert (root / "submitted" / "eve" / NAME).is_dir()
    config = (root / "nbgrader_config.py").read_text()
    assert str(root) in config
    assert f"'{played.course.root}'" not in config
    same = [
        played.run("export", "T1", "-o", "x.csv", "--course", str(each))[0:2]
        for each in (played.course.root, root)
    ]
    assert same[0] == same[1]
    assert sorted(os.listdir("again")) == ["course"]


def test_a_gradebook_on_a_server_is_backed_up_and_restored_anywhere(played, postgres):
    url = postgres()
    served = type(played.course)(played.course.root, url)
    own = f"sqlite:///{played.course.root}/gradebook.db"
    copy_gradebook(own, served.url, "course")
    before = played.run("export", "T1", "-o", "x.csv"), read("x.csv")
    before_rows = sorted(rows(played.course.root))
    config = played.course.root / "nbgrader_config.py"
    config.write_text(config.read_text().replace(own, url))
    (played.course.root / "gradebook.db").unlink()
    assert played.run("backup", "-o", "kept.zip")[::2] == (0, "")

    assert played.run("restore", "kept.zip", "--into", "file")[0] == 0
    assert sorted(rows(played.root / "file")) == before_rows
    assert "postgresql" not in (played.root / "file/nbgrader_config.py").read_text()
    status, _, err = played.run("restore", "kept.zip", "--into", "again", "--db", url)
    assert (status, os.path.exists("again")) == (2, False)
    assert "an empty database was expected" in err
    fresh = postgres()
    assert played.run("restore", "kept.zip", "--into", "moved", "--db", fresh)[0] == 0
    assert not (played.root / "moved/gradebook.db").exists()
    for folder in ("file", "moved", "course"):
        again = played.run("export", "T1", "-o", "x.csv", "--course", folder)
        assert (again, read("x.csv")) == before


def test_a_backup_holds_the_gradebook_as_it_is_while_formgrader_writes(played):
    before = rows(played.course.root)
    path = played.course.root / "gradebook.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("UPDATE grade SET manual_score = 99")  # not committed yet
        assert played.run("backup", "-o", "kept.zip")[0] == 0
    played.run("restore", "kept.zip", "--into", "again")
    assert rows(played.root / "again") == before


def test_a_backup_that_is_killed_leaves_the_old_one_and_nothing_else(played):
    (played.root / "kept.zip").write_bytes(b"the old one")
    child = os.fork()
    if not child:
        written = []

        def write_file(*some):
            written.append(some)
            if len(written) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return whole(*some)

        whole, backup.write_file = backup.write_file, write_file
        played.run("backup", "-o", "kept.zip")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert (played.root / "kept.zip").read_bytes() == b"the old one"
    assert played.run("backup", "-o", "kept.zip")[0] == 0
    assert zipfile.is_zipfile("kept.zip")
    assert [name for name in os.listdir() if name.startswith(".kept")] == []


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("course/kept.zip", "a place outside the course was expected"),
        ("solutions", "the name of a file was expected"),
    ],
)
def test_a_backup_in_a_wrong_place_is_refused(played, where, said):
    status, out, err = played.run("backup", "-o", where)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_no_backup_is_made_while_another_command_works_or_of_nothing(played):
    with alone(played.course, NAME):
        status, _, err = played.run("backup", "-o", "kept.zip")
    assert (status, err.count("\n")) == (2, 1)
    assert "another `autograder` command is at work" in err
    status, _, err = played.run("backup", "-o", "kept.zip", "--course", "nowhere")
    assert (status, "no course to back up" in err) == (2, True)
    assert not (played.root / "kept.zip").exists()
    assert not (played.root / "nowhere").exists()


def test_what_cannot_be_kept_is_named(played):
    (played.course.root / "link").symlink_to("/etc")
    status, out, _ = played.run("backup", "-o", "kept.zip")
    assert status == 1
    assert "link: a link, which is not backed up." in out


def changed(contents):
    contents[f"results/{NAME}/ada.json"] += b" "


def shorter(contents):
    contents[f"results/{NAME}/ada.json"] = b""


def missing(contents):
    del contents[f"results/{NAME}/ada.json"]


def added(contents):
    contents["more.txt"] = b"?"


def relisted(change):
    def changes(contents):
        found = json.loads(contents[LIST])
        change(contents, found)
        contents[LIST] = json.dumps(found).encode()

    return changes


def entered(name, content=b"out"):
    def change(contents, found):
        contents[name] = content
        digest = hashlib.sha256(content).hexdigest()
        found["files"][name] = {"sha256": digest, "size": len(content), "mode": 0o644}

    return relisted(change)


def unlisted(contents):
    del contents[LIST]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed, "larger than its list says"),
        (shorter, "its hash differs"),
        (missing, "disagree about “results/t1_tiny/ada.json”"),
        (added, "disagree about “more.txt”"),
        (unlisted, "a file that `autograder backup` wrote was expected"),
        (entered("../out"), "“../out” leads out of the course"),
        (entered("/tmp/out"), "leads out of the course"),
        (entered("a/../../out"), "leads out of the course"),
        (entered("C:\\out"), "leads out of the course"),
        (entered("results"), "is a file and a folder at once"),
        (entered("gradebook.db", b"no database" * 99), "its gradebook is damaged"),
        (relisted(lambda _, found: found["folders"].append("../x")), "leads out"),
        (relisted(lambda _, found: found.update(version=2)), "its version is 2"),
        (relisted(lambda _, found: found.update(files=[])), "not one of a backup"),
        (relisted(lambda _, found: found.pop("made")), "not one of a backup"),
    ],
)
def test_a_backup_that_is_amiss_is_refused_whole(played, change, said):
    assert played.run("backup", "-o", "kept.zip")[0] == 0
    with zipfile.ZipFile("kept.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    with zipfile.ZipFile("kept.zip", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    before = sorted(os.listdir())
    status, out, err = played.run("restore", "kept.zip", "--into", "again")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert sorted(os.listdir()) == before


def test_a_backup_that_is_cut_short_is_refused(played):
    assert played.run("backup", "-o", "kept.zip")[0] == 0
    content = (played.root / "kept.zip").read_bytes()
    (played.root / "kept.zip").write_bytes(content[: len(content) // 2])
    status, _, err = played.run("restore", "kept.zip", "--into", "again")
    assert (status, err.count("\n")) == (2, 1)
    assert "not a readable zip file" in err
    assert not (played.root / "again").exists()


def test_a_folder_with_something_in_it_is_not_restored_into(played):
    assert played.run("backup", "-o", "kept.zip")[0] == 0
    status, _, err = played.run("restore", "kept.zip", "--into", "course")
    assert (status, "a new or an empty folder was expected" in err) == (2, True)
    (played.root / "empty").mkdir()
    assert played.run("restore", "kept.zip", "--into", "empty")[0] == 0
    assert (played.root / "empty" / "gradebook.db").is_file()

"""Hostile and damaged archives: each bad entry is its own error, within the caps."""

import gzip
import io
import random
import struct
import tarfile
import tracemalloc
import zipfile

import pytest
from lms_files import link_entry, zip_bytes, zip_with

from autograder.archives import MAX_FILES, MAX_TOTAL, unpacked
from autograder.judge.read_file import MAX_BYTES


def read(content, name="work.zip"):
    """What each file of an archive gives: its bytes, or the reason against it."""
    given = {}
    for found in unpacked(name, content):
        try:
            given[str(found.path)] = found.read(MAX_BYTES)
        except ValueError as error:
            given[str(found.path)] = str(error)
    return given


def tar_bytes(*members, mode="w:gz"):
    """A tar archive of (TarInfo, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_plain_archive_gives_its_files():
    files = {"a.ipynb": b"{}", "data/b.csv": b"1,2"}
    assert read(zip_bytes(files)) == files
    assert read(zip_bytes(files, zipfile.ZIP_STORED)) == files
    tar = tar_bytes(*((tar_member(name), content) for name, content in files.items()))
    assert read(tar, "work.tar.gz") == read(tar, "WORK.TGZ") == files


def test_what_systems_leave_behind_is_left_out():
    junk = ("__MACOSX/._a.ipynb", ".DS_Store", ".ipynb_checkpoints/a.ipynb", "d/")
    assert list(read(zip_bytes(dict.fromkeys((*junk, "a.ipynb"), b"")))) == ["a.ipynb"]


@pytest.mark.parametrize(
    "path", ["../a.ipynb", "/etc/a.ipynb", "C:\\a.ipynb", "x/../y"]
)
def test_a_path_that_leads_out_is_not_taken(path):
    assert list(read(zip_bytes({path: b"x", "good.ipynb": b"{}"}))) == ["good.ipynb"]
    tar = tar_bytes((tar_member(path), b"x"), (tar_member("good.ipynb"), b"{}"))
    assert list(read(tar, "a.tar.gz")) == ["good.ipynb"]


def test_a_link_is_no_file():
    assert "is a link" in read(link_entry("a.ipynb", "/etc/passwd"))["a.ipynb"]
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        tar = tar_bytes((tar_member("a.ipynb", kind, "/etc/passwd"), b""))
        assert "is a link" in read(tar, "a.tar.gz")["a.ipynb"]
    tar = tar_bytes((tar_member("a.ipynb", tarfile.FIFOTYPE), b""))
    assert "a special file" in read(tar, "a.tgz")["a.ipynb"]


def test_a_locked_entry_is_named_and_the_others_are_read():
    content = bytearray(zip_bytes({"a.ipynb": b"x", "b.ipynb": b"{}"}))
    content[6] |= 1  # the flag of the first local header
    content[content.find(b"PK\x01\x02") + 8] |= 1
    given = read(bytes(content))
    assert "locked with a password" in given["a.ipynb"]
    assert given["b.ipynb"] == b"{}"


def test_a_wrong_checksum_is_damage():
    content = zip_bytes(
        {"a.ipynb": b"0123456789", "b.ipynb": b"{}"}, zipfile.ZIP_STORED
    )
    given = read(content.replace(b"0123456789", b"0123456780"))
    assert "is damaged in the archive" in given["a.ipynb"]
    assert given["b.ipynb"] == b"{}"


def test_a_packing_method_with_a_large_memory_is_not_used():
    given = read(zip_bytes({"a.ipynb": b"x"}, zipfile.ZIP_LZMA))
    assert "a method that is not read" in given["a.ipynb"]


def test_a_bomb_costs_little_memory_and_is_named():
    files = {"a.ipynb": bytes(15_000_000), "b.ipynb": bytes(230_000_000)}
    bomb = zip_bytes(files | {"c.ipynb": b"{}"})
    tracemalloc.start()
    given = read(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "200 times itself" in given["a.ipynb"]
    assert "larger than 40 MB" in given["b.ipynb"]
    assert given["c.ipynb"] == b"{}"
    assert peak < 2 * MAX_BYTES + 4 * len(bomb)


def test_a_file_that_hardly_packs_is_still_capped():
    noise = random.Random(0).randbytes(MAX_BYTES + 1)
    assert "larger than 40 MB" in read(zip_bytes({"a.ipynb": noise}))["a.ipynb"]


def test_entries_that_share_their_bytes_are_refused():
    """Two entries of the directory point at one and the same file."""
    content = zip_bytes({"a.ipynb": b"x" * 40, "b.ipynb": b"y"}, zipfile.ZIP_STORED)
    second = content.rfind(b"PK\x01\x02")
    entry = bytearray(content[second:])
    entry[42:46] = struct.pack("<L", 10)  # its header, it says, lies inside the first
    given = read(content[:second] + bytes(entry))
    assert set(given) == {"a.ipynb", "b.ipynb"}
    assert all("shares its bytes" in said for said in given.values())


def test_the_number_of_files_is_capped_before_they_are_listed():
    with pytest.raises(ValueError, match=f"more than {MAX_FILES} files"):
        read(zip_bytes({f"{i}.ipynb": b"" for i in range(MAX_FILES + 1)}))
    members = [(tar_member(f"{i}.ipynb"), b"") for i in range(MAX_FILES + 1)]
    with pytest.raises(ValueError, match=f"more than {MAX_FILES} files"):
        read(tar_bytes(*members), "a.tar.gz")


def test_a_packed_tar_is_capped_as_it_is_read():
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        info = tar_member("a.bin")
        info.size = MAX_TOTAL * 2
        file.write(info.tobuf())
        for _ in range(MAX_TOTAL * 2 // 10_000_000):
            file.write(bytes(10_000_000))
    with pytest.raises(ValueError, match="unpacks to more than 100 MB"):
        read(buffer.getvalue(), "a.tar.gz")


@pytest.mark.parametrize("name", ["a.rar", "a.7z", "a.ipynb.gz", "a.tar.bz2"])
def test_another_format_is_refused_by_name(name):
    with pytest.raises(ValueError, match="archive, which is not opened"):
        unpacked(name, b"")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x1f\x8b", b"x" * 2000])
def test_what_is_no_archive_is_said_to_be_none(name, content):
    with pytest.raises(ValueError, match=f"'{name}' was not opened"):
        unpacked(name, content)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar"])
def test_no_damage_escapes_as_another_exception(name):
    """Random bytes changed in good archives: values, or ValueError, and no more."""
    draw = random.Random(0)
    files = {"a.ipynb": b"{}" * 50, "b/c.ipynb": b"xyz"}
    members = [(tar_member(n), content) for n, content in files.items()]
    good = {
        "a.zip": zip_bytes(files),
        "a.tar.gz": tar_bytes(*members),
        "a.tar": tar_bytes(*members, mode="w"),
    }[name]
    outcomes = set()
    for _ in range(300):
        content = bytearray(good)
        for _ in range(draw.randint(1, 8)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        content = content[: draw.choice([len(content), draw.randrange(len(content))])]
        try:
            read(bytes(content), name)
            outcomes.add("read")
        except ValueError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_name_without_the_utf8_flag_is_understood():
    content = bytearray(zip_bytes({"Übung.ipynb": b"{}"}))
    content[7] &= 0xF7
    content[content.find(b"PK\x01\x02") + 9] &= 0xF7
    assert list(read(bytes(content))) == ["Übung.ipynb"]


def test_a_second_entry_of_one_name_is_not_used():
    info = zipfile.ZipInfo("a.ipynb")
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zip_with(info, b"first", "a.ipynb")
    assert read(content) == {"a.ipynb": b"first"}

"""Image files: bytes written by hand come back; a damaged file is one sentence."""

import gzip
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from flowbook import image_files
from flowbook.image_files import as_rows, digit_images, image_set, padded, read_idx

# Two images of two rows and three columns, and the labels 7 and 1, byte by byte.
PICTURES = bytes.fromhex(
    "00000803 00000002 00000002 00000003 000102030405 fffefdfcfbfa"
)
LABELS = bytes.fromhex("00000801 00000002 0701")
NAMES = {
    "train-images-idx3-ubyte": PICTURES,
    "train-labels-idx1-ubyte": LABELS,
    "t10k-images-idx3-ubyte": PICTURES,
    "t10k-labels-idx1-ubyte": LABELS,
}
FIRST = [[[0, 1, 2], [3, 4, 5]], [[255, 254, 253], [252, 251, 250]]]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the four files, two of them packed."""
    for name, data in NAMES.items():
        if name.startswith("t10k"):
            name, data = f"{name}.gz", gzip.compress(data)
        write(tmp_path / name, data)
    return tmp_path


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_idx_file_written_by_hand_is_read(tmp_path, pack):
    array = read_idx(write(tmp_path / "any name", pack(PICTURES)))
    assert array.dtype == torch.uint8
    assert array.tolist() == FIRST


def test_lengths_are_four_bytes_the_highest_first(tmp_path):
    data = struct.pack(">BBBBI", 0, 0, 8, 1, 258) + bytes(258)
    assert data[4:8] == b"\x00\x00\x01\x02"
    assert read_idx(write(tmp_path / "f", data)).shape == (258,)


def test_a_file_of_more_than_one_piece_is_read_whole(tmp_path):
    bytes_ = np.random.default_rng(0).integers(0, 256, 2**21 + 3, dtype=np.uint8)
    data = struct.pack(">BBBBI", 0, 0, 8, 1, len(bytes_)) + bytes_.tobytes()
    assert np.array_equal(read_idx(write(tmp_path / "f", data)).numpy(), bytes_)


def test_a_folder_of_four_files_is_a_set(folder):
    data = image_set(folder)
    assert data.train.tolist() == data.test.tolist() == FIRST
    assert data.train_labels.tolist() == [7, 1]
    assert data.test_labels.dtype == torch.int64
    assert data.levels == 256


def test_names_with_a_dot_are_found_too(folder):
    (folder / "train-images-idx3-ubyte").rename(folder / "train-images.idx3-ubyte")
    assert image_set(str(folder)).train.tolist() == FIRST


def arrays(**changes) -> dict[str, np.ndarray]:
    pictures, labels = np.array(FIRST, np.uint8), np.array([7, 1])
    keys = {"x_train": pictures, "x_test": pictures[:1]}
    return keys | {"y_train": labels, "y_test": labels[:1]} | changes


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_with_the_keys_of_keras_is_a_set(tmp_path, save):
    save(tmp_path / "set.npz", **arrays())
    data = image_set(tmp_path / "set.npz")
    assert data.train.dtype == torch.uint8
    assert data.train.tolist() == FIRST
    assert data.test.shape == (1, 2, 3)
    assert data.train_labels.tolist() == [7, 1]


def test_the_digits_are_a_set_of_the_same_kind():
    data = digit_images()
    assert (data.train.shape, data.test.shape) == ((1437, 8, 8), (360, 8, 8))
    assert data.train.dtype == torch.uint8
    assert data.train.max() == data.levels - 1 == 16


def test_paper_is_put_around_images_and_rows_are_floating_point():
    images = torch.tensor(FIRST, dtype=torch.uint8)
    wide = padded(images, 4)
    assert wide.dtype == torch.uint8
    assert wide[0].tolist() == [[0, 0, 0, 0], [0, 1, 2, 0], [3, 4, 5, 0], [0, 0, 0, 0]]
    rows = as_rows(wide)
    assert (rows.dtype, rows.shape) == (torch.float32, (2, 16))
    assert torch.equal(padded(images, 3)[:, :2], images)
    with pytest.raises(ValueError, match=r"at most 2 by 2 pixels, got \(2, 2, 3\)"):
        padded(images, 2)


HOSTILE = {
    "empty": (b"", "starts with nothing"),
    "text": (b"<!DOCTYPE html>", "starts with 3c 21 44 4f"),
    "little endian": (PICTURES[3::-1] + PICTURES[4:], "starts with 03 08 00 00"),
    "floats": (b"\0\0\x0d\x03" + PICTURES[4:], "IDX type 13 on 3 axes"),
    "no axes": (b"\0\0\x08\0", "IDX type 8 on 0 axes"),
    "half a header": (PICTURES[:9], "ends within its header: the lengths of 3 axes"),
    "one byte short": (PICTURES[:-1], r"\(2, 2, 3\), which is 12 bytes, but 11 follow"),
    "one byte long": (PICTURES + b"\0", "which is 12 bytes, but more follow"),
    "more than memory": (b"\0\0\x08\x03" + b"\xff" * 12, "more than the 2147483648"),
    "gigabytes that are not there": (b"\0\0\x08\x01\x7f\xff\xff\xff", "but 0 follow"),
    "packed, cut off": (gzip.compress(PICTURES)[:-9], "damaged gzip file"),
    "packed, damaged": (gzip.compress(PICTURES)[:10] + b"\xff" * 20, "damaged gzip"),
    "packed, wrong sum": (gzip.compress(PICTURES)[:-5] + b"12345", "damaged gzip"),
    "packed twice": (gzip.compress(gzip.compress(PICTURES)), "starts with 1f 8b"),
}


@pytest.mark.parametrize(("data", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_a_damaged_idx_file_is_one_sentence(tmp_path, data, sentence):
    path = write(tmp_path / "file", data)
    with pytest.raises(ValueError, match=sentence) as raised:
        read_idx(path)
    assert str(raised.value).startswith(f"{path} ")
    assert "\n" not in str(raised.value)


def test_a_small_file_that_unpacks_without_end_is_not_unpacked(tmp_path, monkeypatch):
    bomb = PICTURES + bytes(2**24)
    taken = []
    take = image_files._take

    def counted(file, count):
        taken.append(len(data := take(file, count)))
        return data

    monkeypatch.setattr(image_files, "_take", counted)
    with pytest.raises(ValueError, match="more follow"):
        read_idx(write(tmp_path / "file", gzip.compress(bomb)))
    assert sum(taken) < 100


def test_a_missing_file_says_where_such_files_are_and_that_nothing_is_fetched(tmp_path):
    for read, path in (
        (image_set, tmp_path / "none"),
        (image_set, tmp_path / "none.npz"),
        (image_set, tmp_path),
        (read_idx, tmp_path / "none"),
        (read_idx, tmp_path),
    ):
        with pytest.raises(FileNotFoundError, match=str(path)) as raised:
            read(path)
        assert "train-images-idx3-ubyte" in str(raised.value)
        assert "nothing is downloaded here" in str(raised.value)


def test_the_missing_one_of_four_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="no file t10k-labels-idx1-ubyte or"):
        image_set(folder)


WRONG = {
    "a label too few": (
        "t10k-labels-idx1-ubyte.gz",
        "0801 00000001 07",
        "2 test images",
    ),
    "labels for images": (
        "train-images-idx3-ubyte",
        "0801 00000002 0701",
        r"array of shape \(2,\): images on 3 axes were expected",
    ),
    "no images": (
        "train-images-idx3-ubyte",
        "0803 00000000 00000002 00000003",
        "at least one grey image",
    ),
    "two sizes": (
        "t10k-images-idx3-ubyte.gz",
        "0803 00000002 00000001 00000001 0102",
        r"training images of \(2, 3\) pixels and test images of \(1, 1\)",
    ),
}


@pytest.mark.parametrize(("name", "data", "sentence"), WRONG.values(), ids=WRONG)
def test_files_that_do_not_fit_each_other_are_refused(folder, name, data, sentence):
    write(folder / name, b"\0\0" + bytes.fromhex(data))
    with pytest.raises(ValueError, match=sentence):
        image_set(folder)


ARCHIVES = {
    "a key missing": (
        {k: v for k, v in arrays().items() if k != "y_test"},
        "lacks y_test: the arrays .* and x_train, x_test, y_train are there",
    ),
    "other keys": ({"images": np.zeros(3)}, "lacks x_train, x_test.* and images are"),
    "no keys": ({}, "lacks x_train.* and none are there"),
    "scaled": (arrays(x_train=np.array(FIRST) / 255), "x_train of .* float64 numbers"),
    "negative": (arrays(x_test=np.array(FIRST) - 1), "whole numbers from 0 to 255"),
    "colour": (arrays(x_train=np.zeros((2, 2, 3, 3), np.uint8)), "grey image"),
    "one-hot": (arrays(y_train=np.eye(2, dtype=np.uint8)), "one label for each image"),
    "objects": (arrays(y_train=np.array([{}, {}])), "no readable .npz file: Object"),
}


@pytest.mark.parametrize(("content", "sentence"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_npz_of_another_kind_is_one_sentence(tmp_path, content, sentence):
    np.savez(tmp_path / "set.npz", **content)
    with pytest.raises(ValueError, match=sentence):
        image_set(tmp_path / "set.npz")


def broken(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "set.npz"
    if name == "empty":
        return write(path, b"")
    if name == "text":
        return write(path, b"no archive")
    if name == "pickle":
        return write(path, pickle.dumps([1, 2]))
    if name == "npy":
        with path.open("wb") as file:
            np.save(file, np.arange(3))
        return path
    if name == "entry":
        with zipfile.ZipFile(path, "w") as archive:
            for key in arrays():
                archive.writestr(f"{key}.npy", b"no array")
        return path
    np.savez_compressed(path, **arrays())
    data = bytearray(path.read_bytes())
    if name == "cut off":
        return write(path, bytes(data[: len(data) // 2]))
    data[60:90] = bytes(30)
    return write(path, bytes(data))


@pytest.mark.parametrize(
    "name", ["empty", "text", "pickle", "npy", "entry", "cut off", "overwritten"]
)
def test_a_damaged_npz_is_one_sentence(tmp_path, name):
    path = broken(tmp_path, name)
    with pytest.raises(
        ValueError, match=r"no readable .npz file|lacks|numbers"
    ) as told:
        image_set(path)
    assert "\n" not in str(told.value)


def test_an_npz_that_unpacks_to_gigabytes_is_refused_before(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "set.npz", **arrays(more=np.zeros(10_000)))
    monkeypatch.setattr(image_files, "MOST_BYTES", 50_000)
    with pytest.raises(ValueError, match=r"unpacks to .* bytes, more than the 50000"):
        image_set(tmp_path / "set.npz")


def test_another_kind_of_file_is_told_which_function_reads_it(folder):
    with pytest.raises(ValueError, match=r"is one file.*read_idx reads a single IDX"):
        image_set(folder / "train-labels-idx1-ubyte")

"""Sets of images like MNIST, read from files on this disk: IDX, plain or .gz, and .npz.

Nothing here is downloaded. Images come as bytes, one for each pixel, and become
floating-point rows where a model wants them: 60,000 images of 28×28 are 47 MB as bytes
and 188 MB as float32.
"""

import gzip
import math
import struct
import zipfile
import zlib
from os import PathLike
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from flowbook.digits import LEVELS, digits_split
from flowbook.inputs import expect_count

BYTE_LEVELS = 256
MOST_BYTES = 2**31  # of one file, unpacked: forty times MNIST
WHERE = (
    "MNIST, Fashion-MNIST, KMNIST and EMNIST come as four IDX files "
    "(train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and the same with t10k) "
    "from their makers' pages, MNIST also as Keras' mnist.npz; fetch them yourself and "
    "give the folder or the .npz: nothing is downloaded here."
)
KEYS = ("x_train", "x_test", "y_train", "y_test")
UNREADABLE = (
    EOFError,
    OSError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


class ImageSet(NamedTuple):
    """Grey images and their labels, in the order in which `digits_split` gives them.

    Shapes: train (n, height, width) and test (m, height, width), uint8, whole numbers
    below `levels`; labels (n,) and (m,), int64.
    """

    train: Tensor
    test: Tensor
    train_labels: Tensor
    test_labels: Tensor
    levels: int


def image_set(path: str | PathLike[str]) -> ImageSet:
    """Read a folder with MNIST's four IDX files, or an .npz with the keys of Keras.

    Raises:
        FileNotFoundError: a file is missing; says which, and where such files are.
        ValueError: a file is damaged or of another kind, or does not fit the others.
    """
    path = Path(path)
    if path.is_dir():
        return _from_folder(path)
    _expect_file(path)
    if path.suffix == ".npz":
        return _from_npz(path)
    raise ValueError(
        f"{path} is one file: image_set expects a folder with four IDX files, or an "
        ".npz; read_idx reads a single IDX file."
    )


def digit_images(seed: int = 0) -> ImageSet:
    """Return scikit-learn's digits as such a set: 8×8 pixels, 17 levels."""
    train, test, train_labels, test_labels = digits_split(seed, torch.float32)
    images = (x.to(torch.uint8).view(-1, 8, 8) for x in (train, test))
    return ImageSet(*images, train_labels, test_labels, LEVELS)


def read_idx(path: str | PathLike[str]) -> Tensor:
    """Return what an IDX file of unsigned bytes holds, uint8, in the shape it states.

    The file starts with two zeros, the type 8 and the number of axes, a byte each; then
    come the lengths of the axes, four bytes each, the highest first; then the data.
    Packed by gzip or not: the first bytes say it, not the name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, too few bytes, or too many.
    """
    path = Path(path)
    _expect_file(path)
    with path.open("rb") as plain:
        is_packed = plain.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if is_packed else path.open("rb") as file:
            return _read_idx(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is a damaged gzip file: {error}.") from error


def padded(images: Tensor, side: int) -> Tensor:
    """Return square images with paper (0) around them, as even as it goes.

    Shapes: (n, height, width) to (n, side, side).

    Raises:
        ValueError: the images are larger than that, or no images.
    """
    side = expect_count(side, "padded", 1, "side")
    if images.ndim != 3 or max(images.shape[1:]) > side:
        raise ValueError(
            f"padded expects images (n, height, width) of at most {side} by {side} "
            f"pixels, got {tuple(images.shape)}."
        )
    wide = images.new_zeros(len(images), side, side)
    top, left = ((side - length) // 2 for length in images.shape[1:])
    wide[:, top : top + images.shape[1], left : left + images.shape[2]] = images
    return wide


def as_rows(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return images of bytes as rows of levels that a model takes, where they lie.

    Shapes: (n, height, width) to (n, height * width).
    """
    return images.flatten(1).to(dtype)


# -- IDX


def _read_idx(file: BinaryIO, path: Path) -> Tensor:
    head = _take(file, 4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise ValueError(
            f"{path} is no IDX file: it starts with {head.hex(' ') or 'nothing'}, and "
            "two zeros, a type and a number of axes were expected."
        )
    kind, axes = head[2:]
    if kind != 8 or not axes:
        raise ValueError(
            f"{path} holds numbers of the IDX type {kind} on {axes} axes: unsigned "
            "bytes, type 8, on at least one axis were expected."
        )
    lengths = _take(file, 4 * axes)
    if len(lengths) < 4 * axes:
        raise ValueError(
            f"{path} ends within its header: the lengths of {axes} axes were expected."
        )
    shape = struct.unpack(f">{axes}I", lengths)
    wanted = math.prod(shape)
    if wanted > MOST_BYTES:
        raise ValueError(
            f"{path} states the shape {shape}, more than the {MOST_BYTES} bytes that "
            "are read here."
        )
    data = _take(file, wanted + 1)
    if len(data) != wanted:
        found = f"{len(data)} follow" if len(data) < wanted else "more follow"
        raise ValueError(
            f"{path} states the shape {shape}, which is {wanted} bytes, but {found}: "
            "the file is cut off or damaged."
        )
    if not wanted:
        return torch.empty(shape, dtype=torch.uint8)
    return torch.frombuffer(data, dtype=torch.uint8).view(shape)


def _take(file: BinaryIO, count: int) -> bytearray:
    # In pieces: a header may state more than there is, or than memory holds.
    data = bytearray()
    while piece := file.read(min(count - len(data), 2**20)):
        data += piece
    return data


def _from_folder(folder: Path) -> ImageSet:
    parts = []
    for kind, axes in (("images", 3), ("labels", 1)):
        for part in ("train", "t10k"):
            path = _find(folder, part, kind, axes)
            array = read_idx(path)
            if array.ndim != axes:
                raise ValueError(
                    f"{path} holds an array of shape {tuple(array.shape)}: {kind} on "
                    f"{axes} {'axis' if axes == 1 else 'axes'} were expected."
                )
            parts.append(array)
    return _checked(*parts, folder)


def _find(folder: Path, part: str, kind: str, axes: int) -> Path:
    name = f"{part}-{kind}-idx{axes}-ubyte"
    # Some unpack the archive with a dot in the name's place of a dash.
    names = (name, f"{name}.gz", name.replace("-idx", ".idx"))
    for path in (folder / each for each in names):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{folder} has no file {name} or {name}.gz. {WHERE}")


# -- .npz


def _from_npz(path: Path) -> ImageSet:
    arrays: list[np.ndarray] = []
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _refuse_large(archive)
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            missing = [key for key in KEYS if key not in names]
            if not missing:
                file.seek(0)
                with np.load(file, allow_pickle=False) as loaded:
                    arrays = [np.asarray(loaded[key], order="C") for key in KEYS]
    except UNREADABLE as error:
        about = str(error) or type(error).__name__
        raise ValueError(f"{path} is no readable .npz file: {about}.") from error
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}: the arrays {', '.join(KEYS)} were "
            f"expected, and {', '.join(names) or 'none'} are there."
        )
    named = zip(arrays, KEYS, strict=True)
    return _checked(*(_bytes_of(a, f"{key} of {path}") for a, key in named), path)


def _refuse_large(archive: zipfile.ZipFile) -> None:
    size = sum(info.file_size for info in archive.infolist())
    if size > MOST_BYTES:
        raise ValueError(
            f"it unpacks to {size} bytes, more than the {MOST_BYTES} that are read here"
        )


def _bytes_of(array: np.ndarray, name: str) -> Tensor:
    is_whole = np.issubdtype(array.dtype, np.integer)
    if not is_whole or (array.size and not 0 <= array.min() <= array.max() <= 255):
        raise ValueError(
            f"{name} holds {array.dtype} numbers: whole numbers from 0 to 255 were "
            "expected, as the camera gave them, neither scaled nor shifted."
        )
    return torch.from_numpy(array.astype(np.uint8))


# -- both


def _expect_file(path: Path) -> None:
    if not path.is_file():
        kind = "it is a folder" if path.is_dir() else "there is no such file or folder"
        raise FileNotFoundError(f"{path}: {kind}. {WHERE}")


def _checked(
    train: Tensor, test: Tensor, train_labels: Tensor, test_labels: Tensor, path: Path
) -> ImageSet:
    for part, images, labels in (
        ("training", train, train_labels),
        ("test", test, test_labels),
    ):
        if images.ndim != 3 or not images.numel():
            raise ValueError(
                f"The {part} images of {path} have the shape {tuple(images.shape)}: at "
                "least one grey image, (n, height, width), was expected."
            )
        if labels.shape != images.shape[:1]:
            raise ValueError(
                f"{path} has {len(images)} {part} images and labels of shape "
                f"{tuple(labels.shape)}: one label for each image was expected."
            )
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(
            f"{path} has training images of {tuple(train.shape[1:])} pixels and test "
            f"images of {tuple(test.shape[1:])}: one size was expected."
        )
    return ImageSet(train, test, train_labels.long(), test_labels.long(), BYTE_LEVELS)

"""The pictures of one submission: decoded, and encoded again where that is needed.

A student's bytes are decoded in a sandbox, which a damaged or made-up picture can
slow down or end. All pictures of a submission share a time, a number and pixels:
what is over is left out, with a sentence, and costs nothing else.
"""

import json
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Self

from autograder.sandbox.bounded import Bounded

if TYPE_CHECKING:
    from PIL import Image

# What a person may paste into a written answer; no SVG, which can hold scripts.
FORMS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}
KEPT = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif"}
SMALL = 400_000  # bytes; a larger picture is encoded again
SIDE = 2_000  # pixels; handwriting on a photographed page stays legible
MAX_PIXELS = 120_000_000  # of one picture
# Of all pictures of a submission together: what a few photographs need, several times.
MOST_PICTURES = 60
MOST_PIXELS = 240_000_000
MOST_SECONDS = 10.0  # of a processor
LONGEST = 6.0  # the same for one of them
MEMORY = 3 << 29  # bytes


class Decoder:
    """Decodes the pictures of one submission; use it in `with`.

    A process for it is started with the first picture.
    """

    def __init__(
        self,
        pictures: int = MOST_PICTURES,
        pixels: int = MOST_PIXELS,
        seconds: float = MOST_SECONDS,
    ) -> None:
        self.pictures, self.pixels, self.seconds = pictures, pixels, seconds
        self.bounded: Bounded | None = None
        self.full = f"more than {pictures} pictures were handed in"
        self.large = (
            f"the pictures have more than {pixels // 10**6} million pixels together"
        )
        self.slow = (
            f"all pictures together take more than {seconds:.0f} seconds to read"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.bounded is not None:
            self.bounded.end()

    def shrunk(self, content: bytes, form: str | None = None) -> tuple[str, bytes]:
        """A picture's form and bytes as every page shows them; ValueError: why not.

        `form` None finds the form by itself. A small PNG, JPEG or GIF stays as it is.
        """
        if self.pictures < 1:
            raise ValueError(self.full)
        if self.pixels < 1:
            raise ValueError(self.large)
        if self.seconds <= 0:
            raise ValueError(self.slow)
        self.pictures -= 1
        if self.bounded is None:
            self.bounded = bounded()
        self.bounded.seconds = min(LONGEST, self.seconds)
        answer = self.bounded.do((content, form, self.pixels))
        self.seconds -= self.bounded.took
        if answer is None:
            raise ValueError("it takes too long, or too much memory, to be read")
        head, _, made = answer.partition(b"\n")
        said = json.loads(head)
        self.pixels -= said.get("pixels", 0)
        if "problem" in said:
            raise ValueError(said["problem"] or self.large)
        return said["form"], made


def bounded() -> Bounded:
    """The process that decodes, not yet started."""
    from PIL import Image  # most notebooks hold no picture

    Image.init()  # here, once
    return Bounded(decoded, LONGEST, MEMORY)


def decoded(task: tuple[bytes, str | None, int]) -> bytes:
    """In the sandbox: a line of JSON, then the picture's bytes, if it can be shown."""
    content, form, pixels = task
    said, made = {}, b""
    try:
        said["form"], made, said["pixels"] = read(content, form, pixels)
    except ValueError as error:
        said["problem"] = str(error)
    return json.dumps(said).encode() + b"\n" + made


def read(content: bytes, form: str | None, pixels: int) -> tuple[str, bytes, int]:
    """A picture of at most so many `pixels`: its form, its bytes, its own pixels.

    Raises ValueError with the reason, which is empty for too many pixels.
    """
    from PIL import Image

    forms = [form] if form else sorted(set(FORMS.values()))
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of a large or odd picture
            Image.open(BytesIO(content), formats=forms) as image,
        ):
            return encoded(image, content, pixels)
    except ValueError:
        raise
    except Exception:
        # Pillow's decoders raise all kinds of errors on damaged bytes.
        raise ValueError("it is no picture that can be read") from None


def encoded(
    image: "Image.Image", content: bytes, pixels: int
) -> tuple[str, bytes, int]:
    """An opened picture, upright, with at most SIDE pixels a side."""
    from PIL import Image, ImageOps

    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"it has more than {MAX_PIXELS // 10**6} million pixels")
    form = "JPEG" if image.format == "MPO" else image.format
    fits = image.width * image.height <= SIDE * SIDE  # also for the reader's browser
    image.draft("RGB", (SIDE, SIDE))  # a JPEG is decoded at a fraction of its size
    size = image.width * image.height
    if size > pixels:
        raise ValueError
    image.load()
    turned = image.getexif().get(0x0112, 1) != 1
    if form in KEPT and fits and len(content) <= SMALL and not turned:
        return form, content, size
    upright = ImageOps.exif_transpose(image) if turned else image
    upright.thumbnail((SIDE, SIDE))
    if upright.mode not in ("RGB", "L"):
        ground = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(ground, upright.convert("RGBA")).convert("RGB")
    buffer = BytesIO()
    upright.save(buffer, "JPEG", quality=85)
    return "JPEG", buffer.getvalue(), size

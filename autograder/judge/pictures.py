"""The pictures in a student's text: taken out, checked, made small, shown by one form.

Editors keep a picture in a text cell in several ways: as an attachment (JupyterLab, VS
Code, the classic notebook), as a `data:` URI in the text (Colab), or in an `<img>`.
Here all become attachments with plain names. What a student's bytes hold is decoded,
and encoded again where it is large or of a form that not every page shows.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import quote

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
MAX_PICTURES = 20  # of one cell
MAX_BASE64 = 30_000_000  # characters of one picture
SMALL = 400_000  # bytes; a larger picture is encoded again
SIDE = 2_000  # pixels; handwriting on a photographed page stays legible
MAX_PIXELS = 120_000_000
URI = re.compile(r"data:(image/[\w.+-]{1,20});base64,([A-Za-z0-9+/=]+)")
TAG = re.compile(
    r"<img\b[^>]{0,200}?\bsrc\s*=\s*[\"']?"
    r"(data:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/=]+|attachment:[^\"'>]{1,200})"
    r"[\"']?[^>]{0,200}>",
    re.IGNORECASE,
)
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
Attachments = dict[str, dict[str, str]]


@dataclass
class Pictures:
    """Gathers the pictures of one text cell; `problems` are sentences without a name.

    `attachments` is nbformat's: name → kind → base64.
    """

    attachments: Attachments = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, kind: str, data: str, name: str = "") -> str | None:
        """Keep one picture; return its plain name, or None when it cannot be shown."""
        called = f"The picture '{name}'" if name else "A picture"
        if len(self.attachments) >= MAX_PICTURES:
            self.problems.append(f"More than {MAX_PICTURES} pictures are in one cell.")
            return None
        if kind not in FORMS:
            self.problems.append(
                f"{called} is of the kind {kind[:30]}, which is not shown; save it as "
                "JPEG or PNG."
            )
            return None
        try:
            form, content = presentable(data, FORMS[kind])
        except ValueError as error:
            self.problems.append(f"{called} cannot be shown: {error}.")
            return None
        plain = f"picture-{len(self.attachments) + 1}.{form.lower()}"
        text = base64.b64encode(content).decode("ascii")
        self.attachments[plain] = {KEPT[form]: text}
        return plain


def presentable(data: str, form: str) -> tuple[str, bytes]:
    """A picture's form and bytes as every page shows them; ValueError says why not.

    `data` is base64. A small PNG, JPEG or GIF stays as it is.
    """
    if len(data) > MAX_BASE64:
        raise ValueError(f"it is larger than {MAX_BASE64 * 3 / 4e6:.0f} MB")
    try:
        content = base64.b64decode(data, validate=False)
    except binascii.Error:
        raise ValueError("its data are damaged") from None
    return shrunk(content, form)


def shrunk(content: bytes, form: str | None = None) -> tuple[str, bytes]:
    """The same for a file's bytes; `form` None finds the form by itself."""
    from PIL import Image  # most notebooks hold no picture

    forms = [form] if form else sorted(set(FORMS.values()))
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of a large or odd picture
            Image.open(BytesIO(content), formats=forms) as image,
        ):
            return encoded(image, content)
    except ValueError:
        raise
    except Exception:
        # Pillow's decoders raise all kinds of errors on damaged bytes.
        raise ValueError("it is no picture that can be read") from None


def encoded(image: "Image.Image", content: bytes) -> tuple[str, bytes]:
    """An opened picture, upright, with at most SIDE pixels a side."""
    from PIL import Image, ImageOps

    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"it has more than {MAX_PIXELS // 10**6} million pixels")
    form = "JPEG" if image.format == "MPO" else image.format
    image.draft("RGB", (SIDE, SIDE))  # a JPEG is decoded at a fraction of its size
    image.load()
    turned = image.getexif().get(0x0112, 1) != 1
    if form in KEPT and len(content) <= SMALL and not turned:
        return form, content
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((SIDE, SIDE))
    if upright.mode not in ("RGB", "L"):
        ground = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(ground, upright.convert("RGBA")).convert("RGB")
    buffer = BytesIO()
    upright.save(buffer, "JPEG", quality=85)
    return "JPEG", buffer.getvalue()


def taken_out(source: str, attachments: object) -> tuple[str, Attachments, list[str]]:
    """A text that refers to its pictures by attachment, the pictures, the problems.

    A picture that the text does not refer to is put at its end.
    """
    pictures = Pictures()
    source = TAG.sub(lambda found: f"![]({found[1]})", source)

    def named(found: re.Match[str]) -> str:
        name = pictures.add(found[1].lower(), found[2])
        return f"attachment:{name or 'not-shown'}"

    source = URI.sub(named, source)
    for name, kind, data in attached(attachments):
        plain = pictures.add(kind, data, name)
        if plain is None:  # its place stays: the answer is not blank
            source += f"\n\n[a picture that is not shown: {name[:80]}]"
            continue
        for form in {name, quote(name), name.replace(" ", "%20")}:
            source = source.replace(f"attachment:{form}", f"attachment:{plain}")
        if f"attachment:{plain}" not in source:
            source += f"\n\n![{plain}](attachment:{plain})"
    return source, pictures.attachments, list(dict.fromkeys(pictures.problems))


def attached(attachments: object) -> Iterator[tuple[str, str, str]]:
    """Each attachment's name, kind and base64, the longest names first."""
    if not isinstance(attachments, Mapping):
        return
    for name in sorted(map(str, attachments), key=len, reverse=True):
        bundle = attachments.get(name)
        for kind, data in bundle.items() if isinstance(bundle, Mapping) else ():
            if isinstance(data, list) and all(isinstance(part, str) for part in data):
                data = "".join(data)
            if isinstance(data, str) and BASE64.fullmatch(data):
                yield name, str(kind).lower(), data

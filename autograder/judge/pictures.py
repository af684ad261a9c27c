"""The pictures in a student's text: taken out, checked, made small, shown by one form.

Editors keep a picture in a text cell in several ways: as an attachment (JupyterLab, VS
Code, the classic notebook), as a `data:` URI in the text (Colab), or in an `<img>`.
Here all become attachments with plain names. What a student's bytes hold is decoded,
and encoded again where it is large or of a form that not every page shows.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from autograder.judge.decode import FORMS, KEPT, Decoder

MAX_PICTURES = 20  # of one cell
MAX_BASE64 = 30_000_000  # characters of one picture
# Each part takes what it can and gives nothing back: a text made for it would otherwise
# have it try every way to divide thousands of characters.
URI = re.compile(r"data:(image/[\w.+-]{1,20});base64,([A-Za-z0-9+/=]++)")
TAG = re.compile(
    r"<img\b(?>[^<>]{0,200}?\bsrc\s{0,9}=\s{0,9}[\"']?"
    r"(data:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/=]++|attachment:[^\"'<>]{1,200}+))"
    r"[^<>]{0,200}+>",
    re.IGNORECASE,
)
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
Attachments = dict[str, dict[str, str]]


@dataclass
class Pictures:
    """Gathers the pictures of one text cell; `problems` are sentences without a name.

    `attachments` is nbformat's: name → kind → base64.
    """

    decoder: Decoder
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
            form, content = presentable(data, FORMS[kind], self.decoder)
        except ValueError as error:
            self.problems.append(f"{called} cannot be shown: {error}.")
            return None
        plain = f"picture-{len(self.attachments) + 1}.{form.lower()}"
        text = base64.b64encode(content).decode("ascii")
        self.attachments[plain] = {KEPT[form]: text}
        return plain


def presentable(data: str, form: str, decoder: Decoder) -> tuple[str, bytes]:
    """A picture's form and bytes as every page shows them; ValueError says why not.

    `data` is base64. A small PNG, JPEG or GIF stays as it is.
    """
    if len(data) > MAX_BASE64:
        raise ValueError(f"it is larger than {MAX_BASE64 * 3 / 4e6:.0f} MB")
    try:
        content = base64.b64decode(data, validate=False)
    except binascii.Error:
        raise ValueError("its data are damaged") from None
    return decoder.shrunk(content, form)


def taken_out(
    source: str, attachments: object, decoder: Decoder
) -> tuple[str, Attachments, list[str]]:
    """A text that refers to its pictures by attachment, the pictures, the problems.

    A picture that the text does not refer to is put at its end.
    """
    pictures = Pictures(decoder)
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

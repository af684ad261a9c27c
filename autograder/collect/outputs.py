"""Leave the outputs out of a notebook that is too large with them.

The text is scanned and not parsed: a hostile file of this size would fill the memory
as objects.
"""

import re
from itertools import islice

MAX_WITH_OUTPUTS = 200_000_000  # bytes of a notebook before its outputs are left out
MAX_TOKENS = 10_000_000  # strings and brackets: five seconds
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
IN_CELL = 3  # braces and brackets around what is directly in a cell


def without_outputs(content: bytes) -> bytes:
    """A notebook of format 4 with an empty list as the outputs of each cell.

    Other bytes, damaged JSON too, stay as they are; so does all after MAX_TOKENS.
    """
    kept: list[bytes] = []
    depth = done = 0
    begun: int | None = None  # where the outputs of this cell begin
    named = False  # the last token was the key of the outputs
    for token in islice(TOKEN.finditer(content), MAX_TOKENS):
        mark = token[0]
        if mark in (b"[", b"{"):
            if named and mark == b"[" and depth == IN_CELL:
                begun = token.start()
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
            if begun is not None and depth == IN_CELL:
                kept += [content[done:begun], b"[]"]
                done, begun = token.end(), None
        named = mark == b'"outputs"'
    return b"".join([*kept, content[done:]])

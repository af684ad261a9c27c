"""What a worker gives back as bytes: a grade, and what the parent writes as it is.

A notebook with figures is large, and the parent has a whole class of them: it reads
none that it need not, and writes the bytes that the worker made.
"""

import json
from collections.abc import Set
from dataclasses import asdict, dataclass, replace
from typing import Self

from autograder.assignment.exam import Exam
from autograder.assignment.written import blank_answers
from autograder.grade.formgrader_copy import for_formgrader
from autograder.model import Result

HEAD = 8  # bytes that hold the length of what comes first


@dataclass(frozen=True)
class Answer:
    """A grade; `result` is without its notebook, and `entry` is all of it as JSON.

    `page` is the notebook for formgrader, without what was handed in beside it, and
    `blank` names the answers in which nothing was written; None where the parent must
    find them itself.
    """

    result: Result
    entry: bytes
    page: bytes | None = None
    blank: Set[str] | None = None

    @classmethod
    def of(cls, result: Result) -> Self:
        """The answer that a result makes by itself."""
        entry = result.to_json().encode("utf-8")
        return cls(replace(result, notebook=None), entry)

    @classmethod
    def made(cls, result: Result, exam: Exam) -> Self:
        """The same with what formgrader shows and the blank answers.

        If these cannot be made the parent meets the error, and records it.
        """
        answer = cls.of(result)
        try:
            page = for_formgrader(exam, result)
            blank = frozenset(blank_answers(exam, result.notebook))
        except Exception:
            return answer
        return replace(answer, page=page, blank=blank)

    def with_beside(self, key: str) -> Self:
        """The same of a notebook beside which this was handed in."""
        if key == self.result.beside:
            return self
        changed = type(self).of(replace(self.whole, beside=key))
        return replace(changed, page=self.page, blank=self.blank)

    @property
    def whole(self) -> Result:
        """The result with its notebook."""
        return Result.from_json(self.entry.decode("utf-8"))

    def to_bytes(self) -> bytes:
        """Write as a head in JSON, then the entry, then the page."""
        head = {
            "result": asdict(self.result),
            "entry": len(self.entry),
            "page": self.page is not None,
            "blank": None if self.blank is None else sorted(self.blank),
        }
        text = json.dumps(head).encode("ascii")
        size = len(text).to_bytes(HEAD, "big")
        return b"".join([size, text, self.entry, self.page or b""])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote, or a Result's JSON alone.

        ValueError says what is neither.
        """
        if data.startswith(b"{"):
            return cls.of(Result.from_json(data.decode("utf-8")))
        start = HEAD + int.from_bytes(data[:HEAD], "big")
        try:
            head = json.loads(data[HEAD:start])
            end = start + head["entry"]
            blank = head["blank"]
            return cls(
                Result.from_plain(head["result"]),
                data[start:end],
                data[end:] if head["page"] else None,
                None if blank is None else frozenset(blank),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not an answer of a worker: {error}") from error

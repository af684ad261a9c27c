"""A cell's outputs as the worker believes them: known kinds, plain text, bounded.

What a student's process says about its outputs may be a lie, and costs only the
student's own picture of them: whatever is not of a known form is left out.
"""

import re
from collections.abc import Mapping
from typing import Any

Output = dict[str, Any]
TEXTS = frozenset(
    {
        "text/plain",
        "text/html",
        "text/markdown",
        "text/latex",
        "image/svg+xml",
    }
)
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif"})
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
MOST = 1_000  # outputs of one cell
LONG_NAME = 200
SHOWN = ("execute_result", "display_data")


class Collector:
    """Gathers the outputs of one cell, at most `limit` characters of them."""

    def __init__(self, limit: int) -> None:
        # The sender cuts at the limit of JSON; this bound is for one that does not.
        self.left = 2 * limit + 10_000
        self.outputs: list[Output] = []
        self.names: dict[str, Output] = {}
        self.clear_next = False

    def add(self, outputs: object) -> None:
        """Take a list of outputs from the student's process."""
        for output in outputs if isinstance(outputs, list) else ():
            if isinstance(output, dict):
                self._add(output)

    def _add(self, output: Output) -> None:
        kind = output.get("output_type")
        if kind == "clear_output":
            self.clear_next = True
            if not output.get("wait"):
                self._clear()
            return
        clean = known(output)
        if clean is None or len(self.outputs) >= MOST:
            return
        self.left -= size(clean)
        if self.left < 0:
            return
        self._clear()
        self._place(clean, output.get("display_id"), bool(output.get("update")))

    def _clear(self) -> None:
        if self.clear_next:
            self.outputs.clear()
            self.names.clear()
        self.clear_next = False

    def _place(self, clean: Output, name: object, update: bool) -> None:
        if isinstance(name, str) and clean["output_type"] in SHOWN:
            if update and name in self.names:
                self.names[name]["data"] = clean["data"]
                return
            self.names[name] = clean
        last = self.outputs[-1] if self.outputs else {}
        both = clean["output_type"] == "stream" == last.get("output_type")
        if both and clean["name"] == last["name"]:
            last["text"].extend(clean["text"])
            return
        self.outputs.append(clean)

    def result(self) -> list[Output]:
        """The outputs as a notebook keeps them."""
        self.clear_next = False
        return [
            output | {"text": "".join(output["text"])}
            if output["output_type"] == "stream"
            else output
            for output in self.outputs
        ]


def known(output: Output) -> Output | None:
    """The output with its known fields alone; None when it is of no known form."""
    match output.get("output_type"):
        case "stream":
            name = output.get("name")
            text = output.get("text")
            if name in ("stdout", "stderr") and isinstance(text, str):
                return {"output_type": "stream", "name": name, "text": [whole(text)]}
        case "error":
            return error(output)
        case "display_data" | "execute_result" as kind:
            if data := representations(output.get("data")):
                found = {"output_type": kind, "data": data, "metadata": {}}
                if kind == "execute_result":
                    count = output.get("execution_count")
                    fine = type(count) is int and 0 < count < 10**6
                    found["execution_count"] = count if fine else None
                return found
    return None


def error(output: Output) -> Output | None:
    """An error with a name, a text and the lines of its traceback."""
    name, text, lines = (output.get(k) for k in ("ename", "evalue", "traceback"))
    if not (
        isinstance(name, str) and isinstance(text, str) and isinstance(lines, list)
    ):
        return None
    shown = [whole(line) for line in lines if isinstance(line, str)]
    return {
        "output_type": "error",
        "ename": whole(name[:LONG_NAME]),
        "evalue": whole(text),
        "traceback": shown,
    }


def representations(data: object) -> dict[str, str]:
    """The representations of a value that a page can show."""
    kept = {}
    for kind, value in data.items() if isinstance(data, dict) else ():
        if isinstance(value, str) and (
            kind in TEXTS or (kind in PICTURES and BASE64.fullmatch(value))
        ):
            kept[kind] = whole(value)
    return kept


def whole(text: str) -> str:
    """The text without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def size(output: Mapping[str, Any]) -> int:
    """About how many characters an output holds."""
    held = 0
    for value in output.values():
        if isinstance(value, dict):
            held += sum(len(key) + len(text) for key, text in value.items())
        elif isinstance(value, list):
            held += sum(len(text) + 1 for text in value)
        else:
            held += len(str(value))
    return held

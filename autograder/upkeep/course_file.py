"""Take a student out of the course file, and leave all else as a person wrote it."""

import copy
import re
import tomllib
from collections.abc import Collection, Mapping
from typing import Any

from autograder.course.settings import folded

TEXT = r"""(?:"(?P<basic>[^"\\\n]*)"|'(?P<raw>[^'\n]*)')"""
KEY = re.compile(rf"\s*(?:{TEXT}|(?P<bare>[\w-]+))\s*=")
HEAD = re.compile(r"\s*\[(?P<table>[^\[\]]+)\]\s*(?:#.*)?")
STUDENTS = ("excused", "accommodations")  # tables with a line for each student
DROPPED = re.compile(r"(^dropped\s*=\s*\[)(.*?)(\])", re.MULTILINE | re.DOTALL)
ITEM = re.compile(rf"{TEXT}\s*,?[ \t]*")


def named_in(found: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """The tables that have a student; `names` are compared without case and spaces."""
    tables = {f"[{name}]": found.get(name, {}) for name in STUDENTS}
    for name, students in found.get("extensions", {}).items():
        tables[f"[extensions.{name}]"] = students
    tables["dropped"] = found.get("dropped", [])
    return [
        where for where, students in tables.items() if any(map(among(names), students))
    ]


def without(text: str, names: Collection[str]) -> str:
    """The file without a student; ValueError where only a person can change it."""
    wanted = tomllib.loads(text)
    is_theirs = among(names)
    changed = copy.deepcopy(wanted)
    for table in (
        *(changed.get(name, {}) for name in STUDENTS),
        *changed.get("extensions", {}).values(),
    ):
        for student in [each for each in table if is_theirs(each)]:
            del table[student]
    if "dropped" in changed:
        changed["dropped"] = [s for s in changed["dropped"] if not is_theirs(s)]
    made = DROPPED.sub(
        lambda list_: list_[1] + without_items(list_[2], names) + list_[3],
        "".join(lines_without(text, names)),
    )
    try:
        same = pruned(tomllib.loads(made)) == pruned(changed)
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise ValueError("a line of it is written in a way that is not changed here")
    return made


def lines_without(text: str, names: Collection[str]) -> list[str]:
    """The lines but those that begin with a student, in the tables of students."""
    is_theirs, kept, inside, skipped = among(names), [], "", False
    for line in text.splitlines(keepends=True):
        if head := HEAD.fullmatch(line.rstrip("\r\n")):
            inside = head["table"].strip()
            first, _, rest = inside.partition(".")
            own = rest.strip().strip("\"'")
            skipped = first.strip() in STUDENTS and bool(own) and is_theirs(own)
        elif inside in STUDENTS or inside.startswith("extensions."):
            key = KEY.match(line)
            if key and is_theirs(key["basic"] or key["raw"] or key["bare"] or ""):
                continue
        if not skipped:
            kept.append(line)
    return kept


def without_items(items: str, names: Collection[str]) -> str:
    """The inside of a list of ids without some."""
    is_theirs = among(names)
    return ITEM.sub(
        lambda item: "" if is_theirs(item["basic"] or item["raw"] or "") else item[0],
        items,
    )


def among(names: Collection[str]) -> Any:
    """Whether an id is one of these, as ids are compared."""
    known = frozenset(map(folded, names))
    return lambda name: folded(name) in known


def pruned(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same without empty tables and lists."""
    plain = {
        name: pruned(each) if isinstance(each, Mapping) else each
        for name, each in found.items()
    }
    return {name: each for name, each in plain.items() if each not in ({}, [])}

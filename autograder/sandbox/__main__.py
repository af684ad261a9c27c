"""Run one command in the sandbox: `python -m autograder.sandbox -- COMMAND...`"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from autograder.model import CourseError
from autograder.sandbox import Box, SandboxError, best_tier, enter, tier
from autograder.sandbox.family import BROKEN

NOT_FOUND = 127
FONTS = "fontlist-*.json"  # matplotlib takes seconds to make one


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the supervisor of the command, and end with its status.

    128 + N after a signal N, 125 when there is no sandbox, 127 when there is no such
    command.
    """
    options = parser().parse_args(arguments)
    fonts = found_fonts()
    try:
        chosen = options.tier or best_tier()
        enter(chosen, options.box, options.keep)
    except (CourseError, SandboxError, OSError) as error:
        print(f"autograder.sandbox: {error}", file=sys.stderr)
        return BROKEN
    os.environ.update(options.env)
    for descriptor in options.keep:
        os.set_inheritable(descriptor, True)
    place(fonts)
    try:
        os.execvp(options.command[0], options.command)
    except OSError as error:
        print(f"autograder.sandbox: {options.command[0]}: {error}", file=sys.stderr)
    return NOT_FOUND


def found_fonts() -> dict[str, bytes]:
    """The lists of fonts that matplotlib has made on this machine."""
    folder = Path(os.environ.get("MPLCONFIGDIR", Path.home() / ".cache" / "matplotlib"))
    try:
        return {path.name: path.read_bytes() for path in folder.glob(FONTS)}
    except OSError:
        return {}


def place(fonts: dict[str, bytes]) -> None:
    """Put the lists of fonts where matplotlib looks for them inside."""
    folder = Path.home() / ".cache" / "matplotlib"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in fonts.items():
        (folder / name).write_bytes(content)


def parser() -> argparse.ArgumentParser:
    """The options; the command follows after `--`."""
    made = argparse.ArgumentParser(
        prog="python -m autograder.sandbox",
        description="Run one command without rights, network or view of the machine.",
        epilog="Example: python -m autograder.sandbox --box '{\"memory\": 1e9}' -- env",
    )
    made.add_argument(
        "--box", type=Box.from_json, default=Box(), metavar="JSON", help="the limits"
    )
    made.add_argument(
        "--tier", type=tier, metavar="NAME", help="a sandbox that works; saves a trial"
    )
    made.add_argument(
        "--keep", type=descriptors, default=(), metavar="FD,...", help="files left open"
    )
    made.add_argument(
        "--env", type=setting, action="append", default=[], metavar="NAME=VALUE"
    )
    made.add_argument("command", nargs="+")
    return made


def descriptors(text: str) -> tuple[int, ...]:
    """Numbers of open files, with commas between them."""
    return tuple(int(number) for number in text.split(","))


def setting(text: str) -> tuple[str, str]:
    """One variable of the environment."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"NAME=VALUE was expected, not {text!r}")
    return name, value


if __name__ == "__main__":
    sys.exit(main())

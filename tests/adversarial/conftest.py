"""Says at the end of a run in which sandbox, and as whom, the cases were run."""

import os
from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each tier and each user."""
    seen: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in getattr(report, "user_properties", ()):
            if name == "ran in":
                seen[str(value)] += 1
    for where, number in sorted(seen.items()):
        terminalreporter.write_line(f"adversarial suite: {number} tests {where}")


@pytest.fixture
def ran_in(record_property):
    """Note the tier in which a notebook ran, for the summary."""

    def note(tier: str, uid: int | None = None) -> None:
        user = os.getuid() if uid is None else uid
        name = "root" if user == 0 else f"the plain user {user}"
        where = f"in '{tier}'" if tier else "refused without being run"
        record_property("ran in", f"as {name}, {where}")

    return note

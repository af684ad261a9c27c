"""What the README promises: its snippet runs, its paths exist, its targets are made."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_snippet_reaches_a_likelihood_near_its_limit(capsys):
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(snippet, {})
    reached, limit = map(float, re.findall(r"\d\.\d{3}", capsys.readouterr().out))
    assert limit < reached < limit + 0.2


def test_pictures_and_linked_files_exist():
    targets = re.findall(r"\]\(((?!http)[^)]+)\)", README)
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert targets
    assert not missing


def test_every_make_target_that_is_named_is_in_the_makefile():
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    made = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    assert named <= made

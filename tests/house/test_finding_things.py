"""docs/finding-things.md answers each question by a path that is there."""

import re

import pytest

from tests.conftest import ROOT

ROWS = re.findall(r"^\| (.+\?) \| (.+) \|$", (ROOT / "docs" / "finding-things.md").read_text(encoding="utf-8"), re.M)


def test_it_answers_a_dozen_questions() -> None:
    assert len(ROWS) >= 12


@pytest.mark.parametrize(("question", "answer"), ROWS)
def test_the_path_is_there(question: str, answer: str) -> None:
    first, *others = (path for path in re.findall(r"`([^`]+)`", answer) if path.endswith(".py"))
    path = ROOT / first.replace("<name>", "dcgan")
    assert path.is_file()
    assert all((path.parent / other).is_file() for other in others)

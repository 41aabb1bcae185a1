"""The classes of a quiz: each image stands under its own, also where a data set holds too few of a class."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dashboard.views.quiz import questions
from gan_core import inference
from gan_core.errors import UserError

NAMES = ("NORMAL", "PNEUMONIA", "OTHER")
PART = questions.QuizRun("run", "run", "runs/run", "runs", 0, "chest")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Held-out images: 20 of NORMAL, 2 of PNEUMONIA, 5 of a class that no run learned; the pixels are the labels."""
    labels = np.repeat([0, 1, 2], [20, 2, 5])
    prepared = SimpleNamespace(
        **{"classes": NAMES, "labels": labels, "splits": np.full(27, "test"), "folder": "few", "fingerprint": "f"},
        **{"names": [""] * 27, "images": np.broadcast_to(labels[:, None, None, None], (27, 1, 2, 2)).astype(np.uint8)},
    )
    monkeypatch.setattr(questions, "prepare", lambda source, config: prepared)
    return labels


def config(**more: Any) -> Any:
    return SimpleNamespace(**{"classes": NAMES[:2], "domains": (), "fingerprint": "f", "data": None, **more})


def taker(notes: list[str], settings: Any) -> questions.TakePicture:
    return questions._held_out(PART, settings, np.random.default_rng(0), {}, notes.append)


def test_an_image_stands_under_its_own_class(few: np.ndarray) -> None:
    notes: list[str] = []
    take = taker(notes, config())
    found = [take("PNEUMONIA") for _ in range(5)]
    assert [kind for _, kind in found] == ["PNEUMONIA"] * 2 + ["NORMAL"] * 3
    assert all(NAMES[pixels.max()] == kind for pixels, kind in found)
    assert set(notes) == {"chest holds too few images of PNEUMONIA: those of another class stand for them"}
    for _ in range(17):
        take("NORMAL")
    with pytest.raises(UserError, match="too few images for a quiz"):  # the class that it did not learn is not shown
        take("NORMAL")
    assert taker([], config(classes=()))("")[1] == ""


@pytest.mark.parametrize("targets", [NAMES[1::-1], ("NORMAL",)])
def test_a_translation_stands_under_the_domain_that_it_is_in(
    targets: tuple[str, ...], few: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def translate(pictures: np.ndarray, to: str) -> np.ndarray:
        assert {NAMES[label] for label in np.unique(pictures)} == {*NAMES[:2]} - {to}
        return pictures

    settings = config(domains=NAMES[:2], classes=())
    model = SimpleNamespace(domains=NAMES[:2], translate=translate, config=settings)
    monkeypatch.setattr(inference, "load", lambda run: model)
    monkeypatch.setattr(questions.registry, "targets", lambda settings: targets)
    take, run = taker([], settings), SimpleNamespace()
    if len(targets) == 1:
        with pytest.raises(UserError, match="too few images of PNEUMONIA for a quiz of 20"):
            questions._translated(run, ["NORMAL"] * 4, take)
        return
    made = questions._translated(run, ["NORMAL"] * 4, take)
    assert [kind for _, kind in made] == ["NORMAL", "NORMAL", "PNEUMONIA", "PNEUMONIA"]

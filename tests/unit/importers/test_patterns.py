"""No line of a stranger's file costs more time than its length: patterns that go back over it would hang a page."""

import importlib
import pkgutil
import re
import time
from pathlib import Path

import pytest

from dashboard.library import other_folders
from gan_core import importers
from gan_core.importers import cyclegan, printed, recognise, texts

LETTERS = 100_000
ODD = {
    "letters": "a" * LETTERS,
    "digits": "1" * LETTERS,
    "spaces": "a" + " " * LETTERS + "x",
    "words": "a " * (LETTERS // 2) + "x",
    "dots": "a." * (LETTERS // 2),
    "points": "1." * (LETTERS // 2),
    "letters and spaces": "a" * (LETTERS // 2) + " " * (LETTERS // 2) + "x",
    "brackets": "[a" * (LETTERS // 2),
    "colons": "a:" * (LETTERS // 2),
    "colons and spaces": "a: " * (LETTERS // 3) + "x",
    "an option": " a: " + " " * LETTERS + "x",
    "defaults": "a: " + "[default: " * (LETTERS // 10) + "x",
    "a batch": "Epoch" + " " * LETTERS + "x",
    "epochs": "[Epoch 1/2] " * (LETTERS // 12),
    "a row": "(epoch: 1, iters: 1, time: " + "1" * LETTERS,
    "rows": "(epoch: 1, iters: 1" * (LETTERS // 19),
    "equals": "=" * LETTERS,
    "events": "tfevents." * (LETTERS // 9) + "\n",
    "colours": "\x1b[0" * (LETTERS // 3),
    "words and lines": "a_2_to_" * (LETTERS // 7),
}
PATTERNS = {
    f"{module.name}.{name}": value
    for module in pkgutil.iter_modules(importers.__path__)
    for name, value in vars(importlib.import_module(f"gan_core.importers.{module.name}")).items()
    if isinstance(value, re.Pattern)
}
# Those that are looked for anywhere in a line; the others are matched from its start.
SEARCHED = ("printed._EPOCH", "printed._BRACKET", "printed._PAIR", "cyclegan._ROW", "cyclegan._VALUE", "texts._ESCAPES",
            "settings._SECRET", "tensorboard.FILES", "tensorboard._SAMPLES")  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_takes_time_by_the_length_of_a_line(name: str) -> None:
    for line in ODD.values():
        began = time.process_time()
        if name in SEARCHED:
            PATTERNS[name].findall(line)
        PATTERNS[name].match(line)
        PATTERNS[name].fullmatch(line)
        assert time.process_time() - began < 1, line[:40]


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_folder_with_odd_lines_is_looked_at_and_read_at_once(odd: str, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    row = "[Epoch 1/2] [Batch 1/2] [D loss: 1] [G loss: 1] -- "
    (folder / "log.txt").write_text(f"{row}{odd}\n{odd}\n[Epoch 1/2] [Batch 2/2] [D loss: 0.5] [G loss: 1]\n")
    (folder / cyclegan.LOG).write_text(f"(epoch: 1, iters: 100) D_A: 0.25 {odd}\n{odd}\n")
    (folder / cyclegan.OPTIONS).write_text(f" {odd}\nbatch_size: 4 \t[default: 1]\n")
    began = time.process_time()
    assert other_folders.among(tmp_path)[0].kind == "cyclegan"
    assert printed.looks_like(texts.head(folder / "log.txt")) == "pytorch-gan"
    assert importers.read("cyclegan", folder).batch_size == 4
    assert importers.read("pytorch-gan", folder / "log.txt").columns["loss/d"][0] == 1
    assert time.process_time() - began < 2


def test_a_page_reads_the_first_bytes_of_a_log_alone(tmp_path: Path) -> None:
    row = "[Epoch 1/2] [Batch 1/2] [D loss: 1] [G loss: 1]\n"
    log = tmp_path / "log.txt"
    log.write_text("x" * texts.HEAD_BYTES + f"\n{row}")
    assert not recognise.guesses(tmp_path)
    log.write_text("x" * (texts.HEAD_BYTES // 2) + f"\n{row}")
    assert recognise.guesses(tmp_path)[0].kind == "pytorch-gan"
    log.write_text("x" * texts.HEAD_BYTES)
    for number in range(4):  # all that a folder's logs may take
        (tmp_path / f"a{number}.txt").write_text("x" * texts.HEAD_BYTES)
    log.write_text(row)
    assert not recognise.guesses(tmp_path)

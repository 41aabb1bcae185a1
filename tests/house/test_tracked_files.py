"""What may be in the repository: nothing large, nothing private, no word about the workshop."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers.repository import text_of, tracked_files, tracked_links
from tests.helpers.size_limits import ALL_RUNS, CLASSIC_RUNS, CLASSICS, LARGEST_FILE, MB

# What could hold images that no check would see. Tests make theirs.
OPAQUE = frozenset({".dcm", ".dicom", ".npy", ".npz", ".parquet", ".pkl", ".pt", ".pth", ".zip"})

# One letter of each stands in brackets, so that this file does not find itself.
FOREIGN_WORDS = re.compile(
    r"/(w[o]rk|f[a]rm)/|/tmp/g[a]nray|shared/(h[o]oks|D[E]SIGN)|(?<!user-)\b[a]gent\b|\b[c]laude\b|\b[s]ession of\b"
    r"|[p]ypi\.org|-index-[u]rl|p[y]thonhosted",
    re.IGNORECASE,
)
AVOIDED_CALLS = re.compile(
    r"torch\.l[o]ad\(|\bp[i]ckle\.|use_container_[w]idth|components\.[v]1|allow_pickle=T[r]ue|[\"']0\.0\.0\.[0][\"']|share=T[r]ue"
)


def size(path: Path) -> int:
    return (ROOT / path).stat().st_size


def runs() -> list[Path]:
    return [path for path in tracked_files() if path.parts[0] == "runs"]


def lines_with(pattern: re.Pattern[str], suffixes: frozenset[str] | None = None) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        if suffixes is None or path.suffix in suffixes
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_is_too_large() -> None:
    assert [f"{path}: {size(path) / MB:.1f} MB" for path in tracked_files() if size(path) > LARGEST_FILE] == []


def test_no_file_is_a_link() -> None:
    """A link leads elsewhere on another machine, and git puts it in the place of a folder of that name."""
    assert tracked_links() == []


def test_the_runs_together_are_small_enough() -> None:
    assert sum(map(size, runs())) <= ALL_RUNS
    classics = [path for path in runs() if len(path.parts) > 3 and path.parts[2] in CLASSICS]
    assert sum(map(size, classics)) <= CLASSIC_RUNS


def test_only_reference_runs_are_shipped_and_none_of_what_is_private() -> None:
    assert [path for path in runs() if path.parts[1] != "reference"] == []
    assert [path for path in tracked_files() if {"private", "checkpoints"} & set(path.parts[:-1])] == []


def test_nothing_hides_images() -> None:
    assert [path for path in tracked_files() if path.suffix.lower() in OPAQUE] == []


def test_no_foreign_words() -> None:
    assert lines_with(FOREIGN_WORDS) == []


def test_no_call_that_this_house_avoids() -> None:
    assert lines_with(AVOIDED_CALLS, frozenset({".py"})) == []


@pytest.mark.parametrize("text", ["cd /w" + "ork/main", "written by an a" + "gent", "--extra-index" + "-url x"])
def test_foreign_words_are_found(text: str) -> None:
    assert FOREIGN_WORDS.search(text)


@pytest.mark.parametrize("text", ["the network's inputs", "agents", "networks/resnet", "a session ofs"])
def test_other_words_are_left_alone(text: str) -> None:
    assert not FOREIGN_WORDS.search(text)

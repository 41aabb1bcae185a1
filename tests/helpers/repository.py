"""The repository: its root, and the files that are in it or would be with the next commit."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@cache
def _listed() -> tuple[Path, ...]:
    """Relative to the repository's root; the test is skipped where there is no git to ask."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there are no tracked files to look at")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(Path(name) for name in sorted(listed.split("\0")) if name)


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files, those behind links too."""
    return tuple(path for path in _listed() if (ROOT / path).is_file())


def tracked_links() -> list[str]:
    """The symbolic links, to whatever they lead."""
    return [str(path) for path in _listed() if (ROOT / path).is_symlink()]


def text_of(path: Path) -> str:
    """The file's text; empty for what is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""

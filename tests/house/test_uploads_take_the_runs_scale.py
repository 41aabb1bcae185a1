"""Pictures that a run is given later are scaled as its training pictures were: every call that decodes one says so."""

import ast
from pathlib import Path

from tests.helpers.repository import ROOT

# `decode` is the decoder itself; `data` decodes with the scale of the set that it prepares.
APART = ("gan_core/decode/", "gan_core/data/")
DECODERS = ("image_files", "worker", "decoder")


def decoded(path: Path) -> list[tuple[int, bool]]:
    """(line, whether it names a scale) of every call of a picture's decoder."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "decode"):
            continue
        owner = node.func.value
        owner = owner.func if isinstance(owner, ast.Call) else owner
        name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
        if name in DECODERS:
            found.append((node.lineno, any(keyword.arg == "scale" for keyword in node.keywords)))
    return found


def test_every_decoded_upload_has_the_scale_of_its_run() -> None:
    files = [path for folder in ("gan_core", "dashboard") for path in sorted((ROOT / folder).rglob("*.py"))]
    calls = {
        f"{name}:{line}": scaled
        for path in files
        if not (name := path.relative_to(ROOT).as_posix()).startswith(APART)
        for line, scaled in decoded(path)
    }
    assert len(calls) >= 8
    assert [place for place, scaled in calls.items() if not scaled] == []

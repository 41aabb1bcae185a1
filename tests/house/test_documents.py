"""What the documents say of the code and of the shipped runs is what these say."""

import inspect
import re
from collections.abc import Iterator

import gan_core
import gan_core.api
from gan_core.evaluation import results
from gan_core.runs import REFERENCE, Run
from tests.helpers.repository import ROOT

DOCS = ROOT / "docs"


def tables(page: str) -> Iterator[list[list[str]]]:
    """The tables of a page, each a list of rows of cells, the head first."""
    for block in re.findall(r"(?:^\|.*\|\n)+", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE):
        yield [[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()]


def test_the_page_on_python_gives_the_functions_as_they_are() -> None:
    text = (DOCS / "python-api.md").read_text(encoding="utf-8")
    for name in ("load", "generate", "translate", "evaluate"):
        signature = inspect.signature(getattr(gan_core, name))
        bare = signature.replace(
            parameters=[one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()],
            return_annotation=inspect.Signature.empty,
        )
        assert f"`gan_core.{name}{bare}`".replace("'", '"') in text


def test_the_distances_of_the_results_are_those_of_the_runs() -> None:
    compared = 0
    for head, _, *rows in tables("results.md"):
        if "Fréchet distance" not in head or {"seeds", "began with"} & set(head):
            continue  # means of seeds; measured against other images than the run's evaluation
        for row in rows:
            run = Run(ROOT / "runs" / REFERENCE / row[0].strip("`"))
            if run.evaluation.is_file():
                found = results.read(run.evaluation).fidelity["all"].measures["frechet"]
                told = f"{found.value:.1f} ({found.low:.1f} to {found.high:.1f})"
                assert row[head.index("Fréchet distance")] == told, row[0]
                compared += 1
    assert compared > 10

"""A run is deleted on the Run page: the question closes, and the page goes on with another run."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.helpers.run_folders import make_run
from tests.helpers.serving import serve_forked


def test_a_deleted_run_leaves_the_page(page: Page, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    for name in ("first", "second"):
        make_run(root, name, "dcgan", epochs=2)
    with serve_forked(root, tmp_path / "log.txt") as address:
        page.goto(f"{address}/run?run=first")
        page.get_by_role("button", name="Manage").click()
        page.get_by_role("button", name="Delete").click()
        question = page.get_by_role("dialog").filter(has_text="Delete this run?")
        question.get_by_role("button", name="Delete").click()
        expect(question).to_have_count(0)
        expect(page.get_by_text("first is deleted.")).to_be_visible()
        expect(page.get_by_role("heading", name="second").first).to_be_visible()
    assert not (root / "first").exists()

"""Whatever fails, a person reads a sentence, the log has the traceback, and the next click works."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from dashboard.widgets import error_boundary
from gan_core import cli
from gan_core.cli import listing
from gan_core.errors import UserError
from tests.conftest import ROOT
from tests.helpers.pages import new_app
from tests.helpers.run_folders import make_run
from tests.robustness.faulty_actions import FAULT

VIEWS = ("home", "compare", "run", "evaluate", "live", "quiz", "train")


@pytest.fixture
def own_runs(runs_root: Path) -> None:
    make_run(runs_root, "one", "gan", 2, 4)
    make_run(runs_root, "two", "dcgan", 2, 4)


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("the flux <b>capacitor</b> is empty")


@pytest.mark.parametrize("view", VIEWS)
def test_a_fault_of_ours_on_a_page(
    view: str, own_runs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Something that every page calls is broken, and mended for the next click."""
    page = new_app(view)
    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(error_boundary, "failed_action", broken)
        page.run()
    assert not page.exception
    (error,) = page.error
    assert "copy the details" in error.value
    assert "<b>" not in error.value
    assert "RuntimeError: the flux" in page.code[0].value
    assert "Traceback" in caplog.text
    page.run()
    assert not page.error


def _clicked() -> None:
    """A page as an app test runs it: from its text alone."""
    import streamlit as st

    from dashboard.widgets import error_boundary
    from tests.robustness.faulty_actions import stop

    error_boundary.failed_action()
    st.button("Go", on_click=stop)
    st.markdown("the rest of the page")


@pytest.mark.parametrize(
    ("error", "words"),
    [(RuntimeError("empty"), "The action 'stop' failed"), (UserError("no stop here"), "no stop here")],
)
def test_a_fault_of_ours_behind_a_click(error: Exception, words: str, caplog: pytest.LogCaptureFixture) -> None:
    FAULT.append(error)
    page = AppTest.from_function(_clicked, default_timeout=30).run()
    with caplog.at_level(logging.ERROR):
        page.button[0].click().run()
    assert not page.exception
    assert words in page.error[0].value.replace("\\", "").replace("*", "")
    assert page.markdown[-1].value == "the rest of the page"
    assert ("Traceback" in caplog.text) is not isinstance(error, UserError)
    page.run()
    assert not page.error


def _faulty() -> None:
    from dashboard.widgets import error_boundary

    error_boundary.script_fault(RuntimeError("empty"))


def test_a_fault_that_no_page_has_caught() -> None:
    """What `st.App` is given for it draws a sentence and the details."""
    page = AppTest.from_function(_faulty, default_timeout=30).run()
    assert "ended unexpectedly" in page.error[0].value
    assert page.code[0].value.endswith("RuntimeError: empty")


def test_every_action_of_the_pages_is_guarded() -> None:
    """No callback of a widget can leave a page empty."""
    unguarded = []
    for path in sorted((ROOT / "dashboard").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"on_(?:click|change)=([A-Za-z_][\w.]*(?:\([^)]*\))?)", text):
            guarded = re.match(r"\w+\.action\(", name) or re.search(rf"@\w+\.action\n *def {re.escape(name)}\(", text)
            if not guarded:
                unguarded.append(f"{path.name}: {name}")
    assert unguarded == []


def test_a_fault_of_ours_in_the_live_tab(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from dashboard.live import mount
    from dashboard.live.models import ModelCache

    monkeypatch.setenv("GANRAY_RUNS", str(ROOT / "runs"))
    with (
        TestClient(mount.application("/gradio"), base_url="http://localhost") as client,
        caplog.at_level(logging.ERROR),
    ):

        def call() -> str:
            asked = {"data": ["reference/cgan", "PNEUMONIA", 1, 1, 1.0]}
            event = client.post("/gradio/gradio_api/call/generate", json=asked).json()["event_id"]
            return client.get(f"/gradio/gradio_api/call/generate/{event}").text

        with monkeypatch.context() as patched:
            patched.setattr(ModelCache, "get", broken)
            said = call()
        assert "event: error" in said
        assert "an error in the app, not in your input" in said
        assert "capacitor" not in said
        assert "capacitor" in caplog.text
        assert "event: complete" in call()


def test_a_fault_of_ours_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, words, code in (
        (RuntimeError("the flux\ncapacitor"), "error: internal error (RuntimeError: the flux capacitor)", 1),
        (MemoryError(), "error: not enough memory: use a smaller --batch-size", 1),
        (PermissionError(13, "Permission denied", "/x/y"), "error: /x/y: Permission denied", 2),
        (KeyboardInterrupt(), "stopped", 130),
    ):

        def fail(_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(listing, "list_runs", fail)
        assert cli.main(["list", "--runs", str(tmp_path)]) == code
        said = capsys.readouterr().err
        assert said.splitlines()[-1].startswith(words)
        assert ("Traceback" in said) is isinstance(error, RuntimeError)


@pytest.mark.processes
def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    command = [sys.executable, "-m", "gan_core", "list", "--runs", str(ROOT / "runs")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.wait(60) in (0, 120)
    assert process.stderr.read() == b""

"""What every test starts from: one thread a process, no network, scratch folders instead of the user's own."""

import contextlib
import os
import re
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from dashboard.live.editor_stubs import without_stubs
from tests.helpers.repository import ROOT

_scratch = tempfile.TemporaryDirectory(prefix="ganray-tests-")

# Set here and not in a fixture: these are read once, when torch, datasets or gradio is imported.
os.environ.update(
    OMP_NUM_THREADS="1",  # the tests run side by side, one process a core
    MKL_NUM_THREADS="1",
    GANRAY_CACHE=f"{_scratch.name}/cache",
    HF_HOME=f"{_scratch.name}/huggingface",
    HF_HUB_OFFLINE="1",
    GRADIO_ANALYTICS_ENABLED="False",
    GANRAY_MEASURE="off",  # each opened Train page would time steps in a process of its own
)
os.environ.pop("GANRAY_RUNS", None)

# As the app does. Whichever test module imports Gradio first, in each process of the tests.
_imports = contextlib.ExitStack()
_imports.enter_context(without_stubs())


PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)\s+# (?P<reason>\S.*)")  # of requirements.txt
LONG = ("browser", "processes", "slow")  # markers of what takes long
TOLD = ("torch", "numpy", "pandas", "streamlit", "gradio", "plotly", "pytest")  # whose versions the suite names


def pins(file: str) -> dict[str, str]:
    """Package -> the exact version that a file of requirements names."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return {match["name"]: match["version"] for line in text.splitlines() if (match := PINNED.fullmatch(line))}


def versions() -> list[str]:
    """The versions that the suite runs with, and those that differ from the pinned ones."""
    wanted = pins("requirements.txt") | pins("requirements-dev.txt")
    found = {name: _installed(name) for name in wanted}
    told = ", ".join(f"{name} {found[name]}" for name in TOLD)
    others = [f"{name} {found[name]} ({pin})" for name, pin in wanted.items() if found[name].split("+")[0] != pin]
    return [f"with {told}", *([f"other than pinned: {', '.join(others)}"] if others else [])]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def pytest_configure(config: pytest.Config) -> None:
    """Workers that collect everything begin at different files: what one has compiled by then, the others read."""
    worker = getattr(config, "workerinput", None)
    chosen = config.option.ignore or config.option.ignore_glob  # not heeded for files that are named
    if worker and config.args_source == config.ArgsSource.TESTPATHS and not chosen:
        files = sorted((ROOT / "tests").rglob("test_*.py"))
        first = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        config.args[:] = [str(path) for path in files[first:] + files[:first]]


@pytest.hookimpl(trylast=True)  # others have marked their tests by then
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a browser, a process of ours or slow tests come first: a worker that takes files has short ones to
    share at the end, instead of a long one that runs alone.
    """
    long = {item.path for item in items if any(item.get_closest_marker(name) for name in LONG)}
    items.sort(key=lambda item: (item.path not in long, item.path))


def pytest_collection_finish() -> None:
    _imports.close()  # every module of tests was imported


def real_data_folder() -> Path | None:
    """The folder of real images: GANRAY_REAL_DATA, else `shared/data` beside the repository; None without it."""
    folder = Path(os.environ.get("GANRAY_REAL_DATA") or ROOT.parent / "shared" / "data")
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; the test is skipped where there is none."""
    folder = real_data_folder()
    if folder is None:
        pytest.skip("no real images here: name their folder in GANRAY_REAL_DATA")
    return folder


@pytest.fixture
def runs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of runs that the program takes for its own (GANRAY_RUNS)."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("GANRAY_RUNS", str(folder))
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The versions, as a quiet pytest has no header for them; then what the promises measured at full length, one line
    a test: the figures of SECURITY.md.
    """
    for line in versions():
        terminalreporter.line(line)
    if terminalreporter.config.getoption("markexpr") != "soak":
        return
    lines = [
        (report.nodeid.removeprefix("tests/robustness/"), str(value))
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        for name, value in report.user_properties
        if name == "measured"
    ]
    if lines:
        terminalreporter.section("measured")
        for test, value in sorted(lines):
            terminalreporter.line(f"{test}: {value}")

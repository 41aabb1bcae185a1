"""What is installed is pinned, what is pinned says why, and pyproject.toml names ranges that hold what is pinned."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.conftest import PINNED, ROOT, pins, versions
from tests.house.imports import OURS, imported, our_sources

FILES = ("requirements.txt", "requirements-dev.txt")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines(file: str) -> list[str]:
    """The lines that name a package."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith(("#", "-r "))]


def base() -> list[Requirement]:
    """What every user needs."""
    return [Requirement(line) for line in PROJECT["dependencies"]]


def extras() -> dict[str, list[Requirement]]:
    """What only some users need, by the extra's name."""
    return {name: [Requirement(line) for line in group] for name, group in PROJECT["optional-dependencies"].items()}


def ranges() -> list[Requirement]:
    optional = [one for name, group in extras().items() if name != "all" for one in group]
    return [*base(), *optional]


def plain(name: str) -> str:
    """A package's name as the registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("file", FILES)
def test_each_package_is_pinned_and_says_why(file: str) -> None:
    assert [line for line in lines(file) if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("wanted", ranges(), ids=str)
def test_a_range_begins_somewhere_and_holds_the_pinned_version(wanted: Requirement) -> None:
    pinned = {plain(name): pin for name, pin in (pins(FILES[0]) | pins(FILES[1])).items()}
    assert wanted.specifier.contains(pinned[plain(wanted.name)])
    assert {bound.operator for bound in wanted.specifier} <= {">=", "<"}
    assert any(bound.operator == ">=" for bound in wanted.specifier)


def test_what_is_pinned_for_users_is_in_a_range() -> None:
    assert {plain(name) for name in pins("requirements.txt")} <= {plain(one.name) for one in ranges()}


def test_the_extra_of_all_is_all() -> None:
    found = extras()
    (everything,) = found.pop("all")
    assert (everything.name, everything.extras) == ("ganray", set(found))


def test_the_suite_says_which_versions_it_runs_with() -> None:
    assert versions()[0].startswith("with torch ")


def locked() -> dict[str, tuple[str, int]]:
    """Name -> version and number of hashes, of what the lock file lists."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            match = re.match(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)", line)
            assert match, line  # an address, a folder, or a range
            found[plain(match["name"])] = match["version"], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line))
    return found


def test_the_lock_file_holds_what_is_pinned_each_with_hashes() -> None:
    found = locked()
    assert {name: found[plain(name)][0] for name in pins("requirements.txt")} == pins("requirements.txt")
    assert [name for name, (_, hashes) in found.items() if not hashes] == []


def test_what_is_imported_is_in_a_range() -> None:
    sources = our_sources(ROOT)
    used = {
        name.split(".")[0]
        for module, source in sources.items()
        for _, name in imported(module, source, frozenset(sources))
    }
    foreign = used - sys.stdlib_module_names - set(OURS)
    offered = packages_distributions()
    known = {plain(one.name) for one in ranges()}
    assert {name for name in foreign if not set(map(plain, offered.get(name, []))) & known} == set()


def test_the_settings_of_the_app_are_safe() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["enableXsrfProtection"] is True
    assert settings["server"]["maxUploadSize"] <= 200
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("way", "stamp"), [("LOCKED", ".locked"), ("CPU", ".cpu")])
def test_an_environment_is_not_taken_for_one_that_was_made_in_another_way(tmp_path: Path, way: str, stamp: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for file in (*FILES, "requirements.lock"):
        shutil.copy(ROOT / file, tmp_path)

    def dry(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", "-n", *words], cwd=tmp_path, capture_output=True, text=True)

    assert f"touch .venv/{stamp}" in dry("app", f"{way}=1").stdout
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for made in ("bin/python", ".user"):
        (tmp_path / ".venv" / made).touch()
    refused = dry("app", f"{way}=1")
    assert refused.returncode and "`make clean` first" in refused.stderr
    assert dry("app").returncode == dry("clean", "app", f"{way}=1").returncode == 0
    (tmp_path / ".venv" / stamp).touch()
    assert dry("app", f"{way}=1").returncode == 0
    (tmp_path / ".venv" / ".user").unlink()
    assert (f"rm -f .venv/{stamp}" in dry("app").stdout) == (way == "LOCKED")

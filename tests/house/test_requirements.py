"""What is installed is pinned, what is pinned says why, and what is imported is pinned."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions, version

import pytest

from tests.conftest import ROOT
from tests.house.imports import OURS, imported, our_sources

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)\s+# (?P<reason>\S.*)")
FILES = ("requirements.txt", "requirements-dev.txt")


def lines(file: str) -> list[str]:
    """The lines that name a package."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith(("#", "-r "))]


def pins(file: str) -> dict[str, str]:
    return {match["name"]: match["version"] for line in lines(file) if (match := LINE.fullmatch(line))}


def extras() -> dict[str, str]:
    """What only some users need: package -> version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [entry for group in project.get("optional-dependencies", {}).values() for entry in group]
    return dict(entry.split("==") for entry in named)


def plain(name: str) -> str:
    """A package's name as the registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("file", FILES)
def test_each_package_is_pinned_and_says_why(file: str) -> None:
    assert [line for line in lines(file) if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize("file", FILES)
def test_the_tests_run_with_the_pinned_versions(file: str) -> None:
    installed = {name: version(name).split("+")[0] for name in pins(file)}  # torch adds how it was built
    assert installed == pins(file)


def test_extras_are_tested_at_their_pinned_versions() -> None:
    assert extras().items() <= pins("requirements-dev.txt").items()


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


def test_what_is_imported_is_pinned() -> None:
    sources = our_sources(ROOT)
    used = {
        name.split(".")[0]
        for module, source in sources.items()
        for _, name in imported(module, source, frozenset(sources))
    }
    foreign = used - sys.stdlib_module_names - set(OURS)
    offered = packages_distributions()
    pinned = {plain(name) for name in (*pins("requirements.txt"), *extras())}
    assert {name for name in foreign if not set(map(plain, offered.get(name, []))) & pinned} == set()


def test_the_settings_of_the_app_are_safe() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["enableXsrfProtection"] is True
    assert settings["server"]["maxUploadSize"] <= 200
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"

"""What a training may take of this machine."""

from pathlib import Path

import psutil
import pytest

from gan_core import run_costs


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def write(folder: Path, limit: str, used: int, cache: int, version: int = 2) -> None:
    names = {
        2: ("memory.max", "memory.current", "inactive_file"),
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    }[version]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cache}\n")


@pytest.mark.parametrize(
    ("version", "line", "inner"),
    [(2, "0::/pod/one", "pod/one"), (2, "0::/", ""), (1, "4:cpu,memory:/pod/one", "memory/pod/one")],
)
def test_a_containers_limit_counts(groups: Path, tmp_path: Path, version: int, line: str, inner: str) -> None:
    own = tmp_path / "own"
    own.write_text(f"9:pids:/other\n{line}\n")
    write(groups / inner, "9000", 4000, 1500, version)
    assert run_costs.free_memory(groups, own) == 6500
    write(groups / inner, "3000", 4000, 500, version)
    assert run_costs.free_memory(groups, own) == 0


def test_the_limit_of_an_outer_group_counts_too(groups: Path, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/pod/one\n")
    write(groups / "pod" / "one", "max", 4000, 0)
    write(groups / "pod", "5000", 4500, 0)
    assert run_costs.free_memory(groups, tmp_path / "own") == 500


@pytest.mark.parametrize("line", ["0::/pod", "nonsense", ""])
def test_without_a_limit_it_is_the_machines(
    groups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 7000}))
    write(groups / "pod", "max", 4000, 0)
    (tmp_path / "own").write_text(line)
    assert run_costs.free_memory(groups, tmp_path / "own") == 7000
    assert run_costs.free_memory(groups, tmp_path / "missing") == 7000

"""Runs from strangers in the live tab: those who generate with a healthy run beside them do not wait for them.

In short, without a server: `test_run_folders.py` (a run that loads for long, a visitor of a slow run).
"""

import os
import shutil
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from gan_core import config, runs, tensor_files
from gan_core.families import loading
from gan_core.runs import Run
from tests.helpers.serving import serve
from tests.helpers.untrained import untrained
from tests.robustness.test_run_folders import edit
from tests.robustness.visitor import Refused, Visitor, memory, server_of

pytestmark = [
    pytest.mark.soak,
    pytest.mark.processes,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="sparse files of Unix"),
]

CALLS = 20  # with the healthy run
P95 = 2.0  # seconds
MEMORY = 1200  # MB, of the server and its children


def hostile(root: Path) -> list[str]:
    """Runs that cost as much as a run can: large networks, files that do not fit, numbers that are not finite."""
    settings = config.to_dict(loading.load_family("dcgan").presets["dcgan"]) | {"width": 64, "max_width": 1024}
    made = [untrained(root, "heavy", "dcgan", image_size=256, settings=settings)]
    for name in ("wide", "large", "many", "giant", "nan"):
        shutil.copytree(root / "healthy", root / name)
        made.append(Run(root / name, root))
    edit(root / "wide" / runs.CONFIG, settings__max_width=10**5, settings__width=10**5)
    edit(root / "large" / runs.CONFIG, image_size=1024)
    edit(root / "many" / runs.CONFIG, settings__latent_size=10**9)
    with (root / "giant" / runs.WEIGHTS).open("r+b") as file:
        file.truncate(6 * 1024**3)
    tensors, header = tensor_files.load(root / "nan" / runs.WEIGHTS)
    for tensor in tensors.values():
        if tensor.is_floating_point():
            tensor.fill_(torch.nan)
    tensor_files.save(root / "nan" / runs.WEIGHTS, tensors, header)
    return [run.name for run in made]


def test_generating_beside_hostile_runs(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    root = tmp_path / "runs"
    untrained(root, "healthy", "dcgan")
    names, over = hostile(root), threading.Event()
    with serve(root, tmp_path / "log.txt") as address:
        visitor = Visitor(address)

        def ask(run: str, count: int, seed: int) -> object:
            return visitor.call("generate", run, "", seed, count, 1.0)

        assert ask("healthy", 4, 0)

        def attack() -> list[str]:
            said = []
            while not over.is_set():
                for name in names:
                    try:
                        ask(name, 64, 0)
                        said.append(f"{name} drew")
                    except Refused as refused:
                        said.append(str(refused))
            return said

        with ThreadPoolExecutor(1) as pool:
            attacker = pool.submit(attack)
            seconds = []
            try:
                for seed in range(CALLS):
                    begun = time.perf_counter()
                    assert ask("healthy", 4, seed)
                    seconds.append(time.perf_counter() - begun)
                    time.sleep(0.2)
            finally:
                over.set()
            said = attacker.result()
        used = memory(server_of(address))
    p95 = statistics.quantiles(seconds, n=20)[-1]
    words = f"{CALLS} calls beside hostile runs: median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s"
    record_property("measured", f"{words}, memory {used:.0f} MB")
    print(words, f"{used:.0f} MB", *dict.fromkeys(said), sep="\n  ")
    assert len(said) >= len(names)
    assert all("\n" not in line for line in said)
    assert p95 < P95
    assert used < MEMORY

"""Runs recorded by the last version that wrote format 1 of config.json, and the pictures they learned from."""

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

FOLDER = Path(__file__).parent / "format1"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/end.json"))
_PROCESSOR = ("vendor_id", "cpu family", "model")  # lines of /proc/cpuinfo


def draw_pictures(folder: Path) -> Path:
    """20 pairs of discs and rings in whole numbers and without compression: the same bytes on every machine."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:32, :32]
    for name in ("disc", "ring"):
        (folder / name).mkdir(parents=True)
    for number in range(20):
        y, x, size = [*rng.integers(10, 22, 2).tolist(), int(rng.integers(4, 8))]
        squared = (rows - y) ** 2 + (columns - x) ** 2
        inside = squared < size**2
        both = {
            "disc": np.where(inside, 200, 40),
            "ring": np.where(inside & (squared > (size - 2) ** 2), 220, 90),
        }
        for name, picture in both.items():
            noisy = picture + rng.integers(-8, 9, picture.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / name / f"pair{number:03d}.bmp")
    return folder


def copy_run(case: str, root: Path) -> Path:
    """The recorded run in a folder of runs, as it was stopped."""
    folder = root / case
    shutil.copytree(FOLDER / case, folder, ignore=shutil.ignore_patterns("end.json", "*.safetensors"))
    (folder / "checkpoints").mkdir()
    for checkpoint in (FOLDER / case).glob("*.safetensors"):
        shutil.copy(checkpoint, folder / "checkpoints")
    return folder


def digest(tensors: Mapping[str, Tensor]) -> str:
    """BLAKE2b, 16 bytes, over names and bytes in the order of the names."""
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].contiguous().numpy().tobytes())
    return found.hexdigest()


def on_the_same_machine() -> bool:
    """Whether this processor and this torch compute to the bit what those of the recording did."""
    recorded: dict[str, str] = json.loads((FOLDER / "recorded_on.json").read_text(encoding="utf-8"))
    return recorded == this_machine()


def this_machine() -> dict[str, str]:
    """What the last bit of a sum depends on, with one thread."""
    found = {
        "machine": platform.machine(),
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return found
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return found | {name.replace(" ", "_"): said[name] for name in _PROCESSOR if name in said}

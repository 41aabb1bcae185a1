"""Cost of a training step of each translator: seconds, peak memory, number of weights.

    python -m benchmarks.translators [PRESET ...] [--size 128] [--steps 5]

Each preset trains in its own process with batch 1 (one picture in each direction, or one pair) in bfloat16. Memory is
the process's peak minus its memory before the networks were built. Run nothing else meanwhile.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import psutil
import torch

from gan_core.families import loading, registry
from gan_core.training import devices

PRESETS = ("cyclegan_resnet", "cut", "fastcut", "cyclegan_unet", "pix2pix")


def measure(preset: str, size: int, steps: int) -> dict[str, float]:
    """Return the median seconds of a step after two warm-up steps, the peak memory in MB, and millions of weights."""
    devices.keep_freed_memory()
    entry = registry.find_preset(preset)
    settings = loading.preset_settings(entry, size)
    before = psutil.Process().memory_info().rss
    torch.manual_seed(0)
    family = loading.load_family(entry.family).family(settings, (1, size, size), 2).place("cpu")
    real, times = torch.rand(2, 1, size, size) * 2 - 1, []
    for _ in range(steps + 2):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            family.train_step(real.clone(), torch.tensor([0, 1]))
        family.step += 1
        times.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in kB
    weights = sum(parameter.numel() for parameter in family.parameters())
    return {"seconds": statistics.median(times[2:]), "memory": (peak - before) / 1e6, "weights": weights / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"default: {', '.join(PRESETS)}")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # for the subprocess of one preset
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(options.presets[0], options.size, options.steps)))
        return
    print(f"{options.size} px, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("| preset | seconds a step | peak memory, MB | weights, million |\n| --- | --- | --- | --- |")
    for preset in options.presets or PRESETS:
        command = [sys.executable, "-m", "benchmarks.translators", preset, "--alone"]
        command += ["--size", str(options.size), "--steps", str(options.steps)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"| `{preset}` | {found['seconds']:.2f} | {found['memory']:.0f} | {found['weights']:.1f} |", flush=True)


if __name__ == "__main__":
    main()

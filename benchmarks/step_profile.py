"""Time of a training step by kind of operation for each preset, and the effect of torch.compile.

    python -m benchmarks.step_profile [PRESET ...] [--compiled] [--threads 1] [--steps 12]

Prints processor time and wall time of one eager step at the preset's own size and batch, in bfloat16 if the processor
supports it, and the shares of its operations. --compiled also times the step with compiled networks, except those that
a family differentiates twice, which torch.compile does not support.
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from gan_core.families import loading, registry
from gan_core.families.base import Family

PRESETS = ("gan", "dcgan", "cgan", "bigan", "acgan", "r3gan", "vae", "cyclegan_resnet_light", "cut", "pix2pix_light")
# The first matching pattern decides; unmatched operations are "other".
KINDS = {
    "convolutions": r"conv|mkldnn|unfold|im2col",
    "matrices": r"addmm|aten::mm|bmm|linear",
    "norms": r"norm",
    "optimizer": r"adam|foreach|lerp",
    "copies": r"copy|contiguous|clone|cat|pad|to_copy|fill|zero|empty|resize|index|upsample",
    "pointwise": r"relu|add|mul|sub|div|tanh|sigmoid|softplus|neg|pow|sqrt|dropout|sum|mean|abs|exp|log|clamp|where",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=PRESETS)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{'preset':<24}{'ms':>7}{'wall':>7}  " + "".join(f"{kind:>14}" for kind in (*KINDS, "other")) + "   compiled"
    )
    for name in options.presets:
        family, step = prepared(name)
        usual, wall = milliseconds(step, options.steps)
        shares = spent(step)
        line = f"{name:<24}{usual:7.0f}{wall:7.0f}  " + "".join(f"{shares[kind]:14.0%}" for kind in (*KINDS, "other"))
        if options.compiled:
            line += "   " + compiled(family, step, options.steps, usual)
        print(line, flush=True)


def prepared(name: str) -> tuple[Family, Callable[[], object]]:
    """Return the family of a preset, and a function that runs one of its steps on random pictures."""
    entry = registry.find_preset(name)
    translates = entry.task == "translate"
    size, batch = (128, 1) if translates else (64, 32)
    settings = loading.preset_settings(entry, size)
    torch.manual_seed(0)
    family = loading.load_family(entry.family).family(settings, (1, size, size), 2).place("cpu")
    family.steps = 1000
    family.train()
    family.averages.eval()
    half = batch if translates else batch // 2
    real = (torch.rand(2 * half, 1, size, size) * 2 - 1).to(memory_format=torch.channels_last)
    labels = torch.arange(2).repeat_interleave(half)

    def step() -> object:
        with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bfloat16()):
            scalars = family.train_step(real, labels)
        family.step += 1
        return scalars

    return family, step


def multiplies_bfloat16() -> bool:
    return bool(re.search(r"avx512_bf16|amx_bf16", Path("/proc/cpuinfo").read_text()))


def milliseconds(step: Callable[[], object], steps: int) -> tuple[float, float]:
    """Return the median milliseconds of a step: processor time, which other load hardly changes, and wall time."""
    for _ in range(4):
        step()
    times = []
    for _ in range(steps):
        begun = time.process_time(), time.perf_counter()
        step()
        times.append((time.process_time() - begun[0], time.perf_counter() - begun[1]))
    used, passed = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    return used, passed


def spent(step: Callable[[], object]) -> dict[str, float]:
    """Return the shares of a step's time by kind of operation."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(3):
            step()
    found = dict.fromkeys((*KINDS, "other"), 0.0)
    for row in seen.key_averages():
        name = row.key.lower()
        kind = next((kind for kind, pattern in KINDS.items() if re.search(pattern, name)), "other")
        found[kind] += row.self_cpu_time_total
    total = sum(found.values())
    return {kind: value / total for kind, value in found.items()}


def compiled(family: Family, step: Callable[[], object], steps: int, usual: float) -> str:
    networks = [n for n, child in family.named_children() if n != "averages" and any(True for _ in child.parameters())]
    if getattr(family.config, "r1", 0):
        networks = [name for name in networks if "discriminator" not in name]
    for name in networks:
        family.network(name).compile()
    begun = time.perf_counter()
    try:
        step()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"
    first = time.perf_counter() - begun
    now, _ = milliseconds(step, steps)
    return f"{now:5.0f} ms ({usual / now:.2f} times as fast), {first:.0f} s once"


if __name__ == "__main__":
    main()

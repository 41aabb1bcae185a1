"""Latency of a translation in the live tab, and memory over a hundred translations.

    python -m benchmarks.live_latency RUN ... [--runs DIR]
    python -m benchmarks.live_latency --untrained cyclegan_resnet --size 256
    python -m benchmarks.live_latency --generate cgan --visits 10

First picture: the bytes of a 256 px PNG are decoded in the warm worker, resized, translated and encoded as PNG. Rest:
input check, cycle back with its error, and heat map of the change. With --generate: the time until 64 pictures are
ready, until the first classifier's predictions, and until the second's. Run nothing else meanwhile.
"""

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import torch

from dashboard.live import generate, picture_html
from dashboard.live.models import ModelCache
from gan_core import images, inference
from gan_core.config import RunConfig, to_dict
from gan_core.decode.worker import DecodeWorker
from gan_core.families import loading, registry
from gan_core.inference import Model, input_check, precision, translation
from gan_core.phantoms.chest import xray
from gan_core.runs import Run, default_root, find_run

SIZE = 256  # pixels a side of an upload
UPLOADS = 8  # different ones, in turn
WARM = 5
FIRST = ("decode", "translate", "PNG")
REST = ("gate", "way back", "heat map")


def untrained(preset: str, size: int) -> Model:
    """Return a preset's networks with initial weights, which are as fast as trained ones.

    Only trained networks show the difference between bfloat16 and float32, so here bfloat16 is used wherever it is
    faster.
    """
    precision.GREYS = math.inf
    entry = registry.find_preset(preset)
    config = RunConfig(
        preset,
        entry.family,
        source="phantom:cxr",
        fingerprint="0" * 16,
        classes=("normal", "covid"),
        class_counts=(1, 1),
        image_size=size,
        channels=1,
        fit="crop",
        epochs=1,
        batch_size=1,
        seed=0,
        precision="32-true",
        preview_every=1,
        log_every=1,
        settings=to_dict(loading.preset_settings(entry, size)),
        domains=("normal", "covid"),
        subject="chest X-ray",
    )
    torch.manual_seed(0)
    family = loading.build(entry.family, config.settings, (1, size, size), 2, training=False)
    return Model(Run(Path(f"untrained {preset}")), config, family.place("cpu").eval().requires_grad_(False))


def uploads() -> list[bytes]:
    """Return PNG files of phantoms, with and without disease."""
    kinds = [xray.CLASSES[number % len(xray.CLASSES)] for number in range(UPLOADS)]
    drawn = [xray.draw(kind, 900_000 + number, SIZE).image for number, kind in enumerate(kinds)]
    return [images.png_bytes(np.rint(picture[..., None] * 255).astype(np.uint8)) for picture in drawn]


def visit(model: Model, worker: DecodeWorker, data: bytes) -> dict[str, float]:
    """Translate one upload; return the milliseconds of each step."""
    took: dict[str, float] = {}
    began = time.perf_counter()

    def step(name: str) -> None:
        nonlocal began
        now = time.perf_counter()
        took[name] = (now - began) * 1000
        began = now

    picture = worker.decode(data, "upload.png")
    step("decode")
    done = translation.translate_picture(model, picture, model.domains[1], cycle=False)
    step("translate")
    assert translation.png(done.after, done)
    step("PNG")
    input_check.judge(picture, model.config.subject or input_check.SUBJECTS[0])
    step("gate")
    done = translation.with_cycle(model, done)
    assert done.numbers()["cycle_error"] >= 0
    step("way back")
    assert picture_html.quick_png(picture_html.heat(done.change))
    step("heat map")
    return took


def latency(model: Model, worker: DecodeWorker, files: list[bytes], visits: int) -> None:
    """Print p50 and p95 of the steps and of the sums "first picture" and "the rest"."""
    for number in range(WARM):
        visit(model, worker, files[number % len(files)])
    took = [visit(model, worker, files[number % len(files)]) for number in range(visits)]
    sums: list[tuple[str, Callable[[dict[str, float]], float]]] = [
        ("first picture", lambda one: sum(one[name] for name in FIRST)),
        ("the rest", lambda one: sum(one[name] for name in REST)),
    ]
    print(f"{'':<16}{'p50':>8}{'p95':>8}  ms, of {visits} visits")
    for name in (*FIRST, *REST):
        _row(f"  {name}", [one[name] for one in took])
    for name, value in sums:
        _row(name, [value(one) for one in took])


def _row(name: str, values: list[float]) -> None:
    middle, slow = np.percentile(values, (50, 95))
    print(f"{name:<16}{middle:>8.1f}{slow:>8.1f}")


def generating(name: str, runs: Path, visits: int) -> None:
    """Print p50 and p95 of the steps of Generate and, if the run has two classes, of the interpolation between them."""
    models = ModelCache(runs)
    kinds = ["new", "between"] if len(models.get(name).classes) > 1 else ["new"]
    for kind in kinds:
        took: list[list[float]] = []
        for visit in range(visits + 1):  # the first visit includes set-up
            began = time.perf_counter()
            request = generate.GenerateRequest(kind, name, seed=visit, count=generate.MOST, opinions=True)
            took.append([(time.perf_counter() - began) * 1000 for _ in generate.draw(models, request)])
        print(
            f"\n{name}, {kind}, {torch.get_num_threads()} threads\n{'':<16}{'p50':>8}{'p95':>8}  ms, of {visits} visits"
        )
        for step, values in zip(("pictures", "one prediction", "both"), zip(*took[1:], strict=True), strict=False):
            _row(step, list(values))


def memory(model: Model, worker: DecodeWorker, files: list[bytes], translations: int) -> None:
    """Print the resident memory of this process and of the worker before and after the translations."""
    assert worker.process is not None
    watched = [psutil.Process(), psutil.Process(worker.process)]
    seen = []
    for number in range(translations):
        seen.append([process.memory_info().rss / 1e6 for process in watched])
        visit(model, worker, files[number % len(files)])
    seen.append([process.memory_info().rss / 1e6 for process in watched])
    for name, first, last in zip(("this process", "the worker"), seen[0], seen[-1], strict=True):
        print(f"memory of {name}: {first:.1f} MB before, {last:.1f} MB after {translations} translations")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="RUN", nargs="*", help="runs that translate")
    parser.add_argument("--runs", type=Path, default=default_root(), metavar="DIR")
    parser.add_argument(
        "--untrained", metavar="PRESET", action="append", default=[], help="networks of a preset with initial weights"
    )
    parser.add_argument("--size", type=int, default=256, help="pixels a side of untrained networks (default 256)")
    parser.add_argument("--generate", metavar="RUN", action="append", default=[], help="a run that generates")
    parser.add_argument("--visits", type=int, default=40)
    parser.add_argument("--translations", type=int, default=100, help="number of translations for the memory")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if not (options.names or options.untrained or options.generate):
        parser.error("name runs, or --untrained presets")
    torch.set_num_threads(options.threads)
    for name in options.generate:
        generating(name, options.runs, options.visits)
    models = [inference.load(find_run(name, options.runs)) for name in options.names]
    models += [untrained(preset, options.size) for preset in options.untrained]
    files = uploads()
    with DecodeWorker() as worker:
        for model in models:
            size, threads = model.config.image_size, torch.get_num_threads()
            print(f"\n{model.run.name}, {size} px, {threads} threads")
            latency(model, worker, files, options.visits)
            memory(model, worker, files, options.translations)


if __name__ == "__main__":
    main()

"""Inference engines for the live tab on this processor: the time of each, and its difference from float32.

    python -m benchmarks.serving [PRESET or RUN ...] [--size 256] [--count 64] [--calls 15] [--threads 2]

Engines: torch in float32 and in bfloat16; folded, as in the live tab: kernels folded and cast to bfloat16 once;
`torch.compile` in both precisions; ONNX Runtime; and OpenVINO in both, if installed. Translators get a drawn X-ray;
generators make `--count` pictures of 64 px. A preset's untrained networks are as fast as trained ones, but only a
trained run shows the difference between pictures. Calls alternate between all engines, so that other load affects all
of them. Run nothing else meanwhile.
"""

import argparse
import copy
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.live_latency import untrained
from gan_core import inference
from gan_core.export import onnx
from gan_core.families import registry
from gan_core.inference import Model
from gan_core.inference.precision import fold_and_cast
from gan_core.phantoms.chest import xray

NAMES = ("cyclegan_resnet_light", "cyclegan_resnet", "cyclegan_unet", "cgan", "r3gan", "reference/covid_cyclegan")
Engine = Callable[[], Tensor]


def engines(network: nn.Module, given: tuple[Tensor, ...], graph: bytes, threads: int) -> Iterator[tuple[str, Engine]]:
    """Yield name and call of each installed engine; the next one is prepared only when it is requested."""

    def run(module: Callable[..., Tensor], bfloat16: bool) -> Engine:
        def call() -> Tensor:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                return module(*given)

        return call

    yield "float32", run(network, False)
    yield "bfloat16", run(network, True)
    folded = copy.deepcopy(network)
    fold_and_cast(folded, torch.bfloat16)
    yield "folded, bfloat16", run(folded, True)
    for name, bfloat16 in (("compiled, float32", False), ("compiled, bfloat16", True)):
        torch.compiler.reset()
        yield name, run(torch.compile(network), bfloat16)
    arrays = {name: value.numpy() for name, value in zip(("z", "labels"), given, strict=False)}
    if find_spec("onnxruntime"):
        yield "ONNX Runtime", _onnxruntime(graph, arrays, threads)
    if find_spec("openvino"):
        for precision in ("f32", "bf16"):
            yield f"OpenVINO, {precision}", _openvino(graph, list(arrays.values()), threads, precision)


def _onnxruntime(graph: bytes, arrays: dict[str, np.ndarray], threads: int) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    given = dict(zip((one.name for one in session.get_inputs()), arrays.values(), strict=True))
    return lambda: torch.from_numpy(session.run(None, given)[0])


def _openvino(graph: bytes, arrays: list[np.ndarray], threads: int, precision: str) -> Engine:
    import openvino

    options: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.Core().compile_model(openvino.Core().read_model(graph), "CPU", options)
    return lambda: torch.from_numpy(np.array(next(iter(compiled(arrays).values()))))


def compare(name: str, size: int, count: int, calls: int, threads: int) -> None:
    """Measure a run or preset and print a row for each engine."""
    fresh = name in registry.presets()
    translates = registry.find_preset(name).task == "translate" if fresh else False
    model: Model = untrained(name, size if translates else 64) if fresh else inference.load(name)
    target = model.targets[-1] if model.task == "translate" else ""
    network, size = onnx.network(model, target), model.config.image_size
    given = tuple(onnx.inputs(model, target, count).values())
    if target:
        drawn = xray.draw("normal", 900_000, size).image
        given = (torch.from_numpy(drawn)[None, None].float() * 2 - 1,)
    graph = onnx.as_graph(model, target).SerializeToString()
    ready: dict[str, tuple[Engine, float]] = {}
    began = time.perf_counter()
    for label, engine in engines(network, given, graph, threads):
        engine()
        ready[label] = engine, time.perf_counter() - began
        began = time.perf_counter()
    expected = ready["float32"][0]()
    took: dict[str, list[float]] = {label: [] for label in ready}
    for _ in range(calls):
        for label, (engine, _) in ready.items():
            began = time.perf_counter()
            engine()
            took[label].append((time.perf_counter() - began) * 1000)
    what = f"one picture of {size} px" if target else f"{count} pictures of {size} px"
    print(f"\n{name}, {what}, {threads} threads\n{'':<20}{'median':>8}{'10 to 90 %':>16}   grey diff.  ready after")
    for label, (engine, seconds) in ready.items():
        slow, middle, fast = np.percentile(took[label], (90, 50, 10))
        off = float((engine().float() - expected.float()).abs().flatten().quantile(0.999)) * 127.5
        difference = "" if fresh else f"{off:.2f}"
        print(
            f"{label:<20}{middle:>5.0f} ms{fast:>8.0f} to {slow:.0f} ms{difference:>10}{seconds:>10.1f} s", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(NAMES)}")
    parser.add_argument("--size", type=int, default=256, help="pixels a side of a picture to translate")
    parser.add_argument("--count", type=int, default=64, help="pictures to generate")
    parser.add_argument("--calls", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.names or NAMES:
        compare(name, options.size, options.count, options.calls, options.threads)


if __name__ == "__main__":
    main()

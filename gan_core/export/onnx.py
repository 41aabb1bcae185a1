"""The averaged networks as ONNX, for programs without torch: browsers, C++, other frameworks.

A generator is one file: `z` (N, latent_size), and `labels` (N,) where a class can be chosen, to `pictures`
(N, C, S, S) in [-1, 1]. A translator is one file a direction: `pictures` to `translated`. Any N. Each file is run in
ONNX Runtime beside torch before it is kept.
"""

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_core import export, extras, files, images, inference
from gan_core.errors import UserError, first_line
from gan_core.families import loading
from gan_core.inference import Model
from gan_core.runs import Run
from gan_core.version import __version__

BOUND = 0.5  # grey levels of 255 that a pixel may differ from torch
_TRACED, _TRIED = 2, (1, 3)  # pictures at a time: what is traced with two must work with others
_OPSET = 18


@dataclass(frozen=True)
class Written:
    """One file, and how far it is from torch at most, in grey levels of 255."""

    path: Path
    difference: float


class _Generator(nn.Module):
    def __init__(self, family: loading.Family, conditional: bool) -> None:
        super().__init__()
        self.family, self.conditional = family, conditional

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            labels = z.new_zeros(len(z), dtype=torch.int64)
        return self.family.sample(z, labels).float()


class _Translator(nn.Module):
    def __init__(self, family: Any, to: int) -> None:
        super().__init__()
        self.family, self.to_domain = family, to

    def forward(self, pictures: Tensor) -> Tensor:
        return self.family.translate(pictures, self.to_domain).float()


def write(run: Run, out: Path | None = None, overwrite: bool = False) -> list[Written]:
    """Write the generator, or both directions of a translator: `<out>_<A>_to_<B>.onnx`.

    Raises:
        UserError: a package is missing, the run cannot be loaded, its networks hold what ONNX has no word for, the
            graph draws something else than torch, or the file cannot be written.
    """
    onnx, runtime, _ = extras.need("--onnx", "onnx", "onnx", "onnxruntime", "onnxscript")
    out = out or export.default(run, ".onnx")
    model = inference.load(run)
    targets = _targets(model, out)
    for path in targets:
        export.free(path, overwrite)
    written = []
    for path, target in targets.items():
        graph = as_graph(model, target)
        _describe(onnx, graph, model, target)
        content = graph.SerializeToString()
        difference = _difference(runtime, content, model, target)
        if not difference <= BOUND:
            raise UserError(
                f"run '{run.name}' cannot be exported: in ONNX Runtime a pixel is {difference:.2f} of 255 greys off, "
                f"at most {BOUND:g} are allowed"
            )
        files.write_bytes(path, content)
        written.append(Written(path, difference))
    return written


def _targets(model: Model, out: Path) -> dict[Path, str]:
    """File -> domain that it translates to; one file without a domain for a generator."""
    if model.task == "generate":
        return {out: ""}
    a, b = model.domains
    plain = {name: re.sub(r"[^\w-]", "_", name) for name in (a, b)}
    suffix = out.suffix or ".onnx"
    return {
        out.with_name(f"{out.stem}_{plain[source]}_to_{plain[target]}{suffix}"): target
        for source, target in ((a, b), (b, a))
    }


def network(model: Model, target: str) -> nn.Module:
    """What is written: the generator, or the translator into a domain; float32 whatever it computes in."""
    if target:
        return _Translator(model.family, model.domains.index(target)).eval()
    return _Generator(model.family, bool(model.classes)).eval()


def inputs(model: Model, target: str, count: int) -> dict[str, Tensor]:
    """What the graph takes, `count` of each, drawn from a seed: latents, or soft blots that fill the grey scale."""
    if not target:
        z = {"z": model.latents(count, seed=count)}
        return z | {"labels": torch.arange(count) % len(model.classes)} if model.classes else z
    generator = torch.Generator().manual_seed(count)
    size, channels = model.config.image_size, model.config.channels
    blots = torch.rand(count, channels, 8, 8, generator=generator) * 2 - 1
    return {"pictures": nn.functional.interpolate(blots, size=(size, size), mode="bilinear")}


def as_graph(model: Model, target: str) -> Any:
    """The network as an ONNX model.

    Raises:
        UserError: it holds what ONNX has no word for.
    """
    given = inputs(model, target, _TRACED)
    count = torch.export.Dim("N")
    try:
        with _quiet():
            program = torch.onnx.export(
                network(model, target),
                tuple(given.values()),
                dynamo=True,
                dynamic_shapes=tuple({0: count} for _ in given),
                input_names=list(given),
                output_names=["translated" if target else "pictures"],
                opset_version=_OPSET,
                verbose=False,
            )
    # What a layer says that cannot be traced is as manifold as layers are.
    except Exception as error:
        raise UserError(f"run '{model.run.name}' cannot be written as ONNX ({first_line(error)})") from error
    assert program is not None
    return program.model_proto


def _describe(onnx: Any, graph: Any, model: Model, target: str) -> None:
    """Write into the file what it is: by which run, with which classes, and that it draws nothing real."""
    run_config = model.config
    notes = {
        "description": images.NOTICE,
        "run": model.run.label,
        "preset": run_config.preset,
        "value_range": "-1 (black) to 1 (white), float32 (N, C, H, W)",
        "image_size": str(run_config.image_size),
        "classes": json.dumps(model.classes),
        "domains": json.dumps(model.domains),
        "translates_to": target,
        "subject": run_config.subject or "",
    }
    onnx.helper.set_model_props(graph, {key: value for key, value in notes.items() if value not in ("", "[]")})
    graph.producer_name, graph.producer_version = "GANray", __version__
    graph.doc_string = images.NOTICE


def _difference(runtime: Any, content: bytes, model: Model, target: str) -> float:
    """The largest difference of any pixel from torch, in grey levels of 255, over batches of several sizes."""
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for count in _TRIED:
        given = inputs(model, target, count)
        with torch.inference_mode():
            expected = network(model, target)(*given.values())
        (drawn,) = session.run(None, {name: value.numpy() for name, value in given.items()})
        if drawn.shape != tuple(expected.shape):
            return float("inf")
        # A number that is none must not pass for a small one.
        largest = max(largest, float((torch.from_numpy(drawn) - expected).abs().nan_to_num(nan=2.0).max()) * 127.5)
    return largest


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells its own developers a great deal, and takes its time over it where anybody listens."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

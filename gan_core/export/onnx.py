"""Export of the averaged networks (EMA) to ONNX, for programs without torch: browsers, C++, other frameworks.

A generator is one file. Its inputs are `z` (N, latent_size) and, for a conditional one, `labels` (N,); its output is
`pictures` (N, C, S, S) in [-1, 1]. A translator is one file per direction that it has, from `pictures` to `translated`.
N is free. Each file is compared with torch in ONNX Runtime before it is written.
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

from gan_core import export, files, images, inference, optional_dependencies
from gan_core.errors import UserError, first_line
from gan_core.families import loading
from gan_core.inference import Model
from gan_core.runs import Run
from gan_core.version import __version__

BOUND = 0.5  # largest difference of a pixel from torch, in grey levels of 255
_TRACED, _TRIED = 2, (1, 3)  # batch sizes: a graph that is traced with two images must work with others
_OPSET = 18


@dataclass(frozen=True)
class Written:
    """One ONNX file, and its largest difference from torch in grey levels of 255."""

    path: Path
    difference: float


class _Generator(nn.Module):
    def __init__(self, family: loading.Family, conditional: bool) -> None:
        super().__init__()
        self.family, self.conditional = family, conditional

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            # len() would be traced as the number 2: the graph would take two images and no other number.
            labels = z.new_zeros(z.shape[0], dtype=torch.int64)
        return self.family.sample(z, labels).float()


class _Translator(nn.Module):
    def __init__(self, family: Any, to: int) -> None:
        super().__init__()
        self.family, self.to_domain = family, to

    def forward(self, pictures: Tensor) -> Tensor:
        return self.family.translate(pictures, self.to_domain).float()


def write(run: Run, out: Path | None = None, overwrite: bool = False) -> list[Written]:
    """Write the generator, or each direction of a translator as `<out>_<A>_to_<B>.onnx`.

    Raises:
        UserError: a package is missing, the run cannot be loaded, is graded or draws in steps, a layer has no ONNX
            operator, the graph's output differs from torch, or a file cannot be written.
    """
    onnx, runtime, _ = optional_dependencies.need("--onnx", "onnx", "onnx", "onnxruntime", "onnxscript")
    out = out or export.default(run, ".onnx")
    if run.config().origin:
        raise UserError(f"run '{run.name}' was not trained by GANray: its generator.onnx, if any, is a graph already")
    model = inference.load(run)
    if model.graded:
        raise UserError(
            f"run '{run.name}' cannot be written as ONNX: it looks for lungs in a picture, which is no part of its "
            "network; use `translate`, or the Python interface"
        )
    if model.shows_path:
        raise UserError(
            f"run '{run.name}' cannot be written as ONNX: it draws an image in many steps, and a graph would hold its "
            "network once for each; use `generate`, or the Python interface"
        )
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
                f"run '{run.name}' cannot be exported: a pixel differs by {difference:.2f} of 255 grey levels between "
                f"ONNX Runtime and torch, more than the {BOUND:g} allowed"
            )
        files.write_bytes(path, content)
        written.append(Written(path, difference))
    return written


def _targets(model: Model, out: Path) -> dict[Path, str]:
    """Return file -> target domain; for a generator, one file with an empty domain."""
    if model.task == "generate":
        return {out: ""}
    a, b = model.domains
    plain = {name: re.sub(r"[^\w-]", "_", name) for name in (a, b)}
    suffix = out.suffix or ".onnx"
    return {
        out.with_name(f"{out.stem}_{plain[source]}_to_{plain[target]}{suffix}"): target
        for source, target in ((a, b), (b, a))
        if target in model.targets
    }


def network(model: Model, target: str) -> nn.Module:
    """Return the network to export: the generator, or the translator into a domain; its output is float32."""
    if target:
        return _Translator(model.family, model.domains.index(target)).eval()
    return _Generator(model.family, bool(model.classes)).eval()


def inputs(model: Model, target: str, count: int) -> dict[str, Tensor]:
    """Return `count` seeded inputs of the graph: latents, or smooth random images that fill the grey scale."""
    if not target:
        z = {"z": model.latents(count, seed=count)}
        return z | {"labels": torch.arange(count) % len(model.classes)} if model.classes else z
    generator = torch.Generator().manual_seed(count)
    size, channels = model.config.image_size, model.config.channels
    coarse = torch.rand(count, channels, 8, 8, generator=generator) * 2 - 1
    return {"pictures": nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")}


def as_graph(model: Model, target: str) -> Any:
    """Return the network as an ONNX model.

    Raises:
        UserError: a layer has no ONNX operator.
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
    # A layer that cannot be traced may raise any error.
    except Exception as error:
        raise UserError(f"run '{model.run.name}' cannot be written as ONNX ({first_line(error)})") from error
    assert program is not None
    return program.model_proto


def _describe(onnx: Any, graph: Any, model: Model, target: str) -> None:
    """Write the metadata of the graph: its run, classes or domains, and the notice that its images are synthetic."""
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
    """Return the largest difference of a pixel from torch, in grey levels of 255, over several batch sizes."""
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for count in _TRIED:
        given = inputs(model, target, count)
        with torch.inference_mode():
            expected = network(model, target)(*given.values())
        try:
            (drawn,) = session.run(None, {name: value.numpy() for name, value in given.items()})
        except Exception as error:  # the runtime has many of its own, all of them without a common class
            raise UserError(f"run '{model.run.name}' cannot be written as ONNX ({first_line(error)})") from error
        if drawn.shape != tuple(expected.shape):
            return float("inf")
        # NaN counts as the largest possible difference, since max() would ignore it.
        largest = max(largest, float((torch.from_numpy(drawn) - expected).abs().nan_to_num(nan=2.0).max()) * 127.5)
    return largest


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's log and warnings, which also slow it down."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""The importers by their names."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from gan_core import objectives
from gan_core.errors import UserError, nearest
from gan_core.importers import (
    csv_table,
    cyclegan,
    lightning,
    pictures,
    printed,
    recognise,
    stylegan,
    tensorboard,
)
from gan_core.importers.found import FoundTraining, ImportOptions

AUTO = "auto"
_READERS: dict[str, Callable[[Path, ImportOptions], FoundTraining]] = {
    "csv": csv_table.read,
    "tensorboard": tensorboard.read,
    "lightning": lightning.read,
    "cyclegan": cyclegan.read,
    "stylegan": stylegan.read,
    "keras-gan": partial(printed.read, kind="keras-gan"),
    "pytorch-gan": partial(printed.read, kind="pytorch-gan"),
    "pictures": pictures.read,
}
# What each reads, for people.
KINDS = {
    "csv": "a table, a row a step, and numbered pictures",
    "tensorboard": "event files: scalars and pictures",
    "lightning": "Lightning's metrics.csv and hparams.yaml",
    "cyclegan": "pytorch-CycleGAN-and-pix2pix: loss_log.txt, train_opt.txt, web/images",
    "stylegan": "StyleGAN2-ADA, StyleGAN3, R3GAN: stats.jsonl, fakes000000.png",
    "keras-gan": "what a script of Keras-GAN printed, and its numbered pictures",
    "pytorch-gan": "what a script of PyTorch-GAN or PyTorch's DCGAN printed, and its numbered pictures",
    "pictures": "numbered pictures alone",
}


def read(kind: str, path: Path, options: ImportOptions | None = None) -> FoundTraining:
    """Return the training that another program left at a path; its pictures are read when they are asked for.

    kind: a key of `KINDS`, or "auto".

    Raises:
        UserError: there is no such importer or path, the kind cannot be told, or the files cannot be read.
    """
    options = options or ImportOptions()
    if kind != AUTO and kind not in _READERS:
        raise UserError(f"no importer '{kind}'.{nearest(kind, _READERS)} Known: {AUTO}, {', '.join(_READERS)}")
    if options.objective and options.objective not in objectives.OBJECTIVES:
        known = ", ".join(objectives.OBJECTIVES)
        raise UserError(
            f"no objective '{options.objective}'.{nearest(options.objective, known.split(', '))} Known: {known}"
        )
    if not path.exists() and not path.is_symlink():
        raise UserError(f"there is no '{path}'")
    if kind == AUTO:
        kind = recognise.kind_of(path)
    found = _READERS[kind](path, options)
    if not found.metrics and not found.pictures:
        left = next((f": {note}" for note in found.notes if "left out" in note), "")
        raise UserError(f"{path} holds neither numbers nor pictures that {kind} reads{left}")
    return found

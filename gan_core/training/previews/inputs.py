"""The fixed inputs of a translator's previews.

A translated image is nearly a copy of its input, so previews of real images stay private to the machine. Previews that
may be shared need synthetic inputs: phantoms (`phantom:cxr`) or images of a trained generator (`run:NAME`).
"""

from pathlib import Path

import numpy as np

from gan_core.config import RunConfig
from gan_core.data.readers import phantom
from gan_core.decode.image_files import quantise
from gan_core.errors import UserError
from gan_core.runs import find_run

HELD_OUT = "held-out"
_FIRST_SEED = 10**15  # of the phantoms; no phantom data set uses seeds this large
_TRUNCATION = 0.7  # of the generator's latents; typical images show best what a translator does


def check(text: str) -> str:
    """Return the text if it names a source of inputs.

    Raises:
        UserError: it does not.
    """
    if text == HELD_OUT or text.startswith(("phantom:", "run:")):
        return text
    raise UserError(f"--preview-inputs '{text}': use {HELD_OUT}, phantom:cxr, phantom:mri, or run:NAME of a generator")


def are_private(run_config: RunConfig) -> bool:
    """Return whether the previews show real images or translations of them."""
    return run_config.preview_inputs == HELD_OUT and not run_config.source.startswith("phantom:")


def make(run_config: RunConfig, root: Path, count: int) -> np.ndarray | None:
    """Return synthetic inputs, uint8 (2 * count, C, S, S), domain A first; None if held-out images are the inputs.

    Raises:
        UserError: the generator is missing or damaged, or the source has no class with a domain's name.
    """
    kind, _, rest = run_config.preview_inputs.partition(":")
    if kind == "phantom":
        parts = [_phantoms(rest, domain, run_config, count) for domain in run_config.domains]
    elif kind == "run":
        parts = [_generated(rest, domain, run_config, root, count) for domain in run_config.domains]
    else:
        return None
    return np.concatenate(parts)


def _phantoms(kind: str, domain: str, run_config: RunConfig, count: int) -> np.ndarray:
    label = _match(domain, tuple(phantom.drawer(kind).CLASSES), f"phantom:{kind}")
    size, channels = run_config.image_size, run_config.channels
    return np.stack(
        [quantise(phantom.picture(kind, label, _FIRST_SEED + number, size, channels)) for number in range(count)]
    )


def _generated(name: str, domain: str, run_config: RunConfig, root: Path, count: int) -> np.ndarray:
    from gan_core import inference  # imports torch, which phantoms do not need

    model = inference.load(find_run(name, root))
    config = model.config
    if (config.image_size, config.channels) != (run_config.image_size, run_config.channels):
        raise UserError(
            f"--preview-inputs run:{name} generates images of {config.image_size} px with {config.channels} channels, "
            f"but this run needs {run_config.image_size} px and {run_config.channels}: choose another"
        )
    label = _match(domain, model.classes, f"run '{name}'")
    pictures, _ = model.generate(count, label=label, seed=run_config.seed, truncation=_TRUNCATION)
    return pictures.transpose(0, 3, 1, 2)


def _match(domain: str, classes: tuple[str, ...], where: str) -> str:
    """Return the class with the domain's name, ignoring case.

    Raises:
        UserError: there is none.
    """
    for name in classes:
        if name.lower() == domain.lower():
            return name
    raise UserError(f"--preview-inputs: {where} has no class '{domain}', only {', '.join(classes) or 'one'}")

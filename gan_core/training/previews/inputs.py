"""The pictures that a translator shows its progress on, fixed for the whole run.

A translated picture is nearly a copy of its input: previews of real images are private to the machine. What may be
shown around starts from synthetic inputs: drawn ones (`phantom:cxr`) or those of a trained generator (`run:NAME`).
"""

from pathlib import Path

import numpy as np

from gan_core.config import RunConfig
from gan_core.data.readers import phantom
from gan_core.decode.image_files import quantise
from gan_core.errors import UserError
from gan_core.runs import find_run

HELD_OUT = "held-out"
_FIRST_SEED = 10**15  # of drawn bodies; no phantom source reaches so far
_TRUNCATION = 0.7  # of a generator's latents: usual pictures show best what a translator does


def check(text: str) -> str:
    """The text, if it says where inputs can come from; else UserError."""
    if text == HELD_OUT or text.startswith(("phantom:", "run:")):
        return text
    raise UserError(f"--preview-inputs '{text}': say {HELD_OUT}, phantom:cxr, phantom:mri, or run:NAME of a generator")


def are_private(run_config: RunConfig) -> bool:
    """Whether the previews show real images, or what a translator made of them."""
    return run_config.preview_inputs == HELD_OUT and not run_config.source.startswith("phantom:")


def make(run_config: RunConfig, root: Path, count: int) -> np.ndarray | None:
    """Synthetic inputs uint8 (2 * count, C, S, S), domain A's first; None where held-out images are the inputs.

    Raises:
        UserError: the generator is missing or broken, or what is asked draws no such class as a domain's name.
    """
    kind, _, rest = run_config.preview_inputs.partition(":")
    if kind == "phantom":
        drawn = [_drawn(rest, domain, run_config, count) for domain in run_config.domains]
    elif kind == "run":
        drawn = [_generated(rest, domain, run_config, root, count) for domain in run_config.domains]
    else:
        return None
    return np.concatenate(drawn)


def _drawn(kind: str, domain: str, run_config: RunConfig, count: int) -> np.ndarray:
    label = _match(domain, tuple(phantom.drawer(kind).CLASSES), f"phantom:{kind}")
    size, channels = run_config.image_size, run_config.channels
    return np.stack(
        [quantise(phantom.picture(kind, label, _FIRST_SEED + number, size, channels)) for number in range(count)]
    )


def _generated(name: str, domain: str, run_config: RunConfig, root: Path, count: int) -> np.ndarray:
    from gan_core import inference  # torch is not needed for drawn inputs

    model = inference.load(find_run(name, root))
    config = model.config
    if (config.image_size, config.channels) != (run_config.image_size, run_config.channels):
        raise UserError(
            f"--preview-inputs run:{name} makes {config.image_size} px pictures of {config.channels} channels, "
            f"this run takes {run_config.image_size} px and {run_config.channels}: choose another"
        )
    label = _match(domain, model.classes, f"run '{name}'")
    pictures, _ = model.generate(count, label=label, seed=run_config.seed, truncation=_TRUNCATION)
    return pictures.transpose(0, 3, 1, 2)


def _match(domain: str, classes: tuple[str, ...], where: str) -> str:
    """The class that has the domain's name, in whatever case."""
    for name in classes:
        if name.lower() == domain.lower():
            return name
    raise UserError(f"--preview-inputs: {where} draws no class '{domain}', only {', '.join(classes) or 'one'}")

"""Input check: does an image look like the training images of a run? A translator would translate any image.

    verdict = judge(image_files.decode("holiday.jpg", channels=3), "chest X-ray")
    verdict.fits, verdict.reason        False, "it is a colour image, not a chest X-ray"

It is a colour check and a small convolutional classifier, whose weights come with the package;
`tools/train_input_check.py` trains and evaluates it. The classifier knows frontal chest X-rays and axial slices of the
head; lateral views are untested.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import config
from gan_core.config import RunConfig
from gan_core.decode import image_files

SUBJECTS = config.SUBJECTS
# The classes of the classifier, in the order of its logits.
KINDS = (*SUBJECTS, "turned chest X-ray", "inverted chest X-ray", "turned brain MRI", "inverted brain MRI", "other")
SIZE = 64  # input pixels per side
WEIGHTS = Path(__file__).with_name("input_check.safetensors")

# An image passes from this probability on; set on the calibration images of tools/train_input_check.py.
ENOUGH = {"chest X-ray": 0.85, "brain MRI": 0.9}
_MAJORITY = 0.8
_COLOURED = 0.06  # mean chroma as a share of the grey scale; tinted scans stay below
_FLAT = 0.02  # an image with a lower standard deviation is blank


@dataclass(frozen=True)
class Verdict:
    """The result: whether the image fits, the reason if not, and the classifier's probabilities by kind (if it ran)."""

    fits: bool
    reason: str = ""
    scores: dict[str, float] | None = None


def for_run(picture: np.ndarray, run_config: RunConfig) -> Verdict:
    """Check an image, float32 (H, W, 1 or 3) in [0, 1], against the training images of a run."""
    return judge(picture, run_config.subject, coloured=run_config.channels == 3)


def judge(picture: np.ndarray, expected: str | None, coloured: bool = False) -> Verdict:
    """Check an image, float32 (H, W, 1 or 3) in [0, 1], against one of `SUBJECTS`; None accepts every image.

    coloured: accept colour images without the classifier, which knows grey images only.
    """
    if expected is None:
        return Verdict(True)
    if picture.shape[2] == 3 and _chroma(picture) > _COLOURED:
        return Verdict(coloured, "" if coloured else f"it is a colour image, not {_a(expected)}")
    if picture.std() < _FLAT:
        return Verdict(False, f"it is blank, not {_a(expected)}")
    probabilities = classify(_classifier_input(picture)[None])[0]
    scores = dict(zip(KINDS, probabilities.tolist(), strict=True))
    if scores[expected] >= ENOUGH[expected]:
        return Verdict(True, scores=scores)
    return Verdict(False, _reason(scores, expected), scores)


def subject(pictures: np.ndarray) -> str | None:
    """Return the one of `SUBJECTS` that a data set shows, images uint8 (N, C, S, S); None if fewer than 80 % agree."""
    inputs = [_classifier_input(picture.transpose(1, 2, 0).astype(np.float32) / 255) for picture in pictures]
    if not inputs:
        return None
    predicted = classify(np.stack(inputs)).argmax(1)
    for index, name in enumerate(SUBJECTS):
        if (predicted == index).mean() >= _MAJORITY:
            return name
    return None


def classify(inputs: np.ndarray) -> np.ndarray:
    """Return the class probabilities (N, len(KINDS)) of images float32 (N, SIZE, SIZE) in [0, 1]."""
    import torch  # slow to import, and not needed for --help and the app's first page

    with torch.inference_mode():
        return _network()(torch.from_numpy(inputs)[:, None]).softmax(1).numpy()


def build() -> Any:
    """Return the untrained classifier: images (N, 1, SIZE, SIZE) in [0, 1] -> logits (N, len(KINDS))."""
    from torch import nn

    layers: list[Any] = [nn.InstanceNorm2d(1)]  # removes contrast and brightness, which do not identify the subject
    width = 1
    for wider in (16, 32, 48, 64, 96):
        layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()]
        width = wider
    layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(width * (SIZE // 32) ** 2, len(KINDS))]
    return nn.Sequential(*layers)


@cache
def _network() -> Any:
    from gan_core import tensor_files  # imports torch

    network = build()
    tensors, _ = tensor_files.load(WEIGHTS.resolve())
    tensor_files.load_into(network, tensors, WEIGHTS)
    return network.float().eval()


def _classifier_input(picture: np.ndarray) -> np.ndarray:
    """Return an image (H, W, C) in [0, 1] as a grey square, float32 (SIZE, SIZE), padded and not cropped."""
    return image_files.resize(image_files.to_channels(picture, 1), SIZE, "pad")[..., 0]


def _chroma(picture: np.ndarray) -> float:
    """Return the mean difference of the largest and the smallest colour channel, in [0, 1], over a sample of pixels."""
    step = max(1, min(picture.shape[:2]) // 256)
    pixels = picture[::step, ::step]
    return float((pixels.max(2) - pixels.min(2)).mean())


def _reason(scores: dict[str, float], expected: str) -> str:
    """Return what the image looks like instead, and how to correct it if that is possible."""
    best = max(scores, key=lambda kind: scores[kind])
    other = next(name for name in SUBJECTS if name != expected)
    match best:
        case _ if best == f"turned {expected}":
            return f"it looks like {_a(expected)} on its side or upside down: rotate it first"
        case _ if best == f"inverted {expected}":
            return f"it looks like {_a(expected)} with black and white inverted: invert it first"
        case _ if other in best:
            return f"it looks like {_a(other)}, not {_a(expected)}"
    return f"it does not look like {_a(expected)}"


def _a(name: str) -> str:
    return f"a {name}"

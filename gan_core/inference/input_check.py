"""Does a picture look like what a run learned from? Asked before a translation, which would make something of anything.

    verdict = judge(decoding.decode("holiday.jpg", channels=3), "chest X-ray")
    verdict.fits, verdict.reason        False, "it is a colour picture, not a chest X-ray"

A colour check, and a small convolutional classifier whose weights come with the package; `tools/train_input_check.py`
builds and measures it. It knows frontal chest X-rays and axial slices of the head; lateral views are untested.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gan_core.config import RunConfig
from gan_core.decode import image_files

SUBJECTS = ("chest X-ray", "brain MRI")
# What the classifier tells apart, in the order of its logits.
KINDS = (*SUBJECTS, "turned chest X-ray", "inverted chest X-ray", "turned brain MRI", "inverted brain MRI", "other")
SIZE = 64  # pixels a side that it looks at
WEIGHTS = Path(__file__).with_name("input_check.safetensors")

# Chances from which a picture passes, set on calibration pictures (see the builder).
ENOUGH = {"chest X-ray": 0.85, "brain MRI": 0.9}
_MAJORITY = 0.8
_COLOURED = 0.06  # mean chroma, in shares of the grey scale; tinted scans stay below
_FLAT = 0.02  # standard deviation of a picture that shows nothing


@dataclass(frozen=True)
class Verdict:
    """Whether a picture fits, if not why in words that a person can follow, and the classifier's chances by kind."""

    fits: bool
    reason: str = ""
    scores: dict[str, float] | None = None


def for_run(picture: np.ndarray, run_config: RunConfig) -> Verdict:
    """Hold a picture, float32 (H, W, 1 or 3) in [0, 1], against what a run has learned from."""
    return judge(picture, run_config.subject, coloured=run_config.channels == 3)


def judge(picture: np.ndarray, expected: str | None, coloured: bool = False) -> Verdict:
    """Hold a picture, float32 (H, W, 1 or 3) in [0, 1], against one of `SUBJECTS`; None fits everything. coloured: it
    may be in colour, and then passes: the classifier knows greys alone.
    """
    if expected is None:
        return Verdict(True)
    if picture.shape[2] == 3 and _chroma(picture) > _COLOURED:
        return Verdict(coloured, "" if coloured else f"it is a colour picture, not {_a(expected)}")
    if picture.std() < _FLAT:
        return Verdict(False, f"it shows nothing but one shade, not {_a(expected)}")
    chances = classify(_look(picture)[None])[0]
    scores = dict(zip(KINDS, chances.tolist(), strict=True))
    if scores[expected] >= ENOUGH[expected]:
        return Verdict(True, scores=scores)
    return Verdict(False, _reason(scores, expected), scores)


def subject(pictures: np.ndarray) -> str | None:
    """The one of `SUBJECTS` that most pictures show, uint8 (N, C, S, S) of one data set; None if under 80 % agree."""
    looks = [_look(picture.transpose(1, 2, 0).astype(np.float32) / 255) for picture in pictures]
    if not looks:
        return None
    found = classify(np.stack(looks)).argmax(1)
    for index, name in enumerate(SUBJECTS):
        if (found == index).mean() >= _MAJORITY:
            return name
    return None


def classify(looks: np.ndarray) -> np.ndarray:
    """Chances (N, len(KINDS)) of pictures float32 (N, SIZE, SIZE) in [0, 1]."""
    import torch  # the command line's help and the app's first page do without

    with torch.inference_mode():
        return _network()(torch.from_numpy(looks)[:, None]).softmax(1).numpy()


def build() -> Any:
    """The classifier, untrained: (N, 1, SIZE, SIZE) in [0, 1] -> logits (N, len(KINDS))."""
    from torch import nn

    layers: list[Any] = [nn.InstanceNorm2d(1)]  # contrast and brightness say nothing about what is shown
    width = 1
    for wider in (16, 32, 48, 64, 96):
        layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()]
        width = wider
    layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(width * (SIZE // 32) ** 2, len(KINDS))]
    return nn.Sequential(*layers)


@cache
def _network() -> Any:
    from gan_core import tensor_files  # torch

    network = build()
    tensors, _ = tensor_files.load(WEIGHTS)
    tensor_files.load_into(network, tensors, WEIGHTS)
    return network.float().eval()


def _look(picture: np.ndarray) -> np.ndarray:
    """(H, W, C) in [0, 1] as the classifier sees it: grey, whole, square, float32 (SIZE, SIZE)."""
    return image_files.resize(image_files.to_channels(picture, 1), SIZE, "pad")[..., 0]


def _chroma(picture: np.ndarray) -> float:
    step = max(1, min(picture.shape[:2]) // 256)
    few = picture[::step, ::step]
    return float((few.max(2) - few.min(2)).mean())


def _reason(scores: dict[str, float], expected: str) -> str:
    """What the picture looks like instead, in a few words."""
    best = max(scores, key=lambda kind: scores[kind])
    other = next(name for name in SUBJECTS if name != expected)
    match best:
        case _ if best == f"turned {expected}":
            return f"it looks like {_a(expected)} that lies on its side or upside down: turn it first"
        case _ if best == f"inverted {expected}":
            return f"it looks like {_a(expected)} with black and white exchanged: invert it first"
        case _ if other in best:
            return f"it looks like {_a(other)}, not {_a(expected)}"
    return f"it does not look like {_a(expected)}"


def _a(name: str) -> str:
    return f"a {name}"

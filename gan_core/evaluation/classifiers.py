"""Small classifiers of chest X-rays: judges that no generator was trained against, and extractors of features.

Two of each data set, of different architecture and seed: one may guide choices, the other reports. Controls see only
what lies outside a central box or outside the lungs, where COVID-19 is not (after DeGrave, Janizek and Lee 2021).
`python -m tools.train_classifiers` makes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core import tensor_files
from gan_core.config import from_dict
from gan_core.errors import UserError, nearest

SIZE = 128  # pixels a side that they see; smaller pictures are enlarged, as half of their training pictures were
SHIPPED = Path(__file__).parent / "weights"
SEES = ("everything", "outside the central box", "outside the lungs")
ROLES = ("reports", "guides", "control")  # a control sees only what should not matter
BOX = (0.12, 0.88)  # of the side: what the first control may not see
GROUPS = {"pneumonia": ("bacterial", "viral")}  # a class that is several of theirs
SCALES = 4  # of the patterns that features tell of, the finest 2 of SIZE pixels
_BATCH = 64


class Residual(nn.Module):
    """Four stages of residual blocks (He 2016, arXiv:1512.03385), each half as large: architecture "residual"."""

    widths = (24, 48, 80, 104)

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, self.widths[0], 5, stride=2, padding=2)
        self.stages = nn.ModuleList()
        before = self.widths[0]
        for number, width in enumerate(self.widths):
            first = nn.MaxPool2d(2) if number else nn.Identity()
            self.stages.append(nn.Sequential(first, nn.Conv2d(before, width, 1), _Block(width), _Block(width)))
            before = width
        self.head = nn.Linear(before, classes)

    def depths(self, x: Tensor) -> list[Tensor]:
        """(N, 1, SIZE, SIZE) in [-1, 1] -> maps of each stage."""
        return _through(self.stages, self.stem(x))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False)),
            *(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Dense(nn.Module):
    """Four stages whose layers see all layers before them (Huang 2017, arXiv:1608.06993): architecture "dense"."""

    growth, layers = 16, 4
    widths = (64, 80, 88, 92)

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2 * self.growth, 5, stride=2, padding=2)
        self.stages = nn.ModuleList()
        before = 2 * self.growth
        for number, width in enumerate(self.widths):
            first: list[nn.Module] = [nn.AvgPool2d(2)] if number else []
            dense = [_Grow(before + i * self.growth, self.growth) for i in range(self.layers)]
            after = before + self.layers * self.growth
            last = nn.Sequential(nn.BatchNorm2d(after), nn.SiLU(), nn.Conv2d(after, width, 1))
            self.stages.append(nn.Sequential(*first, *dense, last))
            before = width
        self.head = nn.Linear(before, classes)

    def depths(self, x: Tensor) -> list[Tensor]:
        """(N, 1, SIZE, SIZE) in [-1, 1] -> maps of each stage."""
        return _through(self.stages, self.stem(x))


class _Grow(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width), nn.SiLU(), nn.Conv2d(width, growth, 3, padding=1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.layers(x)), 1)


def _through(stages: nn.ModuleList, x: Tensor) -> list[Tensor]:
    found = []
    for stage in stages:
        x = stage(x)
        found.append(x)
    return found


Network = Residual | Dense
ARCHITECTURES: dict[str, type[Residual] | type[Dense]] = {"residual": Residual, "dense": Dense}


def pooled(depths: Sequence[Tensor]) -> Tensor:
    """Maps of several depths as one vector: of each channel the mean of what is above zero, (N, sum of widths).

    A classifier's last layer forgives grain, stripes and blur; the first ones forgive less.
    """
    return torch.cat([F.relu(maps).mean((2, 3)) for maps in depths], 1)


def patterns(x: Tensor) -> Tensor:
    """(N, 1, SIZE, SIZE) in [-1, 1] -> (N, 3 * SCALES): the height in grey levels of stripes and checks.

    Haar's wavelets, averaged over the picture with their signs: edges of anatomy cancel out, what is locked to the
    grid of pixels adds up. Strided convolutions leave such patterns (Odena 2016, distill.pub/2016/deconv-checkerboard),
    and a network's first layer has learned to pass over them.
    """
    found = []
    x = x * 127.5
    for _ in range(SCALES):
        a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        found += [(a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]
        x = (a + b + c + d) / 4
    return torch.cat([one.mean((2, 3)) for one in found], 1)


def logits(network: Network, x: Tensor) -> Tensor:
    """(N, 1, SIZE, SIZE) in [-1, 1] -> (N, classes)."""
    return network.head(F.relu(network.depths(x)[-1]).mean((2, 3)))


@dataclass(frozen=True)
class Card:
    """What a classifier's file says of itself."""

    name: str
    architecture: str
    classes: tuple[str, ...]
    sees: str
    source: str  # the name of the folder that it was trained on
    fingerprint: str  # of the data that it was trained on
    seed: int
    epochs: int
    train_images: int
    held_out_images: int
    held_out: float  # accuracy on patients that it never saw
    held_out_balanced: float
    version: str
    subject: str  # of the training pictures, in the words of `RunConfig.subject`
    shows: str  # the same in words for a page: "X-rays of children"
    data_sets: tuple[str, ...]  # the names of folders and repositories that the training data goes by
    role: str  # one of ROLES: "guides" may have been asked while something was developed, "reports" was not


class Classifier:
    """A trained network with its card. Pictures are uint8 (N, H, W, C) of any size, grey or colour."""

    def __init__(self, card: Card, network: Network, centre: Tensor, spread: Tensor) -> None:
        self.card, self.network = card, network.eval().requires_grad_(False)
        self.centre, self.spread = centre, spread  # of the training pictures' features

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.card.classes

    @property
    def sees(self) -> str:
        return self.card.sees

    @property
    def held_out(self) -> float:
        return self.card.held_out

    def knows(self, names: Sequence[str]) -> bool:
        """Whether it can tell these classes apart, by their names or as groups of its own."""
        return all(self._members(name) for name in names)

    def chances(self, pictures: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """float32 (N, classes), each row sums to 1. masks: bool (N, H, W), where it may not look.

        Raises:
            UserError: a control of the lungs without masks.
        """
        return np.concatenate([logits(self.network, x).softmax(1).numpy() for x in self._take(pictures, masks)])

    def chances_of(self, names: Sequence[str], pictures: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """float32 (N, names): chances among these classes only, in their order.

        Raises:
            UserError: a class that it does not know.
        """
        if not self.knows(names):
            missing = next(name for name in names if not self._members(name))
            raise UserError(f"classifier {self.name} does not know '{missing}', only {', '.join(self.classes)}")
        found = self.chances(pictures, masks)
        columns = np.stack([found[:, self._members(name)].sum(1) for name in names], 1)
        return columns / np.maximum(columns.sum(1, keepdims=True), 1e-12)

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """float32 (N, D): patterns in grey levels, then all depths, in deviations of the training pictures."""
        found = []
        for x in self._take(pictures, None):
            depths = (pooled(self.network.depths(x)) - self.centre) / self.spread
            found.append(torch.cat((patterns(x), depths), 1))
        return torch.cat(found).numpy()

    def _members(self, name: str) -> list[int]:
        wanted = GROUPS.get(name.lower(), (name.lower(),))
        known = [known.lower() for known in self.classes]
        return [known.index(one) for one in wanted] if all(one in known for one in wanted) else []

    def _take(self, pictures: np.ndarray, masks: np.ndarray | None) -> list[Tensor]:
        if self.sees == SEES[2] and masks is None:
            raise UserError(f"classifier {self.name} needs masks of the lungs")
        with torch.inference_mode():
            batches = []
            for start in range(0, len(pictures), _BATCH):
                x = to_input(pictures[start : start + _BATCH])
                batches.append(hide(x, self.sees, None if masks is None else masks[start : start + _BATCH]))
        return batches


def to_input(pictures: np.ndarray) -> Tensor:
    """uint8 (N, H, W, C) -> float (N, 1, SIZE, SIZE) in [-1, 1]; larger ones are averaged down, not sampled."""
    grey = torch.from_numpy(pictures.astype(np.float32).mean(3) / 127.5 - 1)[:, None]
    if grey.shape[2:] == (SIZE, SIZE):
        return grey
    return F.interpolate(grey, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)


def hide(x: Tensor, sees: str, masks: np.ndarray | None) -> Tensor:
    """Make grey what a control may not see; a judge that sees everything keeps it, but for masks that are given."""
    if sees == SEES[1]:
        low, high = (round(edge * SIZE) for edge in BOX)
        x = x.clone()
        x[..., low:high, low:high] = 0
    if masks is None:
        return x
    hidden = F.interpolate(torch.from_numpy(masks.astype(np.float32))[:, None], (SIZE, SIZE), mode="nearest")
    return torch.where(hidden > 0.5, torch.zeros_like(x), x)


@cache
def shipped(name: str) -> Classifier:
    """One of the shipped classifiers by name, such as child-a; see `names`.

    Raises:
        UserError: there is none of that name, or its file is damaged.
    """
    known = names()
    if name not in known:
        raise UserError(f"no classifier '{name}'.{nearest(name, known)} Classifiers: {', '.join(known)}")
    return load(SHIPPED / f"{name}.safetensors")


def names() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def load(path: Path) -> Classifier:
    """Raises UserError: missing, damaged, or not a classifier."""
    tensors, header = tensor_files.load(path)
    card = from_dict(Card, header.get("card"), str(path))
    if card.architecture not in ARCHITECTURES or card.sees not in SEES or card.role not in ROLES:
        raise UserError(f"{path} was made by another version of GANray: train the classifier again")
    network = ARCHITECTURES[card.architecture](len(card.classes))
    centre, spread = (tensors.pop(f"features.{part}", torch.zeros(0)).float() for part in ("centre", "spread"))
    tensor_files.load_into(network, tensors, path)
    return Classifier(card, network.float(), centre, spread)

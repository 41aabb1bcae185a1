"""Small classifiers of chest X-rays: judges that no generator was trained against, and feature extractors.

Each data set has two, of different architecture and seed: one may guide choices, the other reports. Controls see only
the area outside a central box or outside the lungs, where COVID-19 has no signs (after DeGrave, Janizek and Lee 2021).
Others see the lungs alone, in a view that holds neither exposure nor borders nor letters: see `neutral_lungs`.
`python -m tools.train_classifiers` trains them.
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
from gan_core.anatomy import lung_view, lungs, neutral_view
from gan_core.config import from_dict
from gan_core.errors import UserError, nearest

SIZE = 128  # pixels a side of the input; smaller pictures are enlarged, as half of the training pictures were
SHIPPED = Path(__file__).parent / "weights"
SEES = ("everything", "outside the central box", "outside the lungs", "the lungs alone, in a neutral view")
EVERYTHING, OUTSIDE_BOX, OUTSIDE_LUNGS, LUNGS_ALONE = SEES
CONTROLS = (OUTSIDE_BOX, OUTSIDE_LUNGS)  # what a control sees: the area that should not matter
ROLES = ("reports", "guides", "control")
BOX = (0.12, 0.88)  # edges of the central box, as shares of the side
GROUPS = {"pneumonia": ("bacterial", "viral")}  # a class that combines several of the classifiers' classes
SCALES = 4  # of `patterns`; the finest has a period of 2 pixels
AIR = 0.5  # minus this is the darkest lung in `neutral_lungs`
_BATCH = 16  # small enough for the feature maps to stay in the processor's cache


class Residual(nn.Module):
    """Four stages of residual blocks (He 2016, arXiv:1512.03385), each halving the side. Architecture "residual"."""

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
        """Return the feature maps of each stage for (N, 1, SIZE, SIZE) in [-1, 1]."""
        return _stage_outputs(self.stages, self.stem(x))


class SmallResidual(Residual):
    """The same with narrower stages. Architecture "small residual"."""

    widths = (16, 32, 48, 64)


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
    """Four dense blocks: each layer sees all layers before it (Huang 2017, arXiv:1608.06993). Architecture "dense"."""

    growth, layers = 16, 4
    widths = (64, 80, 88, 92)

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2 * self.growth, 5, stride=2, padding=2)
        self.stages = nn.ModuleList()
        before = 2 * self.growth
        for number, width in enumerate(self.widths):
            first: list[nn.Module] = [nn.AvgPool2d(2)] if number else []
            dense = [_DenseLayer(before + i * self.growth, self.growth) for i in range(self.layers)]
            after = before + self.layers * self.growth
            last = nn.Sequential(nn.BatchNorm2d(after), nn.SiLU(), nn.Conv2d(after, width, 1))
            self.stages.append(nn.Sequential(*first, *dense, last))
            before = width
        self.head = nn.Linear(before, classes)

    def depths(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps of each stage for (N, 1, SIZE, SIZE) in [-1, 1]."""
        return _stage_outputs(self.stages, self.stem(x))


class _DenseLayer(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width), nn.SiLU(), nn.Conv2d(width, growth, 3, padding=1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.layers(x)), 1)


def _stage_outputs(stages: nn.ModuleList, x: Tensor) -> list[Tensor]:
    found = []
    for stage in stages:
        x = stage(x)
        found.append(x)
    return found


Network = Residual | Dense
ARCHITECTURES: dict[str, type[Residual] | type[Dense]] = {
    "residual": Residual,
    "small residual": SmallResidual,
    "dense": Dense,
}


def pooled(depths: Sequence[Tensor]) -> Tensor:
    """Pool feature maps of several depths into one vector, (N, sum of widths): the mean of each channel after ReLU.

    A classifier's last layer is insensitive to noise, stripes and blur; the first layers are more sensitive.
    """
    return torch.cat([F.relu(maps).mean((2, 3)) for maps in depths], 1)


def patterns(x: Tensor) -> Tensor:
    """Measure stripes and checkerboards of (N, 1, SIZE, SIZE) in [-1, 1]: amplitudes in grey levels, (N, 3 * SCALES).

    The features are signed means of Haar wavelet coefficients over the picture. Edges of the anatomy cancel out, and
    patterns that are locked to the pixel grid add up. Strided convolutions leave such patterns (Odena 2016,
    distill.pub/2016/deconv-checkerboard), and a network's first layer has learned to ignore them.
    """
    found = []
    x = x * 127.5
    for _ in range(SCALES):
        a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        found += [(a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]
        x = (a + b + c + d) / 4
    return torch.cat([one.mean((2, 3)) for one in found], 1)


def logits(network: Network, x: Tensor) -> Tensor:
    """Return logits (N, classes) for pictures (N, 1, SIZE, SIZE) in [-1, 1]."""
    return network.head(F.relu(network.depths(x)[-1]).mean((2, 3)))


@dataclass(frozen=True)
class Card:
    """The description of a classifier in its file."""

    name: str
    architecture: str
    classes: tuple[str, ...]
    sees: str
    source: str  # the name of the training folder
    fingerprint: str  # of the training data
    seed: int
    epochs: int
    train_images: int
    held_out_images: int
    held_out: float  # accuracy on held-out pictures; their patients as far as they are known
    held_out_balanced: float  # balanced accuracy on the same
    version: str
    subject: str  # of the training pictures, a value of `RunConfig.subject`
    shows: str  # the subject in words for a page: "X-rays of children"
    data_sets: tuple[str, ...]  # names of folders and repositories that hold the training data
    role: str  # one of ROLES: "guides" may have guided choices during development, "reports" did not


class Classifier:
    """A trained network with its card. Pictures are uint8 (N, H, W, C) of any size, grey or colour."""

    def __init__(self, card: Card, network: Network, centre: Tensor, spread: Tensor) -> None:
        self.card = card
        # Convolutions of these are up to a third faster in this layout.
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.centre, self.spread = centre, spread  # mean and standard deviation of the training pictures' features

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
        """Return whether it knows all of these classes, by name or as groups of its own classes."""
        return all(self._members(name) for name in names)

    def chances(self, pictures: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """Return predicted probabilities float32 (N, classes); each row sums to 1.

        Args:
            pictures: uint8 (N, H, W, C).
            masks: bool (N, H, W) of the lungs, for a classifier that sees only them or only their outside.

        Raises:
            UserError: it needs masks and there are none, or it sees only the lungs and a mask cannot be two lungs.
        """
        return np.concatenate([logits(self.network, x).softmax(1).numpy() for x in self._batches(pictures, masks)])

    def chances_of(self, names: Sequence[str], pictures: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """Return predicted probabilities float32 (N, names) among these classes only, in their order.

        Raises:
            UserError: the classifier does not know a class.
        """
        if not self.knows(names):
            missing = next(name for name in names if not self._members(name))
            raise UserError(f"classifier {self.name} does not know '{missing}', only {', '.join(self.classes)}")
        found = self.chances(pictures, masks)
        columns = np.stack([found[:, self._members(name)].sum(1) for name in names], 1)
        return columns / np.maximum(columns.sum(1, keepdims=True), 1e-12)

    def features(self, pictures: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """Return features float32 (N, D): `patterns` in grey levels, then pooled depths, standardised.

        masks: as in `chances`. Raises as `chances`.
        """
        found = []
        for x in self._batches(pictures, masks):
            depths = (pooled(self.network.depths(x)) - self.centre) / self.spread
            found.append(torch.cat((patterns(x), depths), 1))
        return torch.cat(found).numpy()

    def _members(self, name: str) -> list[int]:
        known = [known.lower() for known in self.classes]
        members = (name.lower(),) if name.lower() in known else GROUPS.get(name.lower(), (name.lower(),))
        return [known.index(one) for one in members] if all(one in known for one in members) else []

    def _batches(self, pictures: np.ndarray, masks: np.ndarray | None) -> list[Tensor]:
        if self.sees in (OUTSIDE_LUNGS, LUNGS_ALONE) and masks is None:
            raise UserError(f"classifier {self.name} needs masks of the lungs")
        parts = [slice(start, start + _BATCH) for start in range(0, len(pictures), _BATCH)]
        with torch.inference_mode():
            return [seen(pictures[part], self.sees, None if masks is None else masks[part]) for part in parts]


def seen(pictures: np.ndarray, sees: str, masks: np.ndarray | None) -> Tensor:
    """Return what a classifier sees of pictures: its input, one of `SEES`, in [-1, 1].

    Args:
        pictures: uint8 (N, H, W, C).
        sees: one of `SEES`.
        masks: bool (N, H, W) of the lungs; only where `sees` needs them.

    Raises:
        UserError: a mask cannot be two lungs.
    """
    if sees == LUNGS_ALONE:
        assert masks is not None
        return neutral_lungs(pictures, masks)[0]
    return hide(to_input(pictures), sees, lungs.hull(masks) if sees == OUTSIDE_LUNGS and masks is not None else None)


def neutral_lungs(pictures: np.ndarray, masks: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the lungs alone in the frame and the units of `neutral_view.density`, and their masks there.

    Args:
        pictures: uint8 (N, H, W, C).
        masks: bool (N, H, W) of the lungs.

    Returns:
        (N, 1, S, S) in [-0.5, 1]: -0.5 for the darkest lung and outside, 0.5 for tissue without air; and the masks,
        (N, 1, S, S) in [0, 1].

    Raises:
        UserError: a mask cannot be two lungs.
    """
    chests = lung_view.described(pictures, masks)
    if not chests.kept.all():
        place = int(np.argmin(chests.kept))
        raise UserError(f"the mask of picture {place} cannot be two lungs ({chests.reasons[place]}): leave it out")
    views = chests.views()
    return neutral_view.density(views).clamp_min(0) - AIR, views.mask


def to_input(pictures: np.ndarray) -> Tensor:
    """Convert uint8 (N, H, W, C) to float (N, 1, SIZE, SIZE) in [-1, 1]; antialias larger pictures."""
    grey = torch.from_numpy(pictures.astype(np.float32).mean(3) / 127.5 - 1)[:, None]
    if grey.shape[2:] == (SIZE, SIZE):
        return grey
    return F.interpolate(grey, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)


def hide(x: Tensor, sees: str, masks: np.ndarray | None) -> Tensor:
    """Grey out what a control may not see in (N, 1, SIZE, SIZE): its central box, and where masks are true."""
    if sees == OUTSIDE_BOX:
        low, high = (round(edge * SIZE) for edge in BOX)
        x = x.clone()
        x[..., low:high, low:high] = 0
    if masks is None:
        return x
    hidden = F.interpolate(torch.from_numpy(masks.astype(np.float32))[:, None], (SIZE, SIZE), mode="nearest")
    return torch.where(hidden > 0.5, torch.zeros_like(x), x)


@cache
def shipped(name: str) -> Classifier:
    """Return a shipped classifier by name, such as child-a; see `names`.

    Raises:
        UserError: the name is unknown, or the file is damaged.
    """
    known = names()
    if name not in known:
        raise UserError(f"no classifier '{name}'.{nearest(name, known)} Classifiers: {', '.join(known)}")
    return load(SHIPPED / f"{name}.safetensors")


def names() -> list[str]:
    """Return the names of the shipped classifiers, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def load(path: Path) -> Classifier:
    """Load a classifier from its safetensors file.

    Raises:
        UserError: the file is missing, damaged, or not a classifier.
    """
    tensors, header = tensor_files.load(path.resolve())
    card = from_dict(Card, header.get("card"), str(path))
    if card.architecture not in ARCHITECTURES or card.sees not in SEES or card.role not in ROLES:
        raise UserError(f"{path} was made by another version of GANray: train the classifier again")
    network = ARCHITECTURES[card.architecture](len(card.classes))
    centre, spread = (tensors.pop(f"features.{part}", torch.zeros(0)).float() for part in ("centre", "spread"))
    tensor_files.load_into(network, tensors, path)
    return Classifier(card, network.float(), centre, spread)

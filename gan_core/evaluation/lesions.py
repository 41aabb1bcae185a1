"""Marks opacity in the lungs as radiologists do: `load().mark(views)`, for the audit of translators.

Five small U-Nets (Ronneberger 2015, arXiv:1505.04597) learned from masks that radiologists drew on 70 X-rays of 48
adults with COVID-19, each from four fifths of the patients, and from healthy adults. They never saw a drawn or a
generated opacity, so they are independent of whatever paints them. `python -m tools.train_lesion_finder` makes and
measures them. The weights have a licence of their own, for research and not for commercial use: it lies beside them.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core import tensor_files
from gan_core.anatomy import neutral_view
from gan_core.anatomy.lung_view import LungViews
from gan_core.data.duplicates import NEAR, difference_hash
from gan_core.errors import UserError

FOLDS = 5
WEIGHTS = Path(__file__).parent / "lesion_finder" / "weights.safetensors"
CHANNELS = 4  # density of the lungs, their mask, and where in them a pixel lies: outward, downward


class LesionNet(nn.Module):
    """A U-Net: what `inputs` returns, (N, CHANNELS, S, S) -> logits of opacity (N, 1, S, S); S divisible by 16.

    As in `LungNet`, the first layer halves the view and the last doubles it by a pixel shuffle (Shi 2016).
    """

    def __init__(self, widths: tuple[int, ...] = (16, 24, 36, 48)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, widths[0], 5, stride=2, padding=2)
        self.down = nn.ModuleList(_block(*pair) for pair in itertools.pairwise((widths[0], *widths)))
        pairs = list(itertools.pairwise(widths))[::-1]
        self.up = nn.ModuleList(_block(coarse + fine, fine) for fine, coarse in pairs)
        self.opacity = nn.Sequential(nn.Conv2d(widths[0], 4, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps = []
        for level, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if level else x)
            maps.append(x)
        for up, fine in zip(self.up, maps[-2::-1], strict=True):
            x = up(torch.cat((F.interpolate(x, scale_factor=2.0), fine), 1))
        return self.opacity(x)


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (channels_in, channels_out):
        layers += [nn.Conv2d(width, channels_out, 3, padding=1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU()]
    return nn.Sequential(*layers)


def inputs(views: LungViews, grey: Tensor | None = None) -> Tensor:
    """Return what the networks see of K lungs, (K, CHANNELS, S, S); 0 outside the lungs in every channel.

    grey: other pictures in the same frames, such as translated ones; the views' own by default.
    """
    # Outside the lungs the views' places are those of the nearest lung; the networks learned without them.
    places = torch.cat((views.outward, views.downward), 1) * views.mask
    return torch.cat((neutral_view.density(views, grey), views.mask, places), 1)


def fingerprint(picture: np.ndarray) -> str:
    """Return the difference hash of a picture, uint8 (H, W, C), as 64 hexadecimal digits."""
    return difference_hash(np.rint(picture.mean(2)).astype(np.uint8)).tobytes().hex()


class LesionFinder:
    """The networks of all folds, and which of them did not learn from somebody.

    folds: by patient, the fold whose network did not learn from them.
    pictures: the same by `fingerprint` of what the networks learned from: in another data set a patient may have
        another name, and the same picture another size.
    """

    def __init__(
        self, networks: Sequence[LesionNet], folds: Mapping[str, int], pictures: Mapping[str, int] | None = None
    ) -> None:
        self.networks = tuple(networks)
        self.folds = dict(folds)
        self.pictures = dict(pictures or {})

    def mark(
        self,
        views: LungViews,
        grey: Tensor | None = None,
        patients: Sequence[str] | None = None,
        pictures: Sequence[np.ndarray] | np.ndarray | None = None,
    ) -> Tensor:
        """Return the chance of opacity at each pixel of the frames, float32 (K, 1, S, S); 0 outside the lungs.

        Where the networks learned from a patient, only the network that did not looks at the lungs; of anybody else
        the networks' mean counts.

        Args:
            views: K lungs.
            grey: other pictures in the same frames, such as translated ones; the views' own by default.
            patients: whose lungs these are.
            pictures: what the lungs were found in, before any translation, K of uint8 (H, W, C).

        Raises:
            UserError: there are more or fewer patients or pictures than lungs.
        """
        count = len(views)
        for name, given in (("patients", patients), ("pictures", pictures)):
            if given is not None and len(given) != count:
                raise UserError(f"{len(given)} {name} for {count} lungs: name one for each")
        if not count:
            return torch.zeros_like(views.mask)
        x = inputs(views, grey)
        with torch.inference_mode():
            # Test-time augmentation: mirrored lungs have mirrored opacity.
            chances = torch.stack(
                [(network(x).sigmoid() + network(x.flip(3)).sigmoid().flip(3)) / 2 for network in self.networks]
            )
        marked = chances.mean(0)
        for place in range(count):
            fold = self.folds.get(patients[place]) if patients is not None else None
            if fold is None and pictures is not None:
                fold = self._fold_of(pictures[place])
            if fold is not None:
                marked[place] = chances[fold, place]
        return marked * views.mask

    def _fold_of(self, picture: np.ndarray) -> int | None:
        """Return the fold of the picture that is nearly equal to this one; None if there is none."""
        if not self.pictures:
            return None
        known = np.frombuffer(bytes.fromhex("".join(self.pictures)), np.uint64).reshape(len(self.pictures), -1)
        own = np.frombuffer(bytes.fromhex(fingerprint(picture)), np.uint64)
        bits = np.bitwise_count(known ^ own).sum(1)
        nearest = int(bits.argmin())
        return list(self.pictures.values())[nearest] if bits[nearest] <= NEAR else None


def opaque_share(marks: Tensor, mask: Tensor) -> Tensor:
    """Return the share of the lungs that is marked (chance of at least a half), (K,), from (K, 1, S, S) each."""
    inside = mask > 0.5
    return ((marks > 0.5) & inside).flatten(1).sum(1) / inside.flatten(1).sum(1).clamp_min(1)


@cache
def load(path: Path = WEIGHTS) -> LesionFinder:
    """Load the finder from a file that `save` wrote. Raises UserError: the file is missing or damaged."""
    tensors, header = tensor_files.load(path.resolve())
    networks = []
    for fold in range(FOLDS):
        start = f"{fold}."
        network = LesionNet()
        own = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
        tensor_files.load_into(network, own, path)
        networks.append(network.float().eval())
    known: list[dict[str, int]] = []
    for name in ("folds", "pictures"):
        one = header.get(name)
        if not isinstance(one, dict) or not all(fold in range(FOLDS) for fold in one.values()):
            raise UserError(f"{path} does not say which network learned from whom: train the finder again")
        known.append(one)
    folds, pictures = known
    if not all(re.fullmatch("[0-9a-f]{64}", one) for one in pictures):
        raise UserError(f"{path} names its pictures by something else than fingerprints: train the finder again")
    return LesionFinder(networks, folds, pictures)


def save(finder: LesionFinder, path: Path, source: str) -> None:
    """Write a finder in half precision. source: where the pictures and masks came from, and their licences.

    Raises:
        UserError: as `tensor_files.save_half`.
    """
    tensors = {
        f"{fold}.{name}": tensor
        for fold, network in enumerate(finder.networks)
        for name, tensor in network.state_dict().items()
    }
    tensor_files.save_half(path, tensors, {"folds": finder.folds, "pictures": finder.pictures, "source": source})

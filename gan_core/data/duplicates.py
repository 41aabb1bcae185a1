"""Search for equal and nearly equal images by digests and hashes, without pixel comparisons.

Equal images have the same digest of the 8 bit grey image at its full size. This finds a copy under another name or in
another lossless format, at any prepared size. Nearly equal images have difference hashes that differ in few of 256
bits; each bit says whether a pixel of the image, reduced to 17 x 16, is darker than its right neighbour.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from PIL import Image

from gan_core.data.layout import SPLITS

# Measured on 5216 chest X-rays of children: images of two children differ in at least 12 bits; copies at half the size,
# brighter by a tenth or as JPEG of quality 60 differ in at most 10.
NEAR = 10
WORDS = 4
SHOWN = 5  # pairs that are named
_COMPARED = 2**20  # pairs that are compared at once, which bounds the memory to some 20 MB


def digest(grey: np.ndarray) -> str:
    """Return the digest of an 8 bit grey image (H, W) and its shape."""
    return blake2b(np.ascontiguousarray(grey).tobytes(), digest_size=16, person=b"%d" % grey.shape[1]).hexdigest()


def difference_hash(grey: np.ndarray) -> np.ndarray:
    """Return the difference hash of a grey image: uint8 (H, W) -> uint64 (4,), 256 bits."""
    small = np.asarray(Image.fromarray(grey).resize((17, 16), Image.Resampling.BOX), dtype=np.int16)
    return np.packbits(small[:, :-1] < small[:, 1:]).view(np.uint64)


def same_elsewhere(digests: list[str], places: list[str]) -> list[tuple[int, ...]]:
    """Return the groups of equal images, as indices, that lie in more than one place.

    places: the split, class or data set of each image.
    """
    return [group for group in _groups(digests) if len({places[index] for index in group}) > 1]


def copies_to_leave_out(groups: Iterable[Sequence[int]], splits: Sequence[str]) -> list[int]:
    """Return the images whose copies lie in a split that is held out more strictly: test before val before train.

    groups: of equal images, as indices, from `same_elsewhere`.
    """
    left = []
    for group in groups:
        strictest = max(SPLITS.index(splits[index]) for index in group)
        left += [index for index in group if SPLITS.index(splits[index]) < strictest]
    return sorted(left)


def _groups(digests: list[str]) -> list[tuple[int, ...]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, value in enumerate(digests):
        groups[value].append(index)
    return [tuple(group) for group in groups.values() if len(group) > 1]


@dataclass(frozen=True)
class NearPairs:
    """The pairs of nearly equal, but not equal, images that lie in two splits."""

    count: int
    images: int  # images that are part of a pair
    first: list[tuple[int, int]]  # the most alike, as indices (smaller first): at most `SHOWN`


def near_in_other_splits(hashes: np.ndarray, digests: list[str], splits: list[str]) -> NearPairs:
    """Search for nearly equal images across splits.

    Time is that of comparing all images; memory stays the same however many pairs there are.

    Args:
        hashes: results of `difference_hash`, uint64 (N, 4).
        digests: results of `digest`; pairs with the same digest are left out.
        splits: the split of each image.
    """
    parts = np.array(splits)
    _, contents = np.unique(np.array(digests), return_inverse=True)
    names = sorted(set(splits))
    count, first = 0, list[tuple[int, int, int]]()
    paired = np.zeros(len(splits), dtype=bool)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            left, right = np.flatnonzero(parts == one), np.flatnonzero(parts == other)
            step = max(1, _COMPARED // max(1, len(right)))
            for start in range(0, len(left), step):
                rows = left[start : start + step]
                bits = _differing(hashes[rows], hashes[right])
                near = (bits <= NEAR) & (contents[rows][:, None] != contents[right][None, :])
                if not near.any():
                    continue
                count += int(near.sum())
                paired[rows[near.any(axis=1)]] = True
                paired[right[near.any(axis=0)]] = True
                first = sorted([*first, *_most_alike(bits, near, rows, right)])[:SHOWN]
    return NearPairs(count, int(paired.sum()), [(a, b) for _, a, b in first])


def _differing(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how many bits differ, for each pair of two sets of hashes: uint64 (A, 4) and (B, 4) -> uint16 (A, B)."""
    bits = np.zeros((len(one), len(other)), dtype=np.uint16)
    for word in range(WORDS):
        bits += np.bitwise_count(one[:, word][:, None] ^ other[:, word][None, :])
    return bits


def _most_alike(
    bits: np.ndarray, near: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> list[tuple[int, int, int]]:
    """Return (bits, index, index) of the first `SHOWN` pairs and some more, in the order of bits, then indices.

    bits, near: (A, B), of the images `rows` and `columns`, both ascending.
    """
    found: list[tuple[int, int, int]] = []
    for level in range(NEAR + 1):
        hit = near & (bits == level)
        # A pair with the smallest index lies in one of the first rows or of the first columns that hold a pair, and
        # among the first pairs there: nothing else has to be listed.
        for of_row, lines, others in ((hit, rows, columns), (hit.T, columns, rows)):
            for line in np.flatnonzero(of_row.any(axis=1))[:SHOWN]:
                for place in np.flatnonzero(of_row[line])[:SHOWN]:
                    a, b = sorted((int(lines[line]), int(others[place])))
                    found.append((level, a, b))
        if len(set(found)) >= SHOWN:
            break
    return sorted(set(found))

"""Search for equal and nearly equal images by digests and hashes, without pixel comparisons.

Equal images have the same digest of the 8 bit grey image at its full size. This finds a copy under another name or in
another lossless format, at any prepared size. Nearly equal images have difference hashes that differ in few of 256
bits; each bit says whether a pixel of the image, reduced to 17 x 16, is darker than its right neighbour.
"""

from collections import defaultdict
from hashlib import blake2b

import numpy as np
from PIL import Image

# Measured on 5216 chest X-rays of children: images of two children differ in at least 12 bits; copies at half the size,
# brighter by a tenth or as JPEG of quality 60 differ in at most 10.
NEAR = 10
WORDS = 4


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


def _groups(digests: list[str]) -> list[tuple[int, ...]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, value in enumerate(digests):
        groups[value].append(index)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def near_in_other_splits(hashes: np.ndarray, digests: list[str], splits: list[str]) -> list[tuple[int, int]]:
    """Return the pairs of nearly equal, but not equal, images that lie in two splits.

    Args:
        hashes: results of `difference_hash`, uint64 (N, 4).
        digests: results of `digest`; pairs with the same digest are left out.
        splits: the split of each image.

    Returns:
        Pairs of indices (smaller first), sorted by the number of differing bits.
    """
    parts = np.array(splits)
    pairs: list[tuple[int, int, int]] = []
    names = sorted(set(splits))
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            pairs += _near(hashes, np.flatnonzero(parts == one), np.flatnonzero(parts == other))
    return [(a, b) for _, a, b in sorted(pairs) if digests[a] != digests[b]]


def _near(hashes: np.ndarray, left: np.ndarray, right: np.ndarray) -> list[tuple[int, int, int]]:
    """Return (bits, index, index) of the pairs between two sets that differ in at most `NEAR` bits."""
    found: list[tuple[int, int, int]] = []
    for start in range(0, len(left), 256):
        rows = left[start : start + 256]
        bits = np.zeros((len(rows), len(right)), dtype=np.uint16)
        for word in range(WORDS):
            bits += np.bitwise_count(hashes[rows, word][:, None] ^ hashes[right, word][None, :])
        for row, column in zip(*np.nonzero(bits <= NEAR), strict=True):
            a, b = sorted((int(rows[row]), int(right[column])))
            found.append((int(bits[row, column]), a, b))
    return found

"""Equal and nearly equal pictures, found without comparing pixels.

Equal: the same digest of the grey picture in 8 bits at its full size, so that a copy saved under another name or in
another lossless format is found, whatever size is prepared. Nearly equal: a difference hash of 256 bits (each says
whether a pixel of the picture shrunk to 17 x 16 is darker than its right neighbour) that differs in few bits.
"""

from collections import defaultdict
from hashlib import blake2b

import numpy as np
from PIL import Image

# Measured on 5216 chest X-rays of children: no two children's pictures differ in less than 12 bits, copies of half the
# size, brighter by a tenth or saved as JPEG of quality 60 in at most 10.
NEAR = 10
WORDS = 4


def digest(grey: np.ndarray) -> str:
    """Digest of an 8 bit grey picture (H, W), its shape included."""
    return blake2b(np.ascontiguousarray(grey).tobytes(), digest_size=16, person=b"%d" % grey.shape[1]).hexdigest()


def difference_hash(grey: np.ndarray) -> np.ndarray:
    """uint8 (H, W) -> uint64 (4,): 256 bits of which neighbour is brighter."""
    small = np.asarray(Image.fromarray(grey).resize((17, 16), Image.Resampling.BOX), dtype=np.int16)
    return np.packbits(small[:, :-1] < small[:, 1:]).view(np.uint64)


def same_elsewhere(digests: list[str], places: list[str]) -> list[tuple[int, ...]]:
    """Groups of equal pictures that lie in more than one place, as indices; places: the split or class of each."""
    return [group for group in _groups(digests) if len({places[index] for index in group}) > 1]


def _groups(digests: list[str]) -> list[tuple[int, ...]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, value in enumerate(digests):
        groups[value].append(index)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def near_in_other_splits(hashes: np.ndarray, digests: list[str], splits: list[str]) -> list[tuple[int, int]]:
    """Pairs of nearly but not quite equal pictures that lie in two splits.

    Args:
        hashes: uint64 (N, 4) of `difference_hash`.

    Returns:
        Pairs of indices (smaller first), the nearest first.
    """
    parts = np.array(splits)
    pairs: list[tuple[int, int, int]] = []
    names = sorted(set(splits))
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            pairs += _near(hashes, np.flatnonzero(parts == one), np.flatnonzero(parts == other))
    return [(a, b) for _, a, b in sorted(pairs) if digests[a] != digests[b]]


def _near(hashes: np.ndarray, left: np.ndarray, right: np.ndarray) -> list[tuple[int, int, int]]:
    """(bits, index, index) of pairs between two sets that differ in at most `NEAR` bits."""
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

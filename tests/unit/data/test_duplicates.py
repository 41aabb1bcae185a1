"""Nearly equal images across splits: the count is right, the first are named, and many cost no memory."""

import itertools
import tracemalloc

import numpy as np

from gan_core.data.duplicates import NEAR, SHOWN, near_in_other_splits


def hashes(count: int, flipped: int = 0, seed: int = 0) -> np.ndarray:
    """uint64 (count, 4): one hash with up to `flipped` random bits changed; without, all different."""
    rng = np.random.default_rng(seed)
    if not flipped:
        return rng.integers(0, 2**64, (count, 4), dtype=np.uint64)
    bits = np.zeros((count, 256), np.uint8)
    for row in bits:
        row[rng.choice(256, rng.integers(0, flipped + 1), replace=False)] = 1
    return np.packbits(bits, axis=1).view(np.uint64)


def by_hand(found: np.ndarray, digests: list[str], splits: list[str]) -> list[tuple[int, int, int]]:
    """(bits, index, index) of all pairs, the most alike first."""
    pairs = []
    for a, b in itertools.combinations(range(len(found)), 2):
        bits = sum(
            int(one ^ other).bit_count() for one, other in zip(found[a].tolist(), found[b].tolist(), strict=True)
        )
        if bits <= NEAR and splits[a] != splits[b] and digests[a] != digests[b]:
            pairs.append((bits, a, b))
    return sorted(pairs)


def test_pairs_are_counted_and_the_most_alike_come_first() -> None:
    for seed in range(4):
        found = np.concatenate([hashes(30, seed=seed), hashes(30, 4 + 3 * seed, seed)])
        order = np.random.default_rng(seed).permutation(len(found))
        found = found[order]
        splits = [("train", "val", "test")[number % 3] for number in range(len(found))]
        digests = [str(number if number % 5 else 0) for number in range(len(found))]
        near, pairs = near_in_other_splits(found, digests, splits), by_hand(found, digests, splits)
        assert pairs and near.count == len(pairs) and near.first == [(a, b) for _, a, b in pairs[:SHOWN]]
        assert near.images == len({index for _, *pair in pairs for index in pair})


def test_nothing_is_near_where_all_differ() -> None:
    near = near_in_other_splits(hashes(40), [str(n) for n in range(40)], ["train", "val"] * 20)
    assert (near.count, near.images, near.first) == (0, 0, [])
    alone = near_in_other_splits(hashes(9, 1), [str(n) for n in range(9)], ["train"] * 9)
    assert (alone.count, alone.first) == (0, [])


def test_thousands_of_nearly_equal_images_cost_no_memory() -> None:
    """Six million pairs, which nobody can read: their number and the first few do."""
    count = 6000
    splits = [("train", "train", "val", "test")[number % 4] for number in range(count)]
    found = np.repeat(hashes(1), count, axis=0)
    tracemalloc.start()
    near = near_in_other_splits(found, [str(number) for number in range(count)], splits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert near.count == 3000 * 1500 * 2 + 1500 * 1500 and near.images == count
    assert near.first == [(0, 2), (0, 3), (0, 6), (0, 7), (0, 10)]
    assert peak < 60 * 1024**2

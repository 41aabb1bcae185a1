"""Batches: the images of each step depend on (seed, step) only, so that a resumed run trains on the same ones."""

import numpy as np

from gan_core import schedule

Labelled = tuple[np.ndarray, np.ndarray]  # images uint8 (N, C, H, W), labels (N,)
_ORDER = 2  # random stream of the image orders


def mix(stream: int, *numbers: int) -> int:
    """Return a 63-bit seed for a random stream, given numbers such as the run's seed and the step."""
    return int(np.random.SeedSequence((stream, *numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Batches:
    """Visits every training image once per epoch, in an order that depends on the seed and the epoch.

    labels: classes, int64 (N,). count: images per step, over all processes. by_domain: for a translator, `count` images
    of each of the two domains per step; the first half of a batch comes from domain 0. An epoch then covers the larger
    domain, and the smaller one repeats in a new order. paired: image k of one domain belongs to image k of the other,
    and both domains use the same order.
    """

    def __init__(
        self, labels: np.ndarray, count: int, seed: int, by_domain: bool = False, paired: bool = False
    ) -> None:
        self.groups = [np.flatnonzero(labels == domain) for domain in (0, 1)] if by_domain else [np.arange(len(labels))]
        assert not paired or len(self.groups[0]) == len(self.groups[1])
        self.count, self.seed, self.by_domain, self.paired = count, seed, by_domain, paired
        self.steps_per_epoch = schedule.steps_per_epoch([len(group) for group in self.groups], count)
        self._orders: list[np.ndarray] = []  # of this epoch
        self._epoch = -1

    def choose(self, step: int, rank: int = 0, processes: int = 1) -> np.ndarray:
        """Return this process's share of the image indices of a step, with the same number from each domain."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._orders, self._epoch = [self._order(group, epoch) for group in range(len(self.groups))], epoch
        part = slice(place * self.count, (place + 1) * self.count)
        return np.concatenate([order[part][rank::processes] for order in self._orders])

    def _order(self, group: int, epoch: int) -> np.ndarray:
        images = self.groups[group]
        if not self.by_domain or self.paired:
            return np.random.default_rng(mix(_ORDER, self.seed, epoch)).permutation(images)
        rounds = -(-self.steps_per_epoch * self.count // len(images))
        rng = np.random.default_rng(mix(_ORDER, self.seed, epoch, group))
        return np.concatenate([rng.permutation(images) for _ in range(rounds)])

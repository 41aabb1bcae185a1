"""Which images a step trains on: drawn by index from (seed, step) alone, so that a resumed run sees the same ones."""

import numpy as np

Labelled = tuple[np.ndarray, np.ndarray]  # images uint8 (N, C, H, W), labels (N,)
_ORDER = 2  # the stream of randomness that orders of images come from


def mix(stream: int, *numbers: int) -> int:
    """A 63-bit seed for one stream of randomness at one place."""
    return int(np.random.SeedSequence((stream, *numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Batches:
    """Goes through the training images once an epoch, in an order that the seed and the epoch decide.

    labels: (N,) int64; count: images a step, over all processes. by_domain: for a translator, `count` images of each of
    the two domains a step, the first half of a batch from domain 0. An epoch then lasts as long as the larger domain;
    the smaller one begins again in a new order. paired: image k of the one domain belongs to image k of the other,
    and both domains are gone through in one order.
    """

    def __init__(
        self, labels: np.ndarray, count: int, seed: int, by_domain: bool = False, paired: bool = False
    ) -> None:
        self.groups = [np.flatnonzero(labels == domain) for domain in (0, 1)] if by_domain else [np.arange(len(labels))]
        assert not paired or len(self.groups[0]) == len(self.groups[1])
        self.count, self.seed, self.by_domain, self.paired = count, seed, by_domain, paired
        self.steps_per_epoch = max(map(len, self.groups)) // count
        self._orders: list[np.ndarray] = []  # of this epoch
        self._epoch = -1

    def choose(self, step: int, rank: int = 0, processes: int = 1) -> np.ndarray:
        """Indices of the images of a step: this process's share of them, the same number from each domain."""
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

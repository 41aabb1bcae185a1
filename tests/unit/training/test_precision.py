"""The faster precision is found, and hopeless ones cost little."""

import time
from typing import Any

import pytest
import torch

from gan_core.training import devices


class Timed:
    """A family whose step takes as long as it is told for each precision, and that notes how many images it saw."""

    step = 0

    def __init__(self, exact: float, mixed: float, seen: list[tuple[bool, int]]) -> None:
        self.exact, self.mixed, self.seen = exact, mixed, seen

    def train_step(self, real: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        mixed = torch.is_autocast_enabled("cpu")
        self.seen.append((mixed, len(real)))
        time.sleep(self.mixed if mixed else self.exact)
        return {}


@pytest.mark.parametrize(
    ("exact", "mixed", "faster", "steps"),
    [(0.02, 0.3, "32-true", 2), (0.04, 0.01, "bf16-mixed", 10), (0.01, 0.02, "32-true", 10)],
)
def test_the_faster_precision_is_found(exact: float, mixed: float, faster: str, steps: int) -> None:
    seen: list[tuple[bool, int]] = []

    def build() -> Any:
        return Timed(exact, mixed, seen)

    real, labels = torch.zeros(32, 1, 8, 8), torch.zeros(32, dtype=torch.int64)
    assert devices.faster_precision("cpu", build, real, labels) == faster
    assert len(seen) == steps
    assert [count for _, count in seen] == [8, 8] + [32] * (steps - 2)

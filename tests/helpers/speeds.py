"""What `ganray speed` would have measured."""

from typing import Any

from gan_core.run_costs import Sizes, Speed


def measured_speed(**changes: Any) -> Speed:
    """A second a step, two a preview, 600 MB and a checkpoint of 10 MB."""
    sizes = Sizes(10**7, 10**6, 500_000, 10_000, 12_000, 100, 1000)
    values: dict[str, Any] = {"step": 1.0, "alone": 1.0, "preview": 2.0, "start": 5.0, "device": "cpu", "busy": 0.0}
    values |= {"precision": "32-true", "memory": 600_000_000, "device_memory": 0, "sizes": sizes}
    return Speed(**values | changes)

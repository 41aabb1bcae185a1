"""A run that paints opacity, of first weights: its generator draws the pattern that training starts from."""

from pathlib import Path
from typing import Any

from gan_core.runs import Run
from tests.helpers.untrained import untrained

NAME = "painted"
DOMAINS = ("normal", "covid")


def graded_run(root: Path, name: str = NAME, **changes: Any) -> Run:
    """Write the run; its domains are those of drawn X-rays."""
    settled = {"classes": DOMAINS, "domains": DOMAINS, "image_size": 64, "subject": "chest X-ray"}
    return untrained(root, name, "opacity", **settled | changes)

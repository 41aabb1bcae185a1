"""The contrast of all texts of a page in a browser."""

from pathlib import Path

from playwright.sync_api import Frame

LEAST = 4.5  # WCAG 2.2, level AA
_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8").rstrip().removesuffix(";")


def too_faint(frame: Frame, least: float = LEAST) -> tuple[int, list[str]]:
    """(number of texts in sight, a line for each whose contrast with what lies behind it is below `least`)."""
    found = frame.evaluate(_SCRIPT, least)
    return int(found["count"]), [str(line) for line in found["failing"]]

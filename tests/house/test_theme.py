"""The colours of the app's themes: errors are read on black as well as on white."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BACKGROUNDS = {"light": "#ffffff", "dark": "#171614"}  # Streamlit's own


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2, 0 to 1."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("folder", [".streamlit", "dashboard/launcher/.streamlit"])
@pytest.mark.parametrize("theme", BACKGROUNDS)
def test_errors_are_readable_in_both_themes(folder: str, theme: str) -> None:
    colours = tomllib.loads((ROOT / folder / "config.toml").read_text())["theme"]
    text = (colours | colours[theme])["redTextColor"]
    low, high = sorted((luminance(text), luminance(BACKGROUNDS[theme])))
    assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG AA

"""What the browser is sent to draw curves, read back into numbers."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.charts import plotly_figures, run_curves
from dashboard.charts.run_curves import Mark, View
from dashboard.library.store import Entry, Library

USUAL = View()


def entries(library: Library, *names: str) -> list[Entry]:
    found = [library.find(name) for name in names]
    assert all(found)
    return [entry for entry in found if entry]


def told(library: Library, names: Sequence[str], view: View = USUAL, **marks: list[Mark]) -> dict[str, Any]:
    chosen = entries(library, *names)
    data = run_curves.payload(library, chosen, plotly_figures.styles(chosen), view, marks)
    return json.loads(json.dumps(data, allow_nan=False))


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")

"""What the browser is sent to draw curves, read back into numbers."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.charts import curve_payloads
from dashboard.charts.curve_payloads import CurveView, EventMarker
from dashboard.charts.styles import run_styles
from dashboard.library.store import Entry, Library

USUAL = CurveView()


def entries(library: Library, *names: str) -> list[Entry]:
    found = [library.find(name) for name in names]
    assert all(found)
    return [entry for entry in found if entry]


def told(library: Library, names: Sequence[str], view: CurveView = USUAL, **marks: list[EventMarker]) -> dict[str, Any]:
    return told_of(library, entries(library, *names), view, **marks)


def told_of(
    library: Library, chosen: Sequence[Entry], view: CurveView = USUAL, **marks: list[EventMarker]
) -> dict[str, Any]:
    data = curve_payloads.payload(library, chosen, run_styles(chosen), view, marks)
    return json.loads(json.dumps(data, allow_nan=False))


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")

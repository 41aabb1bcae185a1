"""What a program calls with odd or missing values gets a sentence, and never a bare word."""

import numpy as np
import pytest

from gan_core import images
from gan_core.phantoms.chest import xray
from tests.robustness.visitor import Refused, Served

TRANSLATOR, PAINTER = "reference/phantom_cxr_cyclegan", "reference/covid_opacity"
GENERATOR, ENCODER = "reference/cgan", "reference/bigan"
# No classifier is asked, which would take the longest; its first class is the one that a call without a class means.
EXPLORED, FIRST = "reference/three_classes", "COVID-19"
FILE = "the uploaded file"
CALLS = {
    "translate": (FILE, TRANSLATOR, "covid", True, None, None),
    "generate": (GENERATOR, "PNEUMONIA", 0, 1, 1.0),
    "between": (GENERATOR, "NORMAL", "PNEUMONIA", 0.5, 0, 1, 1.0),
    "opinions": (GENERATOR, "PNEUMONIA", 0, 1, 1.0),
    "directions": (EXPLORED, FIRST),
    "along": (EXPLORED, FIRST, 0, "Component 1", 0.5),
    "encode": (FILE, ENCODER),
}
NUMBERS = (-1, 1e308, "x", [])
TEXTS = (None, "../x", [], {"a": 1}, "x" * 10_000)
MAY_BE_LEFT_OUT = {"generate": (1,), "opinions": (1,), "directions": (1,), "along": (1,)}  # the class


@pytest.fixture(scope="module")
def upload(served: Served) -> dict[str, object]:
    drawn = (xray.draw("normal", 51, 128).image * 240).astype(np.uint8)
    path = served.visitor.upload(b"x.png", images.png_bytes(drawn[..., None] if drawn.ndim == 2 else drawn))
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("endpoint", CALLS)
def test_odd_values(served: Served, upload: dict[str, object], endpoint: str) -> None:
    whole = [upload if value == FILE else value for value in CALLS[endpoint]]
    assert served.visitor.call(endpoint, *whole)
    wrong = []
    for place, value in enumerate(CALLS[endpoint]):
        for odd in TEXTS if isinstance(value, str) else NUMBERS:
            try:
                served.visitor.call(endpoint, *whole[:place], odd, *whole[place + 1 :])
            except Refused as refused:
                said = str(refused)
                if len(said) < 16 or "error in the app" in said:
                    wrong.append((place, str(odd)[:20], said))
            else:
                if isinstance(value, str) and place not in MAY_BE_LEFT_OUT.get(endpoint, ()):
                    wrong.append((place, str(odd)[:20], "was accepted"))
    assert not wrong


@pytest.mark.parametrize("severity", [-1, 2, 1e308, "x"])
def test_odd_severities(served: Served, upload: dict[str, object], severity: object) -> None:
    with pytest.raises(Refused) as refused:
        served.visitor.call("translate", upload, PAINTER, "COVID", True, severity, 0)
    assert len(str(refused.value)) > 15

"""What elements of the browser are told: JSON alone."""

import math

import pytest
import streamlit as st

from dashboard.widgets import components
from tests.conftest import ROOT


def test_a_number_that_is_no_json_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(st.components.v2, "component", lambda name, **parts: lambda **given: told.append(given))
    draw = components.component("one", js="")
    draw(data={"epochs": [1.0]}, key="a")
    assert told == [{"data": {"epochs": [1.0]}, "key": "a"}]
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="JSON"):
            draw(data={"epochs": [bad]}, key="a")


def test_every_element_is_told_by_the_one_function() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "dashboard").rglob("*.py")
        if "components.v2.component(" in path.read_text(encoding="utf-8")
    }
    assert found == {"dashboard/widgets/components.py"}

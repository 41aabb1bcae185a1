"""Figures: colours and sizes."""

import re
from pathlib import Path

import numpy as np
import pytest

from dashboard.charts import plotly_figures, svg
from dashboard.charts.plotly_figures import Line
from dashboard.charts.styles import ELSEWHERE, OTHERS, Style, run_styles
from dashboard.library.curves import Curve
from dashboard.library.store import Library
from gan_core.families import registry
from tests.helpers.recorded import record_run
from tests.helpers.run_folders import make_run

STYLE = Style("#0072B2", "solid")


def curve(count: int = 1000) -> Curve:
    x = np.linspace(0, 50, count, dtype=np.float32)
    y = np.sin(x).astype(np.float32)
    return Curve(x, y, x, y * 0.5, last=0.1)


def test_a_family_keeps_its_colour_and_its_plain_twin_is_dashed(tmp_path: Path) -> None:
    presets = ("dcgan", "dcgan_baseline", "gan", "dcgan", "unheard_of", "cyclegan_unet")
    for name, preset in zip("abcdef", presets, strict=True):
        make_run(tmp_path, name, preset, 1, 2)
    entries = sorted(Library(tmp_path).entries(), key=lambda entry: entry.name)
    looks = run_styles(entries)
    assert looks["a"].color == looks["b"].color == looks["d"].color == "#D55E00"
    assert (looks["a"].dash, looks["b"].dash, looks["c"].dash) == ("solid", "dash", "solid")
    assert looks["d"].dash not in ("solid", "dash")
    assert looks["e"].color in OTHERS
    assert run_styles(entries[1:2])["b"].dash == "dash"  # also alone
    declared = {preset.family: preset.traits.color for preset in registry.presets().values()}
    assert looks["f"].color == declared["cyclegan"]
    assert len({*declared.values(), *OTHERS}) == len(declared) + 2


def test_twenty_runs_of_a_family_look_different(tmp_path: Path) -> None:
    for number in range(22):
        make_run(tmp_path, f"run{number:02}", "dcgan" if number % 2 else "dcgan_baseline", 1, 2, previews=False)
    entries = sorted(Library(tmp_path).entries(), key=lambda entry: entry.name)
    looks = run_styles(entries)
    assert len({(look.dash, look.shape) for look in list(looks.values())[:20]}) == 20
    assert all(not look.shape for look in list(looks.values())[:4])
    assert [looks[f"run{number:02}"].dot for number in (0, 1, 4, 5)] == ["○", "●", "□", "■"]
    assert looks["run05"].symbol == "square" and looks["run04"].symbol == "square-open"
    assert {look.shape for look in looks.values()} - {""} == svg.SHAPES.keys()
    script = (Path(plotly_figures.__file__).parents[1] / "components" / "plots_paint.js").read_text()
    assert all(re.search(rf'"?{shape}"?: \[\[', script) for shape in svg.SHAPES)


def test_a_run_of_another_program_keeps_the_colour_of_its_name(tmp_path: Path) -> None:
    names = [f"run{number}" for number in range(8)]
    for name in names:
        record_run(tmp_path, name, last=3)
    entries = Library(tmp_path).entries()
    looks = run_styles(entries)
    assert {look.color for look in looks.values()} <= {*ELSEWHERE} and len({look.color for look in looks.values()}) > 2
    assert all(run_styles([entry])[entry.name].color == looks[entry.name].color for entry in entries)
    assert len({(look.color, look.dash, look.shape) for look in looks.values()}) == len(names)
    assert not {*ELSEWHERE} & {*OTHERS, *(preset.traits.color for preset in registry.presets().values())}


def test_colours_stand_out_on_white_and_on_near_black() -> None:
    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for color in {*(preset.traits.color for preset in registry.presets().values()), *ELSEWHERE}:
        for ground in ("#FFFFFF", "#191815"):
            light, dark = sorted((luminance(color), luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) > 2.7, (color, ground)


@pytest.mark.parametrize("percent", [False, True])
def test_a_full_chart_is_small(percent: bool) -> None:
    figure = plotly_figures.curves([Line(f"run {i}", curve(), STYLE) for i in range(8)], end=50, percent=percent)
    assert len(figure.to_json()) < 500_000
    assert all(len(trace.x) <= 1000 for trace in figure.data)
    assert len(figure.data) == 16  # raw behind, smoothed in front
    assert [trace.showlegend for trace in figure.data[:8]] == [False] * 8
    assert tuple(figure.layout.xaxis.range) == (0, 50)


def test_one_point_is_a_marker_and_nothing_is_an_empty_chart() -> None:
    assert plotly_figures.curves([Line("run", curve(1), STYLE)]).data[-1].mode == "markers"
    assert len(plotly_figures.curves([]).data) == 0

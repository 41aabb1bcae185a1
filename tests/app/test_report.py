"""The file that is mailed: everything in it, nothing from elsewhere, no script, no picture of a real person."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dashboard.charts import svg as vectors
from dashboard.charts.styles import run_styles
from dashboard.charts.svg import Trace
from dashboard.library.curves import Curve
from dashboard.library.notes import Note
from dashboard.library.store import Library
from dashboard.views.compare import report
from dashboard.views.compare.report import ReportedEvent, ReportOptions
from tests.helpers.pages import healthy, open_page, texts
from tests.helpers.run_folders import make_run

WANTED = ReportOptions("A comparison", "2026-01-02 03:04", 2, 0.9, "?runs=a&epoch=2", {}, {}, "")
EVIL = "<script>alert(1)</script>\"'&"


class Tags(HTMLParser):
    """Every tag with its attributes, and that each is closed."""

    VOID = frozenset({"meta", "img", "br", "path", "rect", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make_run(folder, "reference/gan", "gan", 4, 10)
    make_run(folder, "mine", "dcgan", 6, 10, "stopped", preview_every=3)
    make_run(folder, "there", "cyclegan_resnet_light", 4, 10)
    make_run(folder, "private", "cyclegan_unet_light", 4, 10, private=True, domains=("healthy", "ill"))
    make_run(folder, "bare", "cgan", 2, 10, previews=False)
    return folder


def page(root: Path, names: list[str], wanted: ReportOptions = WANTED) -> str:
    library = Library(root)
    found = {entry.name: entry for entry in library.readable()}
    chosen = [found[name] for name in names]
    return report.page(library, chosen, run_styles(chosen), wanted)


def test_the_file_holds_the_comparison(root: Path) -> None:
    wanted = replace(
        WANTED,
        written={"mine": Note("two lines\nof note", ("good",))},
        happened={"mine": [ReportedEvent("Oscillation", "epochs 2 to 3", "It oscillates.", "less momentum", True)]},
        compared="The dcgan is sharper.",
    )
    text = page(root, ["reference/gan", "mine"], wanted)
    tags = Tags(text)
    pictures = [str(image["src"]) for image in tags.all("img")]
    shown = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in pictures]
    sheets = [root / "reference/gan/samples/epoch_0002.png", root / "mine/samples/epoch_0003.png"]
    assert shown == [sheet.read_bytes() for sheet in sheets]
    for words in (
        "synthetic, not for diagnosis",
        "epoch 3, the nearest this run has to 2",
        "⚠ Oscillation</b>, epochs 2 to 3: It oscillates.",
        "less momentum",
        "The dcgan is sharper.",
        "two lines\nof note",
        "?runs=a&amp;epoch=2",
        "Last values",
        "4 of 6",
        "All settings",
    ):
        assert words in text
    charts_drawn = [drawn for drawn in tags.all("svg") if drawn.get("role") == "img"]
    assert len(charts_drawn) == 3


def test_nothing_is_fetched_and_nothing_runs(root: Path) -> None:
    tags = Tags(page(root, ["reference/gan", "mine", "there", "private", "bare"]))
    names = {name for name, _ in tags.found}
    assert not names & {"script", "iframe", "object", "embed", "link", "form", "a"}
    for name, attributes in tags.found:
        assert not any(key.startswith("on") for key in attributes), name
        for key in ("src", "href", "xlink:href", "srcset", "action"):
            assert str(attributes.get(key) or "data:").startswith("data:")
    policy = [tag["content"] for tag in tags.all("meta") if tag.get("http-equiv")]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    style = report._STYLE.read_text()
    assert "url(" not in style and "@import" not in style and "prefers-color-scheme: dark" in style


def test_pictures_and_charts_have_alternative_text(root: Path) -> None:
    tags = Tags(page(root, ["reference/gan", "there"]))
    assert all(image["alt"] for image in tags.all("img"))
    assert all(drawn.get("aria-label") or drawn.get("aria-hidden") for drawn in tags.all("svg"))


def test_private_pictures_are_left_out_and_it_says_so(root: Path) -> None:
    text = page(root, ["there", "private"])
    assert len(Tags(text).all("img")) == 1
    assert "left out: its grids contain real images" in text
    content = (root / "private/private/epoch_0002.png").read_bytes()
    assert base64.b64encode(content).decode() not in text


def test_a_run_without_pictures_is_there_all_the_same(root: Path) -> None:
    assert "no sample grid yet" in page(root, ["bare"])


def test_without_an_epoch_it_is_the_last(root: Path) -> None:
    text = page(root, ["reference/gan", "mine"], replace(WANTED, epoch=None))
    assert "epoch 4<" in text and "epoch 3<" in text and "nearest" not in text


def test_too_many_pictures_are_left_out_with_a_word(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PICTURES", (root / "reference/gan/samples/epoch_0002.png").stat().st_size)
    text = page(root, ["reference/gan", "mine"])
    assert len(Tags(text).all("img")) == 1
    assert "left out, to keep this file small" in text


def test_texts_cannot_become_markup(root: Path) -> None:
    wanted = ReportOptions(
        EVIL, EVIL, 1, 0.5, EVIL, {"mine": Note(EVIL, (EVIL,))}, {"mine": [ReportedEvent(EVIL, EVIL, EVIL, EVIL)]}, EVIL
    )
    text = page(root, ["mine"], wanted)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 8
    Tags(text)


def test_curves_keep_their_extremes_and_their_place() -> None:
    x = np.linspace(0, 10, 5000, dtype=np.float32)
    y = np.sin(x).astype(np.float32)
    y[2500] = 50.0
    curve = Curve(x, y, x, np.sin(x).astype(np.float32), 0.0)
    traces = [Trace("a & b", curve, "#0072B2", "dash")]
    svg = vectors.chart(traces, "Loss", 10, cursor=5)
    paths = re.findall(r'<path d="M([^"]+)" stroke="#0072B2"', svg)
    assert len(paths) == 2
    raw = np.array([[float(n) for n in point.split()] for point in paths[0].split("L")])
    assert len(raw) <= vectors.POINTS
    assert raw[0, 0] == vectors.LEFT and raw[-1, 0] == vectors.WIDTH - vectors.RIGHT
    assert raw[:, 1].min() < 0  # the spike, cut by the frame
    smooth = np.array([[float(n) for n in point.split()] for point in paths[1].split("L")])
    assert smooth[:, 1].min() > vectors.TOP and smooth[:, 1].max() < vectors.HEIGHT - vectors.BOTTOM
    assert 'stroke-dasharray="9 5"' in svg and 'aria-label="Loss along epoch of a &amp; b"' in svg
    assert "from -1.00 to 50.0" in vectors.beyond(traces, 10)


@pytest.mark.parametrize(
    ("axis", "words"),
    [("epoch", "epoch"), ("step", "step"), ("seconds", r"time \((s|min|h)\)"), ("images", "images seen")],
)
def test_curves_lie_along_the_axis_of_the_page(root: Path, axis: str, words: str) -> None:
    text = page(root, ["reference/gan", "mine"], replace(WANTED, axis=axis))
    shown = re.findall(r'y="264" text-anchor="middle">([^<]+)</text>', text)
    assert shown and all(re.fullmatch(words, each) for each in shown)
    assert ('class="cursor"' in text) == (axis == "epoch")
    ends = {found[-1] for found in map(_numbers, text.split("<svg ")) if found}
    assert len(ends) == 1 and (axis != "epoch" or ends == {"6"})
    # Each curve reaches as far as the page's: the longest of them to the edge, but along epochs, where all are planned.
    furthest = max(float(x) for x in re.findall(r"L([\d.]+) [-\d.]+\" stroke=", text))
    edge = vectors.WIDTH - vectors.RIGHT
    assert furthest < edge - 50 if axis == "epoch" else furthest == pytest.approx(edge, abs=0.2)


def _numbers(svg: str) -> list[str]:
    """What stands below the axis along."""
    return re.findall(r'y="246" text-anchor="middle">([^<]+)</text>', svg)


def test_shapes_tell_many_runs_of_a_family_apart() -> None:
    x = np.linspace(0, 10, 200, dtype=np.float32)
    traces = [Trace("a", Curve(x, x, x, x, 10.0), "#0072B2", "solid", "diamond")]
    svg = vectors.chart(traces, "Loss", 10)
    assert svg.count("<polygon") in (6, 7) and svg.count('fill="#0072B2"') == svg.count("<polygon")
    assert "<polygon" not in vectors.chart([replace(traces[0], shape="")], "Loss", 10)


def test_a_curve_of_one_point_is_a_dot() -> None:
    one = np.ones(1, np.float32)
    svg = vectors.chart([Trace("a", Curve(one, one, one, one, 1.0), "#000000", "solid")], "Loss", 3)
    assert 'stroke-linecap="round"' in svg and "nan" not in svg


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 50, [0, 10, 20, 30, 40, 50]),
        (0.66, 1.14, [0.7, 0.8, 0.9, 1.0, 1.1]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    assert vectors.ticks(low, high) == pytest.approx(found)


def test_the_page_offers_the_report(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(root))
    app = open_page(runs=["reference/gan", "private"], epoch="3", smoothing="0.5")
    app.session_state["report"] = True
    healthy(app.run())
    shown = texts(app)
    assert "the grids of epoch 3" in shown and "the report leaves them out" in shown
    buttons = [button.proto.label for button in app.get("download_button")]
    assert "Download" in buttons

"""The page that is given away: all in it, nothing from elsewhere, one script of ours, no picture of a real person."""

import base64
import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.charts import svg as vectors
from dashboard.charts.styles import run_styles
from dashboard.charts.svg import Trace
from dashboard.library import units
from dashboard.library.curves import Curve
from dashboard.library.notes import Note
from dashboard.library.store import Library
from dashboard.report import comparison, curves, folder, frames
from dashboard.report import page as pages
from dashboard.report.comparison import Comparison, ReportedEvent, ReportOptions
from gan_core import runs
from gan_core.config import Origin
from gan_core.errors import UserError
from gan_core.runs.recorded import RecordedWriter
from tests.helpers import made_evaluations
from tests.helpers.configs import CONFIG
from tests.helpers.pages import healthy, open_page, texts
from tests.helpers.run_folders import make_run

WANTED = ReportOptions("A comparison", "2026-01-02 03:04", 2, 0.9, "?runs=a&epoch=2", {}, {}, "")
EVIL = "<script>alert(1)</script>\"'&"


class Tags(HTMLParser):
    """Every tag with its attributes, and that each is closed."""

    VOID = frozenset({"meta", "img", "br", "path", "rect", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)

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


def compared(root: Path, names: list[str], wanted: ReportOptions = WANTED) -> Comparison:
    library = Library(root)
    found = {entry.name: entry for entry in library.readable()}
    chosen = units.aligned([found[name] for name in names])
    return Comparison(library, chosen, run_styles(chosen), wanted)


def page(root: Path, names: list[str], wanted: ReportOptions = WANTED) -> str:
    return pages.in_one_file(compared(root, names, wanted))


def told(text: str) -> dict[str, Any]:
    """What the page's script is told."""
    found: dict[str, Any] = json.loads(Tags(text).scripts[0])
    return found


def test_the_file_holds_the_comparison(root: Path) -> None:
    wanted = replace(
        WANTED,
        written={"mine": Note("two lines\nof note", ("good",))},
        happened={
            "mine": [ReportedEvent("Oscillation", "epochs 2 to 3", "It oscillates.", "less momentum", True, 2.0)]
        },
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
        "⚠ Oscillation</b>, <span data-epoch-link='2'>epochs 2 to 3</span>: It oscillates.",
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


def test_the_script_is_told_every_grid_and_where_it_lies(root: Path) -> None:
    text = page(root, ["reference/gan", "mine", "private", "bare"])
    known = told(text)
    assert known["last"] == 4 and known["epoch"] == 2 and known["axis"] == "epoch"
    assert [run["label"] for run in known["runs"]] == ["gan", "mine", "private", "bare"]
    numbers = [[frame[:2] for frame in run["frames"]] for run in known["runs"]]
    assert numbers == [[[n, n] for n in range(5)], [[n, n] for n in (0, 3)], [], []]
    for run, folder_name, opening in ((0, "reference/gan", 2), (1, "mine", 3)):
        for _, number, source in known["runs"][run]["frames"]:
            content = (root / folder_name / f"samples/epoch_{number:04d}.png").read_bytes()
            in_page = source or Tags(text).all("img")[run]["src"]  # the page opens with it: it is there once
            assert (source is None) == (number == opening)
            assert base64.b64decode(str(in_page).removeprefix("data:image/png;base64,")) == content


@pytest.fixture(scope="module")
def stepped(root: Path) -> str:
    """A run whose grids count steps."""
    settings = replace(CONFIG, origin=Origin("csv", counts="step"), epochs=0, preset="train.py", classes=(), source="")
    writer = RecordedWriter.create(root, "stepped", replace(settings, class_counts=()))
    steps = np.arange(0.0, 2001.0, 10)
    writer.write_table({"step": steps, "loss/d": 1 / (1 + steps), "loss/g": steps / 2000})
    for number in (0, 500, 2000):
        writer.save_samples(number, np.full((64, 64), number % 251, np.uint8))
    writer.close("finished", 2000, 2000)
    return "stepped"


def test_a_run_that_counts_steps_stands_by_its_share_beside_runs_that_count_epochs(root: Path, stepped: str) -> None:
    text = page(root, ["reference/gan", stepped])
    known = told(text)
    assert (known["last"], known["unit"]) == (4, "epoch")
    assert [frame[:2] for frame in known["runs"][1]["frames"]] == [[0, 0], [1, 500], [4, 2000]]
    assert known["runs"][1]["unit"] == "step" and not known["whole"]
    assert "step 500, the nearest this run has to 1000<" in text and "step 2000<" in text
    both = compared(root, ["reference/gan", stepped], replace(WANTED, axis="step"))
    scrubbed, along = curves.places(both, both.chosen[1], 1.0) or ([], [])
    assert scrubbed[-1] == pytest.approx(4) and along[-1] == 2000
    assert "share of the training" in text and "train.py (imported from csv)" in text
    furthest = max(float(x) for x in re.findall(r"L([\d.]+) [-\d.]+\" stroke=", text))
    assert furthest == pytest.approx(vectors.WIDTH - vectors.RIGHT, abs=0.2)  # 2000 steps lie at the last epoch


def test_runs_that_all_count_steps_are_scrubbed_along_steps(root: Path, stepped: str) -> None:
    text = page(root, [stepped], replace(WANTED, epoch=600))
    known = told(text)
    assert (known["last"], known["unit"]) == (2000, "step")
    assert [frame[:2] for frame in known["runs"][0]["frames"]] == [[0, 0], [500, 500], [2000, 2000]]
    assert "Samples<span class='still'>: step 600</span>" in text and "step 500, the nearest" in text


def test_along_another_axis_each_run_has_its_own_places(root: Path) -> None:
    for run in told(page(root, ["reference/gan", "mine"], replace(WANTED, axis="step")))["runs"]:
        epochs, along = run["places"]
        assert epochs[0] == along[0] == 0 and along[-1] == pytest.approx(10 * epochs[-1])
        assert epochs == sorted(epochs) and len(epochs) == len(along) > 10


def test_nothing_is_fetched_and_only_our_script_runs(root: Path) -> None:
    text = page(root, ["reference/gan", "mine", "there", "private", "bare"])
    tags = Tags(text)
    names = {name for name, _ in tags.found}
    assert not names & {"iframe", "object", "embed", "link", "form", "a"}
    assert [tag.get("type") for tag in tags.all("script")] == ["application/json", "module"]
    assert tags.scripts[1] == pages.script() and "</script" not in pages.script() and "<!--" not in pages.script()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", pages.script())
    for name, attributes in tags.found:
        assert not any(key.startswith("on") for key in attributes), name
        for key in ("src", "href", "xlink:href", "srcset", "action"):
            assert str(attributes.get(key) or "data:").startswith("data:")
    policy = [tag["content"] for tag in tags.all("meta") if tag.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(tags.scripts[1].encode()).digest()).decode()
    assert policy == [
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    ]
    style = (pages.HERE / "report.css").read_text()
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
    assert re.findall(r"class='at'>([^<]*)<", text) == ["epoch 4", "epoch 3"]


def test_where_there_is_room_for_few_grids_the_file_holds_a_spread_and_says_so(root: Path) -> None:
    both = compared(root, ["reference/gan", "mine"])
    sizes = {path: path.stat().st_size for entry in both.chosen for path in entry.sheets.values()}
    text = pages.in_one_file(both, sum(sizes.values()) - 1)
    assert "3 of 5 of gan" in text or "4 of 5 of gan" in text
    kept = [frame[1] for frame in told(text)["runs"][0]["frames"]]
    assert {0, 2, 4} <= set(kept) and len(kept) < 5  # both ends, and where the page opens
    assert "holds a spread" not in pages.in_one_file(both, sum(sizes.values()))


def test_where_there_is_room_for_one_grid_the_others_are_left_out_with_a_word(root: Path) -> None:
    size = (root / "reference/gan/samples/epoch_0002.png").stat().st_size
    text = pages.in_one_file(compared(root, ["reference/gan", "mine"]), size)
    assert len(Tags(text).all("img")) == 1
    assert [len(run["frames"]) for run in told(text)["runs"]] == [1, 0]
    assert "left out, to keep this page small" in text


@pytest.mark.parametrize("most", [1, 90_000, 1_000_000, 3_333_333, 10**9])
def test_a_spread_fits_and_reaches_from_end_to_end(most: int) -> None:
    every = {
        "long": [frames.Frame(n, float(n), Path(f"{n}"), 1000) for n in range(5000)],
        "short": [frames.Frame(n, float(n), Path(f"{n}"), 3000) for n in range(0, 1000, 7)],
    }
    opening = {"long": every["long"][77], "short": every["short"][5]}
    kept = frames._spread(every, opening, 4999, most)
    assert frames._size(kept) <= most
    if most > 50_000:
        for name, found in kept.items():
            assert opening[name] in found
            assert (found[0], found[-1]) == (every[name][0], every[name][-1])
            gaps = np.diff([frame.place for frame in found])
            assert gaps.max() <= 2 * 4999 / max(len(kept["long"]) - 2, 1) + 7
    assert most < 10**9 or kept == every


def test_a_folder_holds_every_grid_as_a_file_and_no_private_one(root: Path) -> None:
    content = folder.packed(folder.contents(compared(root, ["reference/gan", "mine", "private"])), "given")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    text = files.pop("given/index.html").decode()
    assert len(files) == 5 + 2
    for number in (0, 3):
        own = (root / f"mine/samples/epoch_{number:04d}.png").read_bytes()
        assert files[f"given/pictures/02-mine/epoch_{number:04d}.png"] == own
    named = {source for run in told(text)["runs"] for _, _, source in run["frames"] if source}
    named |= {str(image["src"]) for image in Tags(text).all("img")}
    assert {f"given/{name}" for name in named} == set(files)
    assert "img-src 'self' file:;" in text


def test_a_folder_is_written_beside_nothing_else(root: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="name a new or an empty folder"):
        folder.write([("index.html", b"")], tmp_path)
    folder.write([("a/b.png", b"x")], tmp_path / "new")
    assert (tmp_path / "new/a/b.png").read_bytes() == b"x"


def test_texts_cannot_become_markup(root: Path) -> None:
    wanted = ReportOptions(
        EVIL, EVIL, 1, 0.5, EVIL, {"mine": Note(EVIL, (EVIL,))}, {"mine": [ReportedEvent(EVIL, EVIL, EVIL, EVIL)]}, EVIL
    )
    text = page(root, ["mine"], wanted)
    assert text.count("<script") == 2
    assert text.count("&lt;script&gt;") >= 8
    assert len(Tags(text).scripts) == 2


def test_a_name_cannot_end_the_element_that_the_script_reads(tmp_path: Path) -> None:
    make_run(tmp_path, "x", "dcgan", 2, 4)
    name = "</script><script>alert(1)<!--"
    (tmp_path / "x").rename(tmp_path / name.replace("/", "\u2215"))
    both = compared(tmp_path, [name.replace("/", "\u2215")])
    text = pages.in_one_file(replace(both, options=replace(WANTED, title=name)))
    tags = Tags(text)
    assert [tag.get("type") for tag in tags.all("script")] == ["application/json", "module"]
    assert told(text)["runs"][0]["label"] == name.replace("/", "\u2215")


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
    assert "It opens at epoch 3" in shown and "what you download leaves them out" in shown
    buttons = [button.proto.label for button in app.get("download_button")]
    assert {"One file", "Folder", "Figures"} <= set(buttons)


def test_what_cannot_be_judged_or_read_is_said_and_not_called_nothing(tmp_path: Path) -> None:
    for name, epochs in (("young", 1), ("torn", 6)):
        make_run(tmp_path, name, "dcgan", epochs, 10)
    path = tmp_path / "young" / runs.METRICS
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    path = tmp_path / "torn" / runs.METRICS
    lines = path.read_text().splitlines()
    lines[5] = ",".join(["5", "", *lines[5].split(",")[2:]])
    path.write_text("\n".join(lines) + "\n")
    library = Library(tmp_path)
    found, words = comparison.happened(library, library.readable())
    text = page(tmp_path, ["young", "torn"], replace(WANTED, happened=found, compared=words))
    assert "Cannot be judged yet</b>: 3 rows logged" in text
    assert "Not everything could be read</b>: 1 of 60 rows of metrics.csv name no epoch" in text


def test_the_distance_to_real_images_is_among_the_curves(tmp_path: Path) -> None:
    for name, quality in (("a", 0.4), ("b", 0.9)):
        run = make_run(tmp_path, name, "dcgan", 50, 4, preview_every=10)
        made_evaluations.write(run, quality, progress=made_evaluations.progress(quality))
    (group,) = curves.groups(compared(tmp_path, ["a", "b"]))
    assert [chart.title for chart in group.charts][-1] == "Fréchet distance, measured"
    drawn = group.charts[-1]
    assert [trace.name for trace in drawn.traces] == ["a", "b"] and "features of child-b" in drawn.meaning
    assert "Fréchet distance, measured" in page(tmp_path, ["a", "b"])

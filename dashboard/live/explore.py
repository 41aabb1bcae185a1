"""Explore: what the page shows of a place in a generator's latent space, and where a visitor goes from there.

Everything near the place is drawn at once and sent as sheets of pictures: a row for each direction, a plane of two of
them, and neighbours. The page's script (explore.js) shows the nearest picture while a slider or the plane is dragged,
and asks for the next view when it is let go.
"""

import html
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.library.image_encoding import data_uri
from dashboard.live import picture_html
from dashboard.live.generate import FieldValue, checked_number, checked_seed
from dashboard.live.models import ModelCache
from gan_core import images
from gan_core.errors import UserError, printable

if TYPE_CHECKING:
    from gan_core.evaluation.latent_explorer import Explorer
    from gan_core.inference import Model
    from gan_core.inference.latent_directions import Absent, Effect
    from gan_core.inference.latent_space import Direction, Point

FEATURES, PICTURES = "features", "pictures"  # what is decomposed: gan_core.inference.latent_space.Of
NEIGHBOURS = 8
FEWER = (7, 5, 3)  # steps instead, where drawing takes longer than a request may
STEPS = {64: 11, 128: 7}  # pictures of a row, and a side of the plane, by image size; of larger images 5
MOST = 6  # explorers kept; each holds a few hundred pictures
_LEGEND = (
    "Components stand in the order in which what was decomposed (early features, or pictures) varies along them. The "
    "share is measured in other pictures, which were left out, so it may rise from one to the next. Below each "
    "direction stands what it changes "
    "from \N{MINUS SIGN}2 to +2 \N{GREEK SMALL LETTER SIGMA} (standard deviations of the latent vector; a class code: "
    "all of it): the mean of 8 pairs of pictures of this run, with its 95 % confidence interval."
)
_LOST = "what was chosen on the page did not arrive: reload it"


@dataclass(frozen=True)
class Place:
    """What a visitor looks at: all that the sheets of a view follow from."""

    run: str
    label: str | None
    of: str
    across: str
    up: str
    turn: float  # of a neighbour, as a share of a right angle
    other: str | None  # a second run that draws the same latent vectors
    seed: int
    point: "Point"
    number: int = 0  # of the view
    moves: int = 0  # since the seed
    steps: int = 0  # pictures of a row, and a side of the plane; 0: as many as suit the image size


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The points around a place, and where on its row or side each of its own coordinates is."""

    rows: list[list["Point"]]
    plane: list[list["Point"]]  # from the top; empty if the two directions span none
    near: list["Point"]
    stops: list[np.ndarray]  # of the rows
    sides: list[np.ndarray]  # of the plane: across, and up
    refusal: str  # why there is no plane


class Explorers:
    """The most recently used explorers, shared by all visitors, by the weights that they were made of."""

    def __init__(self, models: ModelCache) -> None:
        self.models = models
        self._known: OrderedDict[tuple[str, tuple[int, int], str | None], Explorer] = OrderedDict()
        self._lock = threading.Lock()  # of the dictionary
        self._making = threading.Lock()  # one at a time: each takes all cores for a second or two

    def get(self, run: str, label: str | None) -> "Explorer":
        """Return the explorer of a run, and of a class of a conditional one.

        Raises:
            UserError: There is no such run or class, it has no latent vectors, or it draws one picture only.
        """
        model = self.models.get(run)
        label = label or next(iter(model.classes), None)  # what a call without a class means: computed once, not twice
        key = (model.run.name, _identity(model), label)
        with self._making:
            with self._lock:
                found = self._known.get(key)
                if found:
                    self._known.move_to_end(key)
                    return found
            from gan_core.evaluation.latent_explorer import Explorer  # imports torch: only when a visitor needs it

            made = Explorer(model, label)
            with self._lock:
                self._known[key] = made
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        return made

    def is_ready(self, run: str, label: str | None) -> bool:
        with self._lock:
            return any(name.endswith(run) and known == (label or None) for name, _, known in self._known)


def _identity(model: "Model") -> tuple[int, int]:
    """Return what changes with the weights of a run."""
    try:
        found = model.run.weights.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def steps_for(image_size: int) -> int:
    return next((steps for size, steps in STEPS.items() if image_size <= size), 5)


def start(
    explorer: "Explorer",
    run: str,
    label: str | None,
    of: str | None,
    seed: FieldValue,
    turn: FieldValue,
    other: str | None,
) -> Place:
    """Return the place of a seed, with the first two components as its plane.

    Raises:
        UserError: A number is missing or out of range.
    """
    number, share = checked_seed(seed), checked_turn(turn)
    known = _of(of)
    names = [one.name for one in explorer.quick(known)]
    return Place(
        run, label, known, names[0], names[min(1, len(names) - 1)], share, other, number, explorer.space.point(number)
    )


def checked_turn(value: FieldValue) -> float:
    """Return the step to neighbours. Raises UserError: the field is empty or out of range."""
    share = checked_number(value)
    if not 0 < share <= 1:
        raise UserError(f"a step of {share:g}: use a number above 0, up to 1")
    return share


def offered(explorer: "Explorer", place: Place) -> list["Direction"]:
    """Return the directions that the page shows now: those that are measured come when they are."""
    return explorer.directions(_of(place.of)) if explorer.is_fitted else explorer.quick(_of(place.of))


def surroundings(explorer: "Explorer", place: Place, directions: Sequence["Direction"]) -> Surroundings:
    """Return the points that the page can show without another question."""
    from gan_core.inference.latent_space import beside

    space, steps = explorer.space, place.steps or steps_for(explorer.space.model.config.image_size)
    stops = [one.stops(place.point, steps) for one in directions]
    rows = [
        [space.moved(place.point, one, float(stop)) for stop in row] for one, row in zip(directions, stops, strict=True)
    ]
    near = space.near(place.point, place.turn * np.pi / 2, NEIGHBOURS, place.seed + place.moves)
    try:
        across = explorer.direction(place.across, _of(place.of))
        up = beside(across, explorer.direction(place.up, _of(place.of)))
    except UserError as error:
        return Surroundings(rows, [], near, stops, [], str(error))
    sides = [across.stops(place.point, steps), up.stops(place.point, steps)]
    plane = [
        [space.moved(space.moved(place.point, up, float(y)), across, float(x)) for x in sides[0]]
        for y in sides[1][::-1]
    ]
    return Surroundings(rows, plane, near, stops, sides, "")


def moved(explorers: Explorers, places: Sequence[Place], text: str) -> Place:
    """Return the place that a visitor went to, by what the page's script sent.

    places: those that the page may still show, the newest last.

    Raises:
        UserError: It is none of what the script sends, or the place is not known any more.
    """
    try:
        given = json.loads(text)
        number, kind, cell = int(given["view"]), str(given["kind"]), [int(one) for one in given["cell"]]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise UserError(_LOST) from None
    place = next((one for one in places if one.number == number), None)
    if place is None or len(cell) != 2 or min(cell) < 0:
        raise UserError(_LOST)
    explorer = explorers.get(place.run, place.label)
    around = surroundings(explorer, place, offered(explorer, place))
    points = {"row": around.rows, "plane": around.plane, "near": [around.near]}.get(kind, [])
    if cell[0] >= len(points) or cell[1] >= len(points[cell[0]]):
        raise UserError(_LOST)
    return replace(place, point=points[cell[0]][cell[1]], moves=place.moves + 1)


def view(explorers: Explorers, place: Place) -> tuple[Place, str]:
    """Draw everything around a place, as HTML that nobody sees, for the page's script.

    Return the place with it: where a request may not take as long as drawing all, it has fewer steps.

    Raises:
        UserError: The run cannot be loaded, or draws too slowly.
    """
    explorer = explorers.get(place.run, place.label)
    directions = offered(explorer, place)
    own = explorer.space.model
    full = steps_for(own.config.image_size)
    place, around, drawn = _drawn_in_time(explorer, place, directions)
    notes = []
    if place.steps and place.steps < full:
        notes.append(f"This machine is slow just now: sliders and plane have {place.steps} steps instead of {full}.")
    told: dict[str, Any] = {
        "view": place.number,
        "size": own.config.image_size,
        "name": own.run.folder.name,
        "rows": [
            {
                "name": one.name,
                "stops": [round(float(stop), 2) for stop in stops],
                "at": int(np.abs(stops - one.place(place.point)).argmin()),
                "code": one.to is not None,
            }
            for one, stops in zip(directions, around.stops, strict=True)
        ],
        "plane": _plane(explorer, place, around),
        "refusal": _sentence(around.refusal),
        "sheets": [drawn],
        "caption": caption(own, place),
    }
    if place.other and place.other != place.run:
        try:
            from gan_core.inference.latent_space import draw_by_other

            second = explorers.models.get(place.other)
            told["sheets"].append(
                _second(second, lambda points: draw_by_other(second, explorer.space, points), around, place.point)
            )
            told["other"] = place.other.rpartition("/")[2]
            if "here" in told["sheets"][-1]:
                notes.append(f"{told['other']} is slow just now: its picture follows when you let go.")
        except UserError as error:
            notes.append(_sentence(str(error)))
    told["note"] = " ".join(notes)
    return place, f'<div class="view" hidden data-view="{html.escape(json.dumps(told))}"></div>'


def _drawn_in_time(
    explorer: "Explorer", place: Place, directions: Sequence["Direction"]
) -> tuple[Place, Surroundings, dict[str, str]]:
    """Draw what is around a place, with fewer steps where a request may not take as long as all of them."""
    space = explorer.space
    most = place.steps or steps_for(space.model.config.image_size)
    for steps in (place.steps, *(fewer for fewer in FEWER if fewer < most)):
        tried = replace(place, steps=steps)
        around = surroundings(explorer, tried, directions)
        try:
            return tried, around, _sheets(space.model, space.draw, around)
        except UserError:
            space.draw([place.point])  # raises if it is not their number
    raise UserError(
        f"run '{space.model.run.name}' draws too slowly here just now to be explored: try again in a while, or choose "
        "a run with smaller pictures"
    )


def _second(model: "Model", draw: Any, around: Surroundings, point: "Point") -> dict[str, str]:
    """Return the second run's sheets, or its picture of the place alone where drawing all would take too long."""
    try:
        return _sheets(model, draw, around)
    except UserError:
        content = images.png_bytes(draw([point])[0], Run=model.run.folder.name)
        return {"here": data_uri(content, "image/png")}


def caption(model: "Model", place: Place) -> str:
    steps = f"{place.moves} step{'s' if place.moves > 1 else ''} from it" if place.moves else ""
    return (
        f"{', '.join(filter(None, (model.run.folder.name, place.label, f'seed {place.seed}', steps)))}: {images.NOTICE}"
    )


def download(explorers: Explorers, place: Place) -> str:
    """Return the picture of the place as a link, as HTML."""
    explorer = explorers.get(place.run, place.label)
    model = explorer.space.model
    notes = {"Run": model.run.folder.name, "Seed": str(place.seed), "Moves": str(place.moves)}
    content = images.png_bytes(explorer.space.draw([place.point])[0], **notes)
    name = picture_html.file_name(model.run.folder.name, f"seed{place.seed}", *(["moved"] if place.moves else []))
    return picture_html.links([picture_html.link(content, name, "This picture")], caption(model, place))


def rows(directions: Sequence["Direction"], absent: Sequence["Absent"], measuring: bool) -> str:
    """Return the sliders, as HTML; the script fills in their pictures."""
    found = "".join(_row(number, one) for number, one in enumerate(directions))
    missing = "".join(
        f'<p class="absent"><b>{html.escape(one.title)}</b> {html.escape(_sentence(one.reason))}</p>' for one in absent
    )
    wait = (
        picture_html.message("Measuring what the directions change. This happens once a run.", "wait")
        if measuring
        else ""
    )
    return f'<p class="below legend">{_LEGEND}</p>{wait}<div class="directions">{found}</div>{missing}'


def effects(directions: Sequence["Direction"], found: Sequence["Effect | None"]) -> str:
    """Return what each direction changes, for the page's script, as HTML that nobody sees."""
    words = [_told(way.name, one) if one else "" for way, one in zip(directions, found, strict=True)]
    return f'<div class="effects" hidden data-effects="{html.escape(json.dumps(words))}"></div>'


STAGE = """
<div class="stage">
<figure class="shown"><figcaption>&nbsp;</figcaption>
<canvas role="img" aria-label="The picture here, synthetic"></canvas>
<small class="where" aria-live="polite"></small></figure>
<figure class="shown second" hidden><figcaption></figcaption>
<canvas role="img" aria-label="The second run's picture, synthetic"></canvas>
<small class="same">The same latent vector</small></figure>
<figure class="plane"><figcaption>Plane: drag, or arrow keys</figcaption>
<div class="pad" tabindex="0" role="application" aria-label="Plane of two directions: arrow keys move in it">
<canvas></canvas><i class="spot"></i></div><small class="axes"></small><p class="message note" hidden></p></figure>
<figure class="near"><figcaption>Neighbours: click to go there</figcaption><div class="ring"></div></figure>
<p class="message slow" role="status" hidden></p>
</div>
"""


def _told(name: str, effect: "Effect") -> str:
    """Return an effect in words; it begins with what the direction is named for, where that does not change."""
    own = next((one for one in effect.changes if one.measure.title == name), None)
    fails = f"It explains {own.measure.name}, yet does not clearly change it: " if own and not own.clear else ""
    clear = [str(one) for one in effect.changes if one.clear]
    still = [one.measure.name for one in effect.changes if not one.clear]
    parts = [*clear, *([f"no clear change of {' or '.join(still)}"] if still else [])]
    return f"{fails}{'; '.join(parts)}; apart from brightness, a pixel changes by {effect.rest:.0f} grey levels"


def _row(number: int, direction: "Direction") -> str:
    name = html.escape(direction.name)
    share = (
        ""
        if direction.to is not None
        else f"{direction.share:.0%} of the pictures' variance"
        if direction.name.startswith("Component")
        else f"explains {direction.share:.0%} of it in pictures left out"
    )
    return (
        f'<div class="direction" data-row="{number}"><p><b>{name}</b> <small>{share}</small></p>'
        f'<canvas aria-hidden="true"></canvas><div><input type="range" min="0" max="1" step="any" value="0" '
        f'aria-label="{name}"><output></output></div><canvas aria-hidden="true"></canvas>'
        '<small class="effect">&nbsp;</small></div>'
    )


def _plane(explorer: "Explorer", place: Place, around: Surroundings) -> dict[str, Any]:
    if not around.plane:
        return {}
    middle = [int(np.abs(side - own).argmin()) for side, own in zip(around.sides, _own(explorer, place), strict=True)]
    turned = around.sides[1][::-1]
    return {
        "across": place.across,
        "up": place.up,
        "xs": [round(float(one), 2) for one in around.sides[0]],
        "ys": [round(float(one), 2) for one in turned],
        "at": [len(turned) - 1 - middle[1], middle[0]],
    }


def _own(explorer: "Explorer", place: Place) -> tuple[float, float]:
    from gan_core.inference.latent_space import beside

    across = explorer.direction(place.across, _of(place.of))
    return across.place(place.point), beside(across, explorer.direction(place.up, _of(place.of))).place(place.point)


def _sheets(model: "Model", draw: Any, around: Surroundings) -> dict[str, str]:
    """Draw all points in one call; return a sheet for the rows, the plane and the neighbours, as data URIs."""
    groups = {"rows": around.rows, "plane": around.plane, "near": [around.near]}
    drawn = draw([point for lines in groups.values() for line in lines for point in line])
    found, first = {}, 0
    for name, lines in groups.items():
        count = sum(map(len, lines))
        if count:
            sheet = _sheet(drawn[first : first + count], len(lines))
            found[name] = data_uri(images.png_bytes(sheet, Run=model.run.folder.name), "image/png")
        first += count
    return found


def _sheet(pictures: np.ndarray, lines: int) -> np.ndarray:
    """uint8 (lines * columns, H, W, C) -> (lines * H, columns * W, C), without a margin."""
    count, height, width, channels = pictures.shape
    columns = count // lines
    laid = pictures.reshape(lines, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return laid.reshape(lines * height, columns * width, channels)


def _of(text: str | None) -> Any:
    if text not in (FEATURES, PICTURES):
        raise UserError(f"components of '{printable(str(text), 40)}': use {FEATURES} or {PICTURES}")
    return text


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""

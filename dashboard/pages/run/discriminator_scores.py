"""The discriminator's eyes: what it takes for real, of its generator's pictures and of a picture of one's own.

Networks are loaded on demand, once for all sessions. A picture that somebody uploads is decoded in a process of its
own, scored in memory, and kept nowhere.
"""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.library.image_encoding import data_uri, png
from dashboard.library.store import SCORE_EDGES, Entry, Library
from dashboard.widgets import elements, error_boundary
from dashboard.widgets.text import plain, plain_sentence
from gan_core import images
from gan_core.config import RunConfig
from gan_core.data.readers import phantom
from gan_core.decode import image_files
from gan_core.decode.worker import DecodeWorker
from gan_core.errors import UserError
from gan_core.runs import Run

if TYPE_CHECKING:
    from gan_core.inference.discriminator import Discriminator

COUNTS = (16, 36, 64)
TRANSLATED = (4, 8, 16)  # a translator is slow
LARGEST = 2**31 - 1  # seed
TELLING = 0.2  # a share is named where the bins of the histogram leave it no more room than this
EVERY = "as in the data"
_FIRST_BODY = 3 * 10**15  # of drawn inputs; no phantom source, preview or quiz reaches so far
MEANING = (
    "A score is the discriminator's logit: how much a picture looks like the training images to this one network. It "
    "is not the chance that a picture is real, not a measure to compare runs by (each has its own scale), and **not a "
    "chance that a patient is ill**."
)


@dataclass(frozen=True, eq=False)
class ScoredPicture:
    """A generated picture and what the discriminator says of it."""

    pixels: np.ndarray  # uint8 (S, S, C)
    score: float
    kind: str  # class or domain, empty where there is none
    number: int  # of its latent, or of its input


@dataclass(frozen=True)
class ScoringRequest:
    """What is to be generated and scored."""

    folder: str
    root: str
    changed: tuple[int, int]  # when the two files of weights were written, ns
    count: int
    seed: int
    kind: str  # class, or a translator's target; empty for the data's mixture


@error_boundary.bounded
def show(library: Library, entry: Entry) -> None:
    """The section of the Run page."""
    st.subheader("The discriminators' eyes" if entry.domains else "The discriminator's eyes")
    if entry.light:
        st.caption("No weights were kept of this run: there is nothing to ask.")
        return
    if not entry.traits.has_discriminator:
        st.caption("It was trained without a discriminator: nobody judged its pictures.")
        return
    if not entry.run.discriminator.is_file():
        st.caption(
            "This run keeps no discriminator, so that nothing can be scored: train its preset again to have one."
        )
        return
    if not entry.run.weights.is_file():
        st.caption("This run has no weights yet: they come when the training ends or stops.")
        return
    st.markdown(MEANING)
    _eyes(library, entry)


@st.fragment
@error_boundary.bounded
def _eyes(library: Library, entry: Entry) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(border=True, gap="small", key="eyes-sorted"):
        show_sorted(entry)
    with right, st.container(border=True, gap="small", key="eyes-own"):
        show_own(library, entry)


def show_sorted(entry: Entry) -> None:
    """Pictures of the run's own, the most real first."""
    config, domains = entry.config, entry.domains
    assert config
    st.markdown("**Translations, the most real first**" if domains else "**Generated pictures, the most real first**")
    classes = entry.targets if domains else config.classes if entry.traits.conditional else ()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        counts = TRANSLATED if domains else COUNTS
        count = st.selectbox("Pictures", counts, 1, key="eyes_count", bind="query-params", width=110)
        seed = st.number_input("Seed", 0, LARGEST, 0, 1, key="eyes_seed", bind="query-params", width=130)
        kind = ""
        if classes:
            options = [*([] if domains else [EVERY]), *classes]
            label = "Into" if domains else "Class"
            kind = str(st.selectbox(label, options, key="eyes_class", bind="query-params", width=170))
        wanted = st.toggle("Generate and score", key="eyes", bind="query-params")
    if not wanted:
        st.caption("It takes some seconds: the networks are loaded first.")
        return
    kind = "" if kind == EVERY else kind
    request = ScoringRequest(str(entry.run.folder), str(entry.run.root), _changed(entry), count, int(seed), kind)
    with st.spinner("The generator draws, the discriminator looks…"):
        found = generated(request)
    real = sum(one.score > entry.boundary for one in found)
    beside = "" if len(found) == real or not real else " The line is where it changes its mind."
    st.markdown(f"It takes **{real} of {len(found)}** for real: those that score above {entry.boundary:g}.{beside}")
    st.html(sorted_grid(found, entry.boundary, entry.label))
    if domains:
        st.caption(
            f"Translations of drawn phantoms, judged by the discriminator of {plain(kind)}: the mean of a picture's "
            f"patches. {elements.SYNTHETIC}"
        )
    else:
        pair = (
            "It judges the pair of a picture and its latent, E(x), found by the encoder. "
            if entry.traits.encodes
            else ""
        )
        st.caption(f"{pair}{elements.SYNTHETIC}")


def sorted_grid(found: list[ScoredPicture], boundary: float, label: str) -> str:
    """Pictures with their scores as HTML; a line where the score crosses the boundary."""
    cells = []
    above = True
    for place, one in enumerate(found, start=1):
        if above and one.score <= boundary:
            above = False
            word = "from here on taken for generated" if place > 1 else "all taken for generated"
            cells.append(f'<div class="eyes-line" role="separator"><span>{word}</span></div>')
        content = data_uri(images.png_bytes(one.pixels, Run=label, Score=f"{one.score:.3f}"))
        taken = "real" if one.score > boundary else "generated"
        kind = f", {one.kind}" if one.kind else ""
        alt = html.escape(f"Number {place}, score {one.score:+.3f}, taken for {taken}{kind}; synthetic")
        below = f"<b>{_signed(one.score)}</b>" + (f" <small>{html.escape(one.kind)}</small>" if one.kind else "")
        cells.append(
            f'<figure class="eyes-one"><img src="{content}" alt="{alt}"><figcaption>{below}</figcaption></figure>'
        )
    return f'<div class="eyes-grid">{"".join(cells)}</div>'


def show_own(library: Library, entry: Entry) -> None:
    """A picture of one's own before the discriminator."""
    config = entry.config
    assert config
    st.markdown("**A picture of your own**")
    kinds = [suffix.removeprefix(".") for suffix in image_files.SUFFIXES]
    given = st.file_uploader(
        "Picture", type=kinds, key=f"eyes-file {entry.name}", label_visibility="collapsed", max_upload_size=200
    )
    if given is None:
        st.caption(f"It is made {config.image_size} px large, scored in memory, and kept nowhere.")
        return
    try:
        picture = decoder().decode(given.getvalue(), given.name)
        if reason := doubt(picture, config):
            st.warning(reason, icon=":material/help:")
            if not st.checkbox("Score it all the same", key=f"eyes-insist {entry.name}"):
                return
        seen = fitted(picture, entry)
        with st.spinner("The discriminator looks…"):
            scores = own(str(entry.run.folder), str(entry.run.root), _changed(entry), seen)
    except UserError as error:
        st.error(plain_sentence(str(error)), icon=":material/error:")
        return
    content = data_uri(png(seen.transpose(2, 0, 1), synthetic=False))
    alt = f"Your picture as the discriminator sees it, {config.image_size} pixels a side"
    st.html(f'<figure class="eyes-one eyes-mine"><img src="{content}" alt="{alt}"></figure>')
    for name, score in scores.items():
        show_score(library, entry, name, score)


def show_score(library: Library, entry: Entry, name: str, score: float) -> None:
    """One score, what it is taken for, and where it lies among others."""
    as_what = f"as {plain(name)}: " if name else ""
    taken = "real" if score > entry.boundary else "generated"
    st.markdown(f"{as_what}**{plain(_signed(score))}**, taken for {taken}")
    lines = []
    epochs = library.previews(entry)
    counts = library.histograms(entry, epochs[-1]) if epochs else {}
    reach = below(counts["held_out"], score) if "held_out" in counts else (0.0, 1.0)
    if reach[1] - reach[0] <= TELLING:
        lines.append(f"{_reach(reach)} of the held-out real images of epoch {epochs[-1]}")
    if not entry.domains:
        root = str(entry.run.root)
        made = generated(ScoringRequest(str(entry.run.folder), root, _changed(entry), COUNTS[-1], 0, name))
        lines.append(f"{sum(one.score < score for one in made)} of {len(made)} generated pictures")
    if lines:
        st.caption(f"It scores higher than {' and '.join(lines)}.")


def below(counts: np.ndarray, score: float) -> tuple[float, float]:
    """The least and the most share of a histogram's scores that lie below one: how those of its own bin lie is lost."""
    own_bin = int(np.clip(np.searchsorted(SCORE_EDGES, score, "right") - 1, 0, len(counts) - 1))
    total = max(counts.sum(), 1)
    return float(counts[:own_bin].sum() / total), float(counts[: own_bin + 1].sum() / total)


def doubt(picture: np.ndarray, config: RunConfig) -> str:
    """Why a picture is not what this discriminator has learned to judge, as Markdown; empty where nothing speaks so."""
    from gan_core.inference import input_check  # its classifier brings torch

    verdict = input_check.for_run(picture, config)
    return "" if verdict.fits else plain_sentence(f"{verdict.reason}: its score will mean little")


def fitted(picture: np.ndarray, entry: Entry) -> np.ndarray:
    """A decoded picture float32 (H, W, C) in [0, 1] as the discriminator takes it, uint8 (S, S, C)."""
    config = entry.config
    assert config
    square = image_files.resize(image_files.to_channels(picture, config.channels), config.image_size, config.fit)
    return image_files.quantise(square).transpose(1, 2, 0)


@st.cache_resource(show_spinner=False)
def decoder() -> DecodeWorker:
    return DecodeWorker()


@st.cache_resource(max_entries=4, show_spinner=False)
def judge(folder: str, root: str, changed: tuple[int, int]) -> "Discriminator":
    """A run's networks, kept for everyone; anew when their files were written anew.

    Raises:
        UserError: they are missing, damaged, or do not fit.
    """
    from gan_core.inference import discriminator

    return discriminator.discriminator(Run(Path(folder), Path(root)))


@st.cache_resource(max_entries=16, show_spinner=False)
def generated(request: ScoringRequest) -> list[ScoredPicture]:
    """Generated pictures, or translations of phantoms, the highest score first.

    Raises:
        UserError: weights that are missing or do not fit, or a class that the run does not have.
    """
    eye = judge(request.folder, request.root, request.changed)
    if eye.model.domains:
        pictures, kinds = _translations(eye, request), [request.kind] * request.count
    else:
        pictures, kinds = eye.model.generate(request.count, label=request.kind or None, seed=request.seed)
    scores = eye.score(pictures, kinds if eye.labels else None)
    found = [ScoredPicture(*one) for one in zip(pictures, scores.tolist(), kinds, range(request.count), strict=True)]
    return sorted(found, key=lambda one: -one.score)


def own(folder: str, root: str, changed: tuple[int, int], picture: np.ndarray) -> dict[str, float]:
    """The scores of one picture uint8 (S, S, C), by what it is judged as; under "" where there is no choice."""
    eye = judge(folder, root, changed)
    names = eye.labels or ("",)
    scores = eye.score(np.repeat(picture[None], len(names), 0), names if eye.labels else None)
    return dict(zip(names, scores.tolist(), strict=True))


def _translations(eye: "Discriminator", request: ScoringRequest) -> np.ndarray:
    config = eye.config
    (source,) = (name for name in eye.model.domains if name != request.kind)
    kind = "colour" if phantom.in_colour(config.source) else "mri" if config.subject == "brain MRI" else "cxr"
    known = tuple(phantom.drawer(kind).CLASSES)
    same = [name for name in known if name.lower() == source.lower()]
    named = [name for name in known if name.lower() in source.lower()]
    label = (same or named or known)[0]
    first = _FIRST_BODY + request.seed * max(TRANSLATED)
    size, channels = config.image_size, config.channels
    drawn_ones = [phantom.picture(kind, label, first + number, size, channels) for number in range(request.count)]
    return eye.model.translate(
        np.stack([image_files.quantise(one).transpose(1, 2, 0) for one in drawn_ones]), request.kind
    )


def _changed(entry: Entry) -> tuple[int, int]:
    try:
        return entry.run.weights.stat().st_mtime_ns, entry.run.discriminator.stat().st_mtime_ns
    except OSError:
        return 0, 0


def _reach(shares: tuple[float, float]) -> str:
    low, high = (f"{share:.0%}" for share in shares)
    return low if low == high else f"{low.removesuffix('%')} to {high}"


def _signed(score: float) -> str:
    # Discriminators with a gradient penalty score within some hundredths.
    return f"{score:+.3f}".replace("-", "−")

"""The section "Discriminator scores" of the Run page: scores of generated images and of an uploaded image.

Networks are loaded on demand, once for all sessions. An uploaded image is decoded in a separate process, scored in
memory and never stored.
"""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.library import first_frame
from dashboard.library.image_encoding import data_uri, png
from dashboard.library.store import SCORE_EDGES, Entry, Library
from dashboard.widgets import elements, error_boundary
from dashboard.widgets.text import plain, plain_sentence
from gan_core import files, images
from gan_core.config import RunConfig
from gan_core.data.readers import phantom
from gan_core.decode import image_files
from gan_core.decode.worker import DecodeWorker
from gan_core.errors import UserError
from gan_core.runs import Run

if TYPE_CHECKING:
    from gan_core.inference.discriminator import Discriminator

COUNTS = (16, 36, 64)
TRANSLATED = (4, 8, 16)  # fewer than COUNTS, because a translator is slow
LARGEST = 2**31 - 1  # seed
OTHERS = 5  # most links to runs that keep a discriminator
TELLING = 0.2  # a share is shown only if the histogram determines it to within this width
EVERY = "as in the data"
_FIRST_BODY = 3 * 10**15  # index of the first phantom; phantom sources, previews and the quiz stay far below it
MEANING = (
    "A score is the discriminator's logit: how similar an image is to the training images, according to this one "
    "network. It is not the probability that an image is real. Scores of different runs are not comparable, because "
    "each run has its own scale. A score is **not a chance that a patient is ill**."
)


@dataclass(frozen=True, eq=False)
class ScoredPicture:
    """A generated image and its score."""

    pixels: np.ndarray  # uint8 (S, S, C)
    score: float  # logit
    kind: str  # class or domain, empty if there is none
    number: int  # index of its latent vector or its input


@dataclass(frozen=True)
class ScoringRequest:
    """A request to generate and score images; the key of their cache."""

    folder: str
    root: str
    changed: tuple[int, int]  # modification times of the two weight files, ns
    count: int
    seed: int
    kind: str  # class, or a translator's target; empty for the class frequencies of the data


@error_boundary.bounded
def show(library: Library, entry: Entry) -> None:
    """Draw the section of the Run page."""
    st.subheader("Discriminator scores")
    if reason := _why_none(entry):
        st.caption(reason)
        show_others(library)
        return
    if not files.is_regular(entry.run.weights):
        st.caption("This run has no weights yet: they are saved when the training ends or stops.")
        return
    st.markdown(MEANING)
    if entry.chosen:
        st.caption(plain(entry.chosen))
    _draw_scores(library, entry)


def _why_none(entry: Entry) -> str:
    """Return why a run has no discriminator that scores images, as a sentence; "" if it has one."""
    if entry.origin:
        return "No discriminator's scores were logged, and a run that GANray did not train keeps no discriminator."
    if entry.light:
        return "This run keeps no weights, so nothing can be scored."
    if not entry.traits.has_discriminator:
        return "This run has no discriminator that scores single images, so there are no scores to show."
    if not files.is_regular(entry.run.discriminator):
        return "This run keeps no discriminator, so nothing can be scored: train its preset again to get one."
    return ""


def show_others(library: Library) -> None:
    """Draw links to runs whose discriminator can score images."""
    scoring = [entry for entry in library.readable() if keeps_discriminator(entry)][:OTHERS]
    if not scoring:
        st.caption("No run here keeps a discriminator yet: a new training does.")
        return
    with st.container(horizontal=True, vertical_alignment="center", key="eyes-others"):
        st.caption("Runs whose discriminator is here:", width="content")
        for one in scoring:
            st.page_link("views/run/page.py", label=plain(one.label), query_params={"run": one.name}, width="content")


def keeps_discriminator(entry: Entry) -> bool:
    files_of = (entry.run.discriminator, entry.run.weights)
    return not entry.origin and entry.traits.has_discriminator and all(map(files.is_regular, files_of))


@st.fragment
@error_boundary.bounded
def _draw_scores(library: Library, entry: Entry) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(border=True, gap="small", key="eyes-sorted"):
        show_sorted(entry)
    with right, st.container(border=True, gap="small", key="eyes-own"):
        show_own(library, entry)


def show_sorted(entry: Entry) -> None:
    """Draw generated images of the run in descending order of their scores."""
    config, domains = entry.config, entry.domains
    assert config
    st.markdown(f"**{'Translated' if domains else 'Generated'} images, the highest score first**")
    classes = entry.targets if domains else config.classes if entry.traits.conditional else ()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        counts = TRANSLATED if domains else COUNTS
        count = st.selectbox("Images", counts, 1, key="eyes_count", bind="query-params", width=110)
        seed = st.number_input("Seed", 0, LARGEST, 0, 1, key="eyes_seed", bind="query-params", width=130)
        kind = ""
        if classes:
            options = [*([] if domains else [EVERY]), *classes]
            label = "Target" if domains else "Class"
            kind = str(st.selectbox(label, options, key="eyes_class", bind="query-params", width=170))
        active = st.toggle("Generate and score", key="eyes", bind="query-params")
    if not active:
        st.caption("It takes a few seconds to load the networks.")
        return
    kind = "" if kind == EVERY else kind
    request = ScoringRequest(str(entry.run.folder), str(entry.run.root), _changed(entry), count, int(seed), kind)
    with st.spinner("Generating and scoring…"):
        found = generated(request)
    real = sum(one.score > entry.boundary for one in found)
    note = "" if len(found) == real or not real else " The line marks this boundary."
    st.markdown(f"It classifies **{real} of {len(found)}** as real: those that score above {entry.boundary:g}.{note}")
    st.html(sorted_grid(found, entry.boundary, entry.label))
    if domains:
        st.caption(
            f"Translations of phantoms, scored by the discriminator of {plain(kind)}: the mean over the patches of an "
            f"image. {elements.SYNTHETIC}"
        )
    else:
        pair = (
            "It scores the pair of an image x and its latent vector E(x) from the encoder. "
            if entry.traits.encodes
            else ""
        )
        st.caption(f"{pair}{elements.SYNTHETIC}")


def sorted_grid(found: list[ScoredPicture], boundary: float, label: str) -> str:
    """Return images with their scores as HTML, with a line where the score crosses the boundary."""
    cells = []
    above = True
    for place, one in enumerate(found, start=1):
        if above and one.score <= boundary:
            above = False
            word = "from here on classified as generated" if place > 1 else "all classified as generated"
            cells.append(f'<div class="eyes-line" role="separator"><span>{word}</span></div>')
        content = data_uri(images.png_bytes(one.pixels, Run=label, Score=f"{one.score:.3f}"))
        verdict = "real" if one.score > boundary else "generated"
        kind = f", {one.kind}" if one.kind else ""
        alt = html.escape(f"Number {place}, score {one.score:+.3f}, classified as {verdict}{kind}; synthetic")
        below = f"<b>{_signed(one.score)}</b>" + (f" <small>{html.escape(one.kind)}</small>" if one.kind else "")
        cells.append(
            f'<figure class="eyes-one"><img src="{content}" alt="{alt}"><figcaption>{below}</figcaption></figure>'
        )
    return f'<div class="eyes-grid">{"".join(cells)}</div>'


def show_own(library: Library, entry: Entry) -> None:
    """Draw the upload of an image and its scores."""
    config = entry.config
    assert config
    st.markdown("**Your own image**")
    kinds = [suffix.removeprefix(".") for suffix in image_files.SUFFIXES]
    given = st.file_uploader(
        "Image", type=kinds, key=f"eyes-file {entry.name}", label_visibility="collapsed", max_upload_size=200
    )
    if given is None:
        st.caption(f"The app resizes it to {config.image_size} px, scores it in memory and does not store it.")
        return
    try:
        picture = decoder().decode(given.getvalue(), given.name, scale=config.scale)
        if reason := doubt(picture, config):
            st.warning(reason, icon=":material/help:")
            if not st.checkbox("Score it anyway", key=f"eyes-insist {entry.name}"):
                return
        seen = fitted(picture, entry)
        with st.spinner("Scoring…"):
            scores = own(str(entry.run.folder), str(entry.run.root), _changed(entry), seen)
        note = first_frame.note(decoder(), given.getvalue(), given.name)
    except UserError as error:
        st.error(plain_sentence(str(error)), icon=":material/error:")
        return
    content = data_uri(png(seen.transpose(2, 0, 1), synthetic=False))
    alt = f"Your image as the discriminator receives it, {config.image_size} pixels a side"
    st.html(f'<figure class="eyes-one eyes-mine"><img src="{content}" alt="{alt}"></figure>')
    if note:
        st.caption(plain(note))
    for name, score in scores.items():
        show_score(library, entry, name, score)


def show_score(library: Library, entry: Entry, name: str, score: float) -> None:
    """Draw a score, its class (real or generated), and its rank among the scores of other images."""
    as_what = f"as {plain(name)}: " if name else ""
    verdict = "real" if score > entry.boundary else "generated"
    st.markdown(f"{as_what}**{plain(_signed(score))}**, classified as {verdict}")
    lines = []
    epochs = library.previews(entry)
    counts = library.histograms(entry, epochs[-1]) if epochs else {}
    shares = below(counts["held_out"], score) if "held_out" in counts else (0.0, 1.0)
    if shares[1] - shares[0] <= TELLING:
        lines.append(f"{_share_range(shares)} of the held-out real images of epoch {epochs[-1]}")
    if not entry.domains:
        root = str(entry.run.root)
        made = generated(ScoringRequest(str(entry.run.folder), root, _changed(entry), COUNTS[-1], 0, name))
        lines.append(f"{sum(one.score < score for one in made)} of {len(made)} generated images")
    if lines:
        st.caption(f"It scores higher than {' and '.join(lines)}.")


def below(counts: np.ndarray, score: float) -> tuple[float, float]:
    """Return bounds (low, high) of the share of a histogram's scores below `score`.

    They differ by the share of the score's own bin, whose scores cannot be distinguished.
    """
    own_bin = int(np.clip(np.searchsorted(SCORE_EDGES, score, "right") - 1, 0, len(counts) - 1))
    total = max(counts.sum(), 1)
    return float(counts[:own_bin].sum() / total), float(counts[: own_bin + 1].sum() / total)


def doubt(picture: np.ndarray, config: RunConfig) -> str:
    """Return the reason, as Markdown, why an image does not fit the run's training data; "" if it fits."""
    from gan_core.inference import input_check  # its classifier brings torch

    verdict = input_check.for_run(picture, config)
    return "" if verdict.fits else plain_sentence(f"{verdict.reason}: its score will mean little")


def fitted(picture: np.ndarray, entry: Entry) -> np.ndarray:
    """Return a decoded image float32 (H, W, C) in [0, 1] as the discriminator's input, uint8 (S, S, C)."""
    config = entry.config
    assert config
    square = image_files.resize(image_files.to_channels(picture, config.channels), config.image_size, config.fit)
    return image_files.quantise(square).transpose(1, 2, 0)


@st.cache_resource(show_spinner=False)
def decoder() -> DecodeWorker:
    return DecodeWorker()


@st.cache_resource(max_entries=4, show_spinner=False)
def judge(folder: str, root: str, changed: tuple[int, int]) -> "Discriminator":
    """Return a run's networks, cached for all sessions and loaded again when their files change.

    Raises:
        UserError: the files are missing, damaged, or do not fit the config.
    """
    from gan_core.inference import discriminator

    return discriminator.discriminator(Run(Path(folder), Path(root)))


@st.cache_resource(max_entries=16, show_spinner=False)
def generated(request: ScoringRequest) -> list[ScoredPicture]:
    """Return generated images, or translations of phantoms, the highest score first.

    Raises:
        UserError: the weights are missing or do not fit, or the run does not have the class.
    """
    network = judge(request.folder, request.root, request.changed)
    if network.model.domains:
        pictures, kinds = _translations(network, request), [request.kind] * request.count
    else:
        pictures, kinds = network.model.generate(request.count, label=request.kind or None, seed=request.seed)
    scores = network.score(pictures, kinds if network.labels else None)
    found = [ScoredPicture(*one) for one in zip(pictures, scores.tolist(), kinds, range(request.count), strict=True)]
    return sorted(found, key=lambda one: -one.score)


def own(folder: str, root: str, changed: tuple[int, int], picture: np.ndarray) -> dict[str, float]:
    """Return the scores of an image uint8 (S, S, C) by class or domain; under "" if the discriminator has none."""
    network = judge(folder, root, changed)
    names = network.labels or ("",)
    scores = network.score(np.repeat(picture[None], len(names), 0), names if network.labels else None)
    return dict(zip(names, scores.tolist(), strict=True))


def _translations(network: "Discriminator", request: ScoringRequest) -> np.ndarray:
    config = network.config
    (source,) = (name for name in network.model.domains if name != request.kind)
    kind = "colour" if phantom.in_colour(config.source) else "mri" if config.subject == "brain MRI" else "cxr"
    known = tuple(phantom.drawer(kind).CLASSES)
    same = [name for name in known if name.lower() == source.lower()]
    named = [name for name in known if name.lower() in source.lower()]
    label = (same or named or known)[0]
    first = _FIRST_BODY + request.seed * max(TRANSLATED)
    size, channels = config.image_size, config.channels
    drawn_ones = [phantom.picture(kind, label, first + number, size, channels) for number in range(request.count)]
    return network.model.translate(
        np.stack([image_files.quantise(one).transpose(1, 2, 0) for one in drawn_ones]), request.kind
    )


def _changed(entry: Entry) -> tuple[int, int]:
    try:
        return entry.run.weights.stat().st_mtime_ns, entry.run.discriminator.stat().st_mtime_ns
    except OSError:
        return 0, 0


def _share_range(shares: tuple[float, float]) -> str:
    low, high = (f"{share:.0%}" for share in shares)
    return low if low == high else f"{low.removesuffix('%')} to {high}"


def _signed(score: float) -> str:
    # Three decimals: scores of discriminators with a gradient penalty differ by only some hundredths.
    return f"{score:+.3f}".replace("-", "−")

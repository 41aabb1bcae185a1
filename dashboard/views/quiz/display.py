"""The parts of the quiz: its images with their keys, and at the end the accuracy by GAN and the confusion matrix."""

import html
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import streamlit as st

from dashboard.charts import interval_strips
from dashboard.charts.interval_strips import Scale
from dashboard.charts.styles import GREY, Style
from dashboard.library.image_encoding import data_uri, png
from dashboard.views.quiz import questions
from dashboard.views.quiz.questions import GENERATED, REAL, PictureSet, Quiz, QuizPicture
from dashboard.views.quiz.wording import Wording
from dashboard.widgets import elements
from dashboard.widgets.components import component
from gan_core.evaluation.results import Measure

ALL = Style(GREY, "solid")  # of the line for all GANs
_HERE = Path(__file__).resolve().parents[2] / "components"
_PLAY = component(
    "ganray_quiz",
    html=(_HERE / "quiz.html").read_text(encoding="utf-8"),
    css=(_HERE / "quiz.css").read_text(encoding="utf-8"),
    js=(_HERE / "quiz.js").read_text(encoding="utf-8"),
)


def play(found: Quiz, made: PictureSet, words: Wording, begun: str, fresh: bool, attempt: int) -> str:
    """Draw the images and the two answers; return all answers that the browser has sent.

    All images are in the page from the start. What the page gets stays the same during a quiz, so that it is sent once.

    begun: the answers that the server had when the page was drawn first; fresh: whether the user has just started the
    quiz, so that what the browser remembers of an earlier one is forgotten.
    """
    choices = [
        {"answer": REAL, "label": words.word.capitalize(), "keys": words.keys},
        {"answer": GENERATED, "label": words.answer(GENERATED).capitalize(), "keys": ("G",)},
    ]
    data: dict[str, object] = {
        "key": found.key,
        "question": words.question,
        "choices": choices,
        "begun": begun,
        "fresh": fresh,
    }
    data["pictures"] = [source(picture) for picture in made.pictures]
    sent = _PLAY(data=data, key=f"quiz-play-{attempt}", on_answers_change=_nothing).answers
    return sent if isinstance(sent, str) else ""


def _nothing() -> None:
    """Do nothing: the answers are read where the quiz is drawn."""


def source(picture: QuizPicture, synthetic: bool = False) -> str:
    """Return the address of an image, which holds the image itself.

    Without `synthetic`, real and generated images are encoded alike, so that the file does not give the answer away.
    """
    return data_uri(png(picture.pixels, synthetic))


def _image(picture: QuizPicture, alt: str, synthetic: bool) -> str:
    return f'<img src="{source(picture, synthetic)}" alt="{html.escape(alt)}" draggable="false">'


def show_results(found: Quiz, made: PictureSet, answers: str, words: Wording, styles: Mapping[str, Style]) -> None:
    """Show the results; `styles` holds those of the runs by their labels in the quiz."""
    right, count = questions.accuracy(made, answers)
    measure = _share(right, count)
    st.subheader(f"{right} of {count} right: {measure.value:.0%}", anchor=False)
    st.markdown(verdict(measure, words))
    if words.note:
        st.caption(f":material/warning: {words.note}")
    with st.grid(2, min_column_width=340, key="quiz-results"):
        with st.container(border=True, height="stretch", gap="small"):
            st.markdown("**Your accuracy for each GAN**")
            st.html(accuracies(made, answers, styles))
            st.caption(
                f"Over the images of a GAN and as many {words.word} images. Bars are 95% intervals (Wilson). The "
                "middle line marks guessing (50%)."
            )
        with st.container(border=True, height="stretch", gap="small"):
            st.markdown("**Your answers**")
            st.html(confusion(made, answers, words, list(styles)))
            st.caption("Rows are the truth, columns your answers.")
    name = f"quiz_seed{found.seed}.csv"
    st.download_button(
        "Answers (CSV)",
        questions.to_csv(found, made, answers, words.word),
        name,
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="quiz-csv",
    )
    show_pictures(found, made, answers, words)
    st.caption(elements.SYNTHETIC)


def verdict(measure: Measure, words: Wording) -> str:
    """Return a sentence or two that interpret an accuracy and its 95% interval."""
    assert measure.low is not None and measure.high is not None
    interval = f"With {measure.count} images, the 95% interval is {measure.low:.0%} to {measure.high:.0%}."
    if measure.low > 0.5:
        return f"{interval} You do better than guessing (50%)."
    if measure.high < 0.5:
        return f"{interval} That is worse than guessing (50%): to you, generated images look more {words.word}."
    return f"{interval} It includes guessing (50%): this does not show that you can tell them apart."


def accuracies(made: PictureSet, answers: str, styles: Mapping[str, Style]) -> str:
    """Return HTML with a line for all GANs and one for each: accuracy, its interval, and a mark at guessing."""
    scale = Scale(0, 1)
    lines = []
    for run in (None, *styles):
        right, count = questions.accuracy(made, answers, run)
        measure, look = _share(right, count), styles[run] if run else ALL
        interval = f"{right} of {count}, 95% interval {measure.low:.0%} to {measure.high:.0%}"
        name = f'{interval_strips.dot(look)}{html.escape(run or "All")}<small class="quiz-reach">{interval}</small>'
        bar = interval_strips.strip(measure, scale, look.color)
        lines.append(f'<li><span class="ev-name">{name}</span>{bar}<b>{measure.value:.0%}</b></li>')
    return f'<ul class="ev-strips">{"".join(lines)}</ul>'


def confusion(made: PictureSet, answers: str, words: Wording, runs: list[str]) -> str:
    """Return the confusion matrix as HTML: rows are real, drawn, generated and each GAN's images; columns: answers."""
    kinds = {picture.drawn for picture in made.pictures if picture.truth == REAL}
    rows = [
        ("drawn phantom" if drawn else "real", questions.confusion(made, answers, REAL, drawn=drawn))
        for drawn in sorted(kinds)
    ]
    rows.append(("generated", questions.confusion(made, answers, GENERATED)))
    if len(runs) > 1:
        rows += [(f"by {run}", questions.confusion(made, answers, GENERATED, run)) for run in runs]
    lines = []
    for name, counts in rows:
        total = max(sum(counts), 1)
        cells = "".join(
            f"<td style='--share:{n / total:.3f}'><b>{n}</b><small>{n / total:.0%}</small></td>" for n in counts
        )
        lines.append(f"<tr><th scope='row'>{html.escape(name)}</th>{''.join(cells)}</tr>")
    heads = "".join(f"<th scope='col'>taken for {words.answer(answer)}</th>" for answer in (REAL, GENERATED))
    return (
        f"<table class='ev-confusion'><thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def show_pictures(found: Quiz, made: PictureSet, answers: str, words: Wording) -> None:
    """Show each image with the truth and the answer."""
    st.subheader("The images")
    here = {part.label: part.source for part in found.parts}
    if any(here[p.run] and not here[p.run].startswith("phantom:") for p in made.pictures):
        st.markdown(":gray-badge[:material/lock: real images: they stay on this machine]")
    cards = []
    for number, (picture, answer) in enumerate(zip(made.pictures, answers, strict=True), start=1):
        right = picture.truth == answer
        what = describe(picture, here[picture.run])
        sign = "✓ right" if right else "✗ wrong"
        kind = f", {html.escape(picture.kind)}" if picture.kind else ""
        below = (
            f"<b>{number}. {html.escape(what)}</b>{kind}<small>taken for {words.answer(answer)}: "
            f"<span class='{'quiz-right' if right else 'quiz-wrong'}'>{sign}</span></small>"
        )
        alt = f"Image {number}: {what}, taken for {words.answer(answer)}"
        image = _image(picture, alt, synthetic=picture.truth == GENERATED)
        cards.append(f'<figure class="quiz-told">{image}<figcaption>{below}</figcaption></figure>')
    st.html(f'<div class="quiz-grid">{"".join(cards)}</div>')


def describe(picture: QuizPicture, source: str) -> str:
    """Return the origin of an image in a few words."""
    if picture.truth == GENERATED:
        return f"generated by {picture.run}"
    if not source:
        return "drawn phantom in place of a real image"
    return "drawn phantom" if source.startswith("phantom:") else "real"


def _share(hits: int, count: int) -> Measure:
    from gan_core.evaluation import classification_report  # it imports scikit-learn, which other pages do not need

    return replace(classification_report.share(hits, count), floor=0.5)

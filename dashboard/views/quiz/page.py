"""The page Quiz: real, drawn or generated? Twenty images, one at a time; answers and accuracy come at the end."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.charts.styles import run_styles
from dashboard.library import best_first, data_here, public_data, store
from dashboard.library.public_data import PublicData
from dashboard.library.store import Entry
from dashboard.views.quiz import display, questions, serving, wording
from dashboard.views.quiz.questions import COUNT, GENERATED, MOST, REAL, Quiz
from dashboard.views.quiz.wording import Wording
from dashboard.widgets import elements, error_boundary, linked_runs
from dashboard.widgets.text import plain, plain_sentence, source_name
from gan_core.errors import UserError

LARGEST = 2**31 - 1  # seed
BEGUN = "quiz begun"  # in the session: (key of the quiz, answers when it was drawn first, whether it is a new start)
ATTEMPT = "quiz attempt"  # in the session: how often a quiz was started
AT_THE_END = "Answers are shown only at the end, because feedback would train you during the quiz."


def main() -> None:
    library = store.library()
    entries = library.entries()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Quiz", width="content")
        question = st.container(width="content")
    if not [entry for entry in entries if entry.config]:
        elements.no_runs()
        elements.unreadable(entries)
        return
    usable = questions.usable(entries)
    if not usable:
        st.info(
            "No run here has weights yet. A training writes them when it ends or stops.", icon=":material/hourglass:"
        )
        elements.unreadable(entries)
        return
    stage, setup = st.container(), st.container()
    with setup:
        found, chosen = choose(usable)
    with stage:
        if found is None:
            st.info("Choose one run or more for the quiz.", icon=":material/arrow_downward:")
        else:
            question.caption(f"{wording.of(found).question} Can you tell?", width="content")
            play(found, chosen)
    elements.unreadable(entries)


def best_of_its_kind(entry: Entry) -> tuple[Any, ...]:
    """Sort generators before translators, and the best of each first; entry: with a readable config."""
    assert entry.config
    return entry.task != "generate", *best_first.place(entry.run, entry.config)


def choose(usable: list[Entry]) -> tuple[Quiz | None, list[Entry]]:
    """Return the quiz and its runs that the user sets up.

    The form stays on the page during the quiz, because the address would lose its values otherwise.
    """
    by_name = {entry.name: entry for entry in usable}
    first = [min(usable, key=best_of_its_kind).name]
    with st.expander("Settings, and a link for a class", icon=":material/tune:", key="quiz-setup"):
        names = linked_runs.multiselect("GANs", list(by_name), first, "quiz", MOST)
        linked_runs.say_missing("quiz")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            words = "The same runs and the same seed give everyone the same images in the same order."
            seed = st.number_input(
                "Seed", 0, LARGEST, 1, 1, key="quiz_seed", bind="query-params", width=160, help=words
            )
            words = (
                "A folder on the machine that runs this app, with the data of the runs. Its images stay there. "
                f"For a whole class, set {data_here.DATA_VARIABLE} for the app instead: then everyone gets the same "
                "quiz."
            )
            folder = st.text_input("Folder of the real images", key="quiz_data", placeholder="a folder", help=words)
        chosen = [by_name[name] for name in names if name in by_name]
        elements.chip_colors("quiz", chosen, run_styles(chosen))
        if not chosen:
            return None, []
        found = questions.compose(chosen, seed, folder.strip())
        show_sources(found, chosen)
        serving.show_link(found)
    return found, chosen


def show_sources(found: Quiz, chosen: list[Entry]) -> None:
    """Show where the real images of each run come from."""
    origins: dict[str, list[str]] = {}
    for part, entry in zip(found.parts, chosen, strict=True):
        assert entry.config
        origins.setdefault(origin(part.source, entry.config.source), []).append(part.label)
    for words, labels in origins.items():
        st.caption(f"{words} Runs: {plain(', '.join(labels))}.")


def to_get(known: Sequence[PublicData]) -> str:
    """Return where public data can be had and how the quiz uses it, as Markdown."""
    named = "; ".join(one.markdown for one in known)
    folders = " and ".join(f"`{folder}`" for folder in dict.fromkeys(one.folder for one in known))
    return (
        f"These GANs learned from public data: {named}. To use a local copy, name its folder in the settings "
        f"below, or start the app with `{data_here.DATA_VARIABLE}=FOLDER`, where FOLDER holds {folders}."
    )


def origin(here: str, source: str) -> str:
    """Return the origin of the real images of a run, as Markdown."""
    name = plain(source_name(source))
    if here.startswith("phantom:"):
        return f":material/draw: **Real** means drawn phantoms here: the data is {name}. No training saw them."
    if here:
        return f":material/lock: Real images: held-out images of {name}. They stay on this machine."
    return (
        f":material/warning: **Drawn phantoms replace the real images**: {name} is not on this machine. Generated "
        "images look like the real ones, not like phantoms, so the result is only practice."
    )


def play(found: Quiz, chosen: list[Entry]) -> None:
    """Show the current state of the quiz; the address holds the answers, so that a reload continues."""
    answers = answers_in_address(found)
    words = wording.of(found)
    if answers is None:
        show_start(found, chosen, words)
        return
    try:
        with st.spinner("Generating images and reading real ones…"):
            made = questions.make(found)
    except UserError as error:
        st.error(plain_sentence(str(error)), icon=":material/error:")
        st.button("Back", on_click=_forget, icon=":material/arrow_back:", key="quiz-back")
        return
    for note in made.notes:
        st.caption(f":material/warning: {plain_sentence(note)}")
    if len(answers) < len(made.pictures):
        begin(found, answers)
        st.fragment(_ask, key="quiz-ask")(found, words)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Next quiz", on_click=_next, type="primary", icon=":material/skip_next:", key="quiz-next")
        st.button("Restart", on_click=_start, args=(found,), icon=":material/replay:", key="quiz-again")
    look = run_styles(chosen)
    display.show_results(found, made, answers, words, {part.label: look[part.run] for part in found.parts})


def answers_in_address(found: Quiz) -> str | None:
    """Return the answers in the address if they belong to this quiz; None where it has not begun."""
    key, dash, answers = str(st.query_params.get("answers", "")).partition("-")
    return answers if dash and key == found.key and answers_are_valid(answers) else None


def answers_are_valid(answers: str) -> bool:
    """Return whether a text is answers: it comes from an address or a browser, and may be anything."""
    return len(answers) <= COUNT and not set(answers) - {REAL, GENERATED}


def show_start(found: Quiz, chosen: Sequence[Entry], words: Wording) -> None:
    with st.container(border=True, horizontal_alignment="center", key="quiz-start"):
        st.space("small")
        st.markdown(f"### {words.title}", text_alignment="center", width="content")
        keys = f"Press **{words.keys[0]}** for {words.word} and **G** for generated, or use the buttons."
        st.markdown(f"{keys} {AT_THE_END}", text_alignment="center", width=520)
        st.button("Start", on_click=_start, args=(found,), type="primary", icon=":material/play_arrow:", key="quiz-go")
        if words.note:
            st.caption(f":material/warning: {words.note}", text_alignment="center", width=520)
        missing = [entry.config for part, entry in zip(found.parts, chosen, strict=True) if not part.source]
        if known := public_data.of(config for config in missing if config):
            st.caption(f":material/download: {to_get(known)}", text_alignment="center", width=640)
        st.space("small")


def begin(found: Quiz, answers: str) -> None:
    """Remember with which answers this session draws the quiz first: what the browser gets must not change later."""
    key, at_first, _ = st.session_state.get(BEGUN, ("", "", False))
    if key != found.key or not answers.startswith(at_first):
        st.session_state[BEGUN] = (found.key, answers, False)


@error_boundary.bounded
def _ask(found: Quiz, words: Wording) -> None:
    """Show the images one after the other, and record the answers in the address as they come."""
    made = questions.make(found)
    _, begun, fresh = st.session_state[BEGUN]
    with st.container(key="quiz-question"):
        sent = display.play(found, made, words, begun, fresh, st.session_state.get(ATTEMPT, 0))
    known = answers_in_address(found)
    if known is None or len(sent) <= len(known) or not sent.startswith(known) or not answers_are_valid(sent):
        return
    st.query_params["answers"] = f"{found.key}-{sent}"
    if len(sent) >= len(made.pictures):
        st.rerun()


@error_boundary.action
def _start(found: Quiz) -> None:
    st.query_params["answers"] = f"{found.key}-"
    st.session_state[BEGUN] = (found.key, "", True)
    st.session_state[ATTEMPT] = st.session_state.get(ATTEMPT, 0) + 1


@error_boundary.action
def _forget() -> None:
    st.query_params.pop("answers", None)
    st.session_state.pop(BEGUN, None)


@error_boundary.action
def _next() -> None:
    st.session_state["quiz_seed"] = (int(st.session_state.get("quiz_seed", 1)) + 1) % (LARGEST + 1)
    _forget()


main()

"""The page Quiz: real or generated? Twenty images, one at a time; the truth and the accuracy come at the end."""

from urllib.parse import urlencode

import streamlit as st

from dashboard.charts.styles import run_styles
from dashboard.library import data_here, store
from dashboard.library.store import Entry
from dashboard.views.quiz import display, questions
from dashboard.views.quiz.questions import COUNT, GENERATED, MOST, REAL, PictureSet, Quiz
from dashboard.widgets import elements, error_boundary, linked_runs
from dashboard.widgets.text import plain, plain_sentence, source_name
from gan_core.errors import UserError

LARGEST = 2**31 - 1  # seed
AT_THE_END = (
    "The truth comes at the end. If it came after each image, you would learn the habits of these GANs on the way, and "
    "the last answers could not be compared with the first."
)


def main() -> None:
    library = store.library()
    entries = library.entries()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Quiz", width="content")
        st.caption("Real or generated? Can you tell?", width="content")
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
    setup = st.container()
    stage = st.container()
    with setup:
        found, chosen = choose(usable)
    with stage:
        if found is None:
            st.info("Choose one run or more for the quiz.", icon=":material/arrow_upward:")
        else:
            play(found, chosen)
    # Mounted before the quiz starts, so that its script is loaded by the first image.
    display.listen()
    elements.unreadable(entries)


def choose(usable: list[Entry]) -> tuple[Quiz | None, list[Entry]]:
    """Return the quiz and its runs that the user sets up.

    The form folds during the quiz but stays on the page, because the address would lose its values otherwise.
    """
    by_name = {entry.name: entry for entry in usable}
    first = [name for name in store.FIRST if name in by_name] or list(by_name)[:4]
    begun = "answers" in st.query_params
    # A new key, because an expander keeps its open state.
    key = "quiz-setup-folded" if begun else "quiz-setup"
    with st.expander("Settings", expanded=not begun, icon=":material/tune:", key=key):
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
        show_link(found)
    return found, chosen


def show_sources(found: Quiz, chosen: list[Entry]) -> None:
    """Show where the real images of each run come from."""
    origins: dict[str, list[str]] = {}
    for part, entry in zip(found.parts, chosen, strict=True):
        assert entry.config
        origins.setdefault(origin(part.source, entry.config.source), []).append(entry.label)
    for words, labels in origins.items():
        st.caption(f"{words} Runs: {plain(', '.join(labels))}.")


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


def show_link(found: Quiz) -> None:
    """Show the address that starts this quiz, to share it."""
    query = urlencode([*(("quiz", part.run) for part in found.parts), ("quiz_seed", found.seed)])
    base = str(st.context.url or "").partition("?")[0]
    st.caption("This address starts the same quiz, for example for a whole class.")
    st.code(f"{base}?{query}", language=None, wrap_lines=True)


def play(found: Quiz, chosen: list[Entry]) -> None:
    """Show the current state of the quiz; the address holds the answers, so that a reload continues."""
    answers = answers_in_address(found)
    if answers is None:
        show_start(found)
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
        ask(found, made, answers)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Next quiz", on_click=_next, type="primary", icon=":material/skip_next:", key="quiz-next")
        st.button("Restart", on_click=_start, args=(found,), icon=":material/replay:", key="quiz-again")
    display.show_results(found, made, answers, run_styles(chosen), {entry.label: entry for entry in chosen})


def answers_in_address(found: Quiz) -> str | None:
    """Return the answers in the address if they belong to this quiz; None where it has not begun."""
    key, dash, answers = str(st.query_params.get("answers", "")).partition("-")
    if not dash or key != found.key or len(answers) > COUNT or set(answers) - {REAL, GENERATED}:
        return None
    return answers


def show_start(found: Quiz) -> None:
    with st.container(border=True, horizontal_alignment="center", key="quiz-start"):
        st.space("small")
        st.markdown(f"### {COUNT} images, half of them real", text_alignment="center", width="content")
        words = "Press **R** for real and **G** for generated, or use the buttons."
        st.markdown(f"{words} {AT_THE_END}", text_alignment="center", width=520)
        st.button("Start", on_click=_start, args=(found,), type="primary", icon=":material/play_arrow:", key="quiz-go")
        st.space("small")


def ask(found: Quiz, made: PictureSet, answers: str) -> None:
    """Show the current image and the two answer buttons."""
    number = len(answers) + 1
    total = len(made.pictures)
    with st.container(horizontal_alignment="center", key="quiz-question"):
        st.progress((number - 1) / total, f"Image {number} of {total}", width=420)
        st.html(display.question(made.pictures[number - 1], number, total))
        # The grid keeps its cells while the buttons change, so that a quick click does not miss.
        with st.container(width=420), st.grid(2, min_column_width=130) as grid:
            for answer, icon in ((REAL, ":material/person:"), (GENERATED, ":material/auto_awesome:")):
                word = questions.WORDS[answer]
                grid.cell().button(
                    f"{word.capitalize()} :gray[(**{answer}**)]",
                    on_click=_answer,
                    args=(found, number, answer),
                    icon=icon,
                    width="stretch",
                    # The number in the key keeps a late click from answering the next image.
                    key=f"answer-{word}-{number}",
                )
        st.caption("The truth comes at the end.", width="content")


@error_boundary.action
def _answer(found: Quiz, number: int, answer: str) -> None:
    answers = answers_in_address(found)
    if answers is not None and len(answers) == number - 1:
        st.query_params["answers"] = f"{found.key}-{answers}{answer}"


@error_boundary.action
def _start(found: Quiz) -> None:
    st.query_params["answers"] = f"{found.key}-"


@error_boundary.action
def _forget() -> None:
    st.query_params.pop("answers", None)


@error_boundary.action
def _next() -> None:
    st.session_state["quiz_seed"] = (int(st.session_state.get("quiz_seed", 1)) + 1) % (LARGEST + 1)
    _forget()


main()

"""The guided tour: its steps through the real pages, as plain values that the browser plays."""

from dataclasses import asdict, dataclass
from typing import Any

from dashboard.library import pages, store
from gan_core import files, runs

# Shipped runs that differ, the last of which was ill: its discriminator was far ahead for half of the training.
COMPARED = (*store.FIRST[:3], "reference/bigan_seed")
_ILL = " In the fourth place is, on purpose, bigan_seed, a plain BiGAN: one thing went wrong with it."
_BACK = " Here bigan itself is back in the fourth place."


@dataclass(frozen=True)
class Step:
    """A step: where it is, what it says and what it does there.

    target: a CSS selector of what it marks. `>>>` enters the shadow root of a component; `|` separates alternatives,
    each of which has three seconds more than the one before. act: the name of what it does, in components/tour_acts.js.
    missing: what it says where the target does not come within `wait` seconds; empty: the step is left out.
    seconds: how long it stays. shipped: what it says besides where the runs of COMPARED are here.
    """

    page: str
    title: str
    words: str
    target: str
    act: str = ""
    missing: str = ""
    wait: int = 20
    seconds: int = 11
    shipped: str = ""


STEPS = (
    Step(
        pages.HOME,
        "Two networks, one contest",
        "The generator turns random numbers into a picture. The discriminator looks at real and generated pictures "
        "and says which is which. Each learns from the other's success. Four tabs show four ways to build them.",
        ".st-key-families >>> .tabs",
        "families",
    ),
    Step(
        "compare",
        "Before they have learned anything",
        "Here are trained GANs side by side, all drawn from the same random numbers. At epoch 0 all of them draw "
        "noise.",
        "[class*='st-key-stage'] >>> .cards",
        "first_epoch",
        missing="No run with pictures is here yet. The shipped runs come with the repository; the page Train makes "
        "one of yours.",
        seconds=14,
        shipped=_ILL,
    ),
    Step(
        "compare",
        "The scrubber moves all of them",
        "An epoch is one pass over all training images. Drag the scrubber, or press space, and watch noise become "
        "lungs. The curves below follow.",
        ".st-key-scrubber >>> .range",
        "scrub",
        seconds=12,
    ),
    Step(
        "compare",
        "What happened here?",
        "Fixed rules read the curves and name what they find, such as mode collapse or a discriminator that is far "
        "ahead. A click on an epoch shows its pictures.",
        ".st-key-happened .happened-ailment|.st-key-happened .happened-run",
        "diagnosis",
        "These runs have no curves to diagnose. Choose others above, and this page says what happened in them.",
    ),
    Step(
        "evaluate",
        "Are the pictures any good?",
        "How real, how varied, how useful, and are they copies? Every number stands beside what real images score, "
        "with the range in which chance alone would move it.",
        "[class*='st-key-answers']|.stMain h1",
        shipped=_BACK,
    ),
    Step(
        "live",
        "A normal X-ray, with COVID-19",
        "A translator changes a drawn X-ray as you watch: move the edge between before and after. It shows what the "
        "network learned, and is not for diagnosis.",
        "iframe[src*='/gradio/']",
        "translate",
        "Live has no run that translates here. With the shipped runs it turns a normal X-ray into one with COVID-19.",
        wait=45,
        seconds=16,
    ),
    Step(
        "playground",
        "See two networks play",
        "Two tiny networks learn a cloud of points, step by step, and you may break them. Try what makes a generator "
        "draw always the same.",
        "[class*='st-key-playground']|.stMain h1",
        seconds=10,
    ),
    Step(
        "train",
        "Your turn",
        "Start a training: phantoms need no data, and the first pictures come in a minute. Every word of the field is"
        " in the glossary, linked below each page, and Help starts this tour again.",
        ".st-key-start button|.stMain h1",
        seconds=10,
    ),
)


def steps() -> list[dict[str, Any]]:
    """Return the steps on pages that the app has, with their addresses, for the browser."""
    root = store.library().root
    here = all(files.is_regular(root / name / runs.CONFIG) for name in {*COMPARED, *store.FIRST})
    query = {"compare": {"runs": list(COMPARED)}, "evaluate": {"evaluated": list(store.FIRST)}} if here else {}
    return [
        {
            **asdict(step),
            "words": step.words + (step.shipped if here else ""),
            "href": pages.href(step.page, **query.get(step.page, {})),
        }
        for step in STEPS
        if pages.known(step.page)
    ]

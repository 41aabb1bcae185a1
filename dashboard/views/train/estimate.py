"""The line beside the button that starts a training: how long it will take on this machine, and what shortens it."""

import streamlit as st

from dashboard import jobs
from dashboard.library import store, training_speed
from dashboard.library.training_speed import Measurement
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain, plain_sentence
from gan_core import run_costs
from gan_core.run_costs import Speed
from gan_core.run_options import RunOptions

PATIENCE = 120.0  # seconds that a first training should take
_AGAIN = 1.0  # seconds between two looks at a measurement


def show(options: RunOptions, steps: int | None, images: int) -> None:
    """Show what a training takes; draws itself anew until that is measured.

    steps: of an epoch; None where the number of images is not known yet. images: that it trains on.
    """
    found = training_speed.measured(options)
    pending = not found.done.is_set()
    st.fragment(_line, key="estimate", run_every=_AGAIN if pending else None)(options, steps, images, found, pending)


@error_boundary.bounded
def _line(options: RunOptions, steps: int | None, images: int, found: Measurement, pending: bool) -> None:
    if pending and found.done.is_set():
        st.rerun()  # ends the redrawing
    text, fewer = estimate(options, steps, found)
    st.caption(text + (needs(options, steps, images, found.speed) if steps and found.speed else ""))
    if fewer:
        alone = " without other programs" if found.speed and found.speed.doubtful else ""
        st.button(
            f"Train {fewer} {'epoch' if fewer == 1 else 'epochs'}: about 2 minutes{alone}",
            key="fewer epochs",
            type="tertiary",
            icon=":material/bolt:",
            on_click=_set_epochs,
            args=(fewer,),
        )


@error_boundary.action
def _set_epochs(epochs: int) -> None:
    st.session_state["epochs"] = epochs


def needs(options: RunOptions, steps: int, images: int, speed: Speed) -> str:
    """Return what a training needs of memory and disk, and whether this machine has it, as Markdown."""
    memory, disk = training_speed.memory(speed, images, options), training_speed.disk(speed, steps, options)
    words = f" Memory {run_costs.size(memory)}, disk {run_costs.size(disk)}."
    free = {"memory": (memory, run_costs.free_memory()), "disk": (disk, _free_disk())}
    lacking = [f"{run_costs.size(is_free)} of {name}" for name, (needed, is_free) in free.items() if needed > is_free]
    return words + (f" :red[Only {' and '.join(lacking)} free.]" if lacking else "")


def _free_disk() -> int:
    return run_costs.free_disk(jobs.jobs().root)


def estimate(options: RunOptions, steps: int | None, found: Measurement) -> tuple[str, int]:
    """Return the line as Markdown, and the number of epochs that take two minutes if it is smaller; else 0."""
    if not found.done.is_set():
        words = "Not measured yet: this machine times a few steps, in seconds, or in a minute if it is busy."
        return f":material/hourglass_top: {words}", 0
    speed = found.speed
    if speed is None:
        return plain_sentence(f"How long it takes is not known: {found.problem}"), 0
    how = f"measured on this machine ({plain(speed.device)})"
    if steps is None:
        words = f"About {store.duration(speed.step * 1000) or 'under 1 s'} for 1000 steps, {how}."
        return f":material/timer: {words} How many steps an epoch has is known once the images were read.", 0
    whole = training_speed.seconds(speed, steps, options)
    epochs = f"{options.epochs} {'epoch' if options.epochs == 1 else 'epochs'} of {steps} steps"
    before = "drawn" if options.source.startswith("phantom:") else "read"
    words = f":material/timer: **About {store.duration(whole)}**, {how}: {epochs}, once the images are {before}."
    if speed.doubtful:
        alone = store.duration(training_speed.seconds(speed.undisturbed, steps, options))
        if alone != store.duration(whole):
            words += f" Other programs keep this machine busy: alone it would take about {alone}."
    if running := sum(job.running for job in jobs.jobs().all().values()):
        words += f" {running} {'process' if running == 1 else 'processes'} of this app at work will slow it down."
    likely = speed.undisturbed if speed.doubtful else speed
    fewer = training_speed.epochs_within(likely, steps, PATIENCE, options)
    return words, fewer if training_speed.seconds(
        likely, steps, options
    ) > 1.5 * PATIENCE and 0 < fewer < options.epochs else 0

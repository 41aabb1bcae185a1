"""What the measured distance says beside the curves: not done yet, or past its best."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gan_core.diagnostics import Diagnosed, compare, diagnose, examine, read
from gan_core.diagnostics.measured_distance import DistanceCurve
from gan_core.evaluation.results import MEASURES
from tests.helpers import made_evaluations
from tests.helpers.run_folders import make_run, settings
from tests.helpers.training_histories import EPOCHS, healthy


def measured(*values: float, reach: float = 1.0, every: int = 5) -> DistanceCurve:
    """A distance at every few epochs, each with an interval of the same width."""
    value, epoch = np.array(values), np.arange(1, len(values) + 1) * float(every)
    return DistanceCurve("frechet", epoch, value, value - reach, value + reach)


def test_curves_that_settle_are_held_against_the_distance_that_was_measured() -> None:
    settled = healthy(0)
    start = next(event for event in diagnose(settled) if event.kind == "converged")
    falling = replace(settled, distance=measured(90, 60, 50, 42, 34, 28, 22, 17, 12, 8))
    (event,) = [event for event in diagnose(falling) if event.kind == "nearer"]
    assert event.epoch == start.epoch
    assert f"{MEASURES['frechet'][0]} to real images fell from" in event.sentence
    assert event.sentence.endswith("to 8 at epoch 50: the curves do not show image quality.")
    assert event.advice == "train for longer"
    until = replace(settled, distance=measured(90, 60, 50, 42, 9, 8, 8.5, 8, 8.2, 8))
    assert {event.kind for event in diagnose(until)} == {"balance", "nearer_until"}
    past = replace(settled, distance=measured(90, 60, 50, 40, 30, 9, 5, 6, 8, reach=0.5))
    found = diagnose(past)
    assert {event.kind for event in found} == {"balance", "nearer_until", "past_best"}, "no advice against another"
    words = compare([Diagnosed("a", settings("dcgan", EPOCHS, 0), past, found)])
    assert "After that the distance to real images fell from 40 to 8 (a)." in words
    flat = replace(settled, distance=measured(8.9, 8.5, 8.2, 8, 8.2, 8.1, 8, 8.3, 8.2, 8))
    assert {event.kind for event in diagnose(flat)} == {"balance", "converged"}
    slowly = replace(settled, distance=measured(43, 27, 19, 15, 12, 10.8, 9.6, 8.8, 8, 7.2, reach=2.5))
    assert "nearer" in {event.kind for event in diagnose(slowly)}, "nearer at every look, though intervals overlap"
    few = replace(settled, distance=measured(60, 8, every=25))
    assert {event.kind for event in diagnose(few)} == {"balance", "converged"}


def test_a_generator_that_is_past_its_best_is_told_from_one_that_wavers() -> None:
    worse = replace(healthy(0), distance=measured(90, 60, 12, 6, 7, 8, 8.5, 9, 9.5, 10))
    (event,) = [event for event in diagnose(worse) if event.kind == "past_best"]
    assert event.epoch == 20
    assert event.sentence.startswith(
        f"The {MEASURES['frechet'][0]} to real images was 6 at epoch 20 and is 10 at epoch 50"
    )
    assert "its snapshot" in event.advice
    (kept,) = [event for event in diagnose(replace(worse, kept=20)) if event.kind == "past_best_kept"]
    assert kept.sentence == f"{event.sentence} The run kept the weights of epoch 20." and not kept.advice
    assert "past_best" in {event.kind for event in diagnose(replace(worse, kept=45))}, "kept others, which are worse"
    wavers = replace(worse, distance=measured(90, 60, 12, 6, 7, 8, 6.4, 7.4, 6.5, 7.9))
    assert "past_best" not in {event.kind for event in diagnose(wavers)}


def test_the_distance_is_read_from_the_evaluation(tmp_path: Path) -> None:
    run = make_run(tmp_path, "mine", "dcgan", 50, 40)
    assert read(run).distance is None
    made_evaluations.write(run, 0.9, progress=made_evaluations.progress(0.9))
    found = read(run).distance
    assert found and found.title == MEASURES["frechet"][0] and found.epoch.tolist() == list(range(5, 51, 5))
    assert (found.low < found.value).all() and (found.value < found.high).all()
    made_evaluations.write(run, 0.9, progress=made_evaluations.progress(0.9, epochs=40))
    assert read(run).distance is None, "it was trained on since"
    run.evaluation.write_text("{")
    assert read(run).distance is None
    worse = examine(run, "mine")
    worse = replace(worse, events=diagnose(replace(worse.record, distance=measured(90, 6, 7, 12))))
    assert "The distance to real images was 6 at epoch 10 and 12 at the end (mine)." in compare([worse])

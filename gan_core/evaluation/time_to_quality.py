"""Time to quality: the distances of a run's snapshots from real images, beside the training that each took.

    python -m gan_core evaluate RUN --parts progress

The run needs snapshots: train it with --snapshots.
"""

from dataclasses import replace

import numpy as np

from gan_core import inference
from gan_core.config import RunConfig
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import features, parts
from gan_core.evaluation.parts import EvaluationRequest
from gan_core.evaluation.results import Evaluation, Progress, ProgressPoint, Training
from gan_core.inference import Model
from gan_core.runs import Run


def progress(model: Model, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Measure the distances at every snapshot: equally many images, from the same latents, against the same real ones.

    Raises:
        UserError: the run has no snapshots, or one of them does not fit the run.
    """
    run = model.run
    if not run.snapshots():
        raise UserError(f"run '{run.name}' kept no snapshots: train it again with --snapshots")
    name = request.extractor or parts.choose(prepared).reports
    real = parts.Real(prepared, features.find(name), request)
    notes: list[str] = []
    floors = real.floors(request.count, None, lambda line: None)  # the `fidelity` part notes how they are made
    clock = Clock(run)
    points = []
    for epoch in run.snapshots():
        request.progress(f"{run.name}: snapshot of epoch {epoch}")
        made, _ = inference.load(run, epoch=epoch).generate(request.count, seed=request.seed)
        try:
            measured = real.distances(made, floors, notes.append)
        except UserError as error:
            notes.append(f"the snapshot of epoch {epoch} was not measured: {error}")
            continue
        step = clock.step(epoch)
        points.append(ProgressPoint(epoch, step, *_spent(model.config, clock, step), measured))
    for line in notes:
        found = parts.noted(found, line)
    size = real.features.shape[1]
    way = Progress(name, size, request.count, len(real.index), tuple(points), request.reference)
    return replace(found, progress=way)


def training(model: Model) -> Training:
    """Return a run's training; runs with the same recipe differ only in their seed."""
    run_config, run = model.config, model.run
    step = run.trained_step(run.status())
    return Training(run_config.seed, *_spent(run_config, Clock(model.run), step), run_config.recipe)


def _spent(run_config: RunConfig, clock: "Clock", step: int) -> tuple[int, float]:
    """Return the images seen and the seconds trained at a step, with those of the run that this one began as."""
    before = run_config.grown_from
    images, seconds = step * run_config.images_per_step, clock.seconds(step)
    return (images + before.images, round(seconds + before.seconds, 1)) if before else (images, seconds)


class Clock:
    """The step and the training time of a run's epochs, read from its tables."""

    def __init__(self, run: Run) -> None:
        metrics, epochs = run.metrics(), run.epochs()
        metrics.poll()
        epochs.poll()
        self._previews = dict(zip(epochs.column("epoch").tolist(), epochs.column("step").tolist(), strict=False))
        self._steps, self._seconds = (metrics.column(name) for name in ("step", "seconds"))

    def step(self, epoch: int) -> int:
        """Return the step of an epoch's preview.

        Raises:
            UserError: epochs.csv has no row for the epoch.
        """
        if epoch not in self._previews:
            raise UserError(f"epochs.csv has no row for epoch {epoch}: it does not belong to these snapshots")
        return int(self._previews[epoch])

    def seconds(self, step: int) -> float:
        """Return the training time in seconds at a step, interpolated between the rows of metrics.csv."""
        if not len(self._steps):
            return 0.0
        return round(float(np.interp(step, [0, *self._steps], [0, *self._seconds])), 1)

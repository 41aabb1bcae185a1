"""The curve of the distance to real images, measured from the snapshots of a training.

`python -m gan_core evaluate RUN --parts progress` measures it.
"""

from collections.abc import Sequence

import numpy as np

from dashboard.charts import run_metrics
from dashboard.charts.run_metrics import Chart
from dashboard.library.curves import Curve
from dashboard.library.store import Entry, Library
from gan_core import runs
from gan_core.diagnostics.measured_distance import KEYS, column
from gan_core.evaluation.results import MEASURES, Evaluation, Progress, real_images

TABLE = runs.EVALUATION  # the file of this curve, as metrics.csv is the file of others


def chart(library: Library, entries: Sequence[Entry]) -> Chart | None:
    """Return the chart of the first distance that all comparable runs have; None if there is none."""
    found = [one for entry in comparable(library, entries) if (one := progress(library, entry))]
    for key in KEYS if found else ():
        if all(key in snapshot.measures for one in found for snapshot in one.stands):
            first = found[0]
            score = first.stands[-1].measures[key].floor
            real = "" if score is None else f"; real images of other patients score {run_metrics.number(score)}"
            meaning = f"{first.generated:,} generated against {real_images(first)}, features of {first.extractor}{real}"
            return Chart(f"{MEASURES[key][0]}, measured", (column(key),), meaning)
    return None


def comparable(library: Library, entries: Sequence[Entry]) -> list[Entry]:
    """Return the runs that were measured as the first one: against the same images, with the same features."""
    found = [(entry, library.evaluation(entry)) for entry in entries if progress(library, entry)]
    known = [(entry, means(evaluation)) for entry, evaluation in found if isinstance(evaluation, Evaluation)]
    return [entry for entry, own in known if own == known[0][1]]


def means(evaluation: Evaluation) -> tuple[object, ...]:
    """Return the properties of the measurement that comparable runs share."""
    one = evaluation.progress
    assert one
    return evaluation.fingerprint, one.extractor, one.features, one.generated, one.real, one.reference


def curve(library: Library, entry: Entry, chart: Chart) -> Curve:
    """Return the distance by epoch. Epoch 0 of untrained networks is left out: its value would flatten the curve."""
    one = progress(library, entry)
    key = chart.columns[0].rpartition("/")[-1]
    trained_before = bool(entry.config and entry.config.trained_before)
    stands = [stand for stand in one.stands if stand.epoch > 0 or trained_before] if one else []
    snapshots = [stand for stand in stands if key in stand.measures]
    x = np.array([snapshot.epoch for snapshot in snapshots], np.float32)
    y = np.array([snapshot.measures[key].value for snapshot in snapshots], np.float32)
    return Curve(x, y, x, y, float(y[-1]) if len(y) else float("nan"))


def floor(library: Library, entry: Entry, chart: Chart) -> float | None:
    """Return the value of real images of other patients; None if it is unknown."""
    one = progress(library, entry)
    return one.stands[-1].measures[chart.columns[0].rpartition("/")[-1]].floor if one else None


def progress(library: Library, entry: Entry) -> Progress | None:
    """Return the measurements of a run's snapshots; None if there are none."""
    found = library.evaluation(entry)
    one = found.progress if isinstance(found, Evaluation) else None
    return one if one and one.stands else None

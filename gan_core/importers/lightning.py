"""Lightning's CSVLogger: `lightning_logs/version_3/metrics.csv`, whose rows hold some of the cells of a step, and
`hparams.yaml` beside it."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import foreign_settings
from gan_core.errors import UserError
from gan_core.importers import columns, csv_table, pictures, texts
from gan_core.importers.found import FoundTraining, ImportOptions

TABLE, OPTIONS = "metrics.csv", "hparams.yaml"
# The loader takes quadratic time for nested brackets, and seconds for 100 kB.
_LONGEST, _BRACKETS = 32 * 1024, 200
_VERSION = re.compile(r"version_(\d+)")


def read(path: Path, options: ImportOptions) -> FoundTraining:
    """Return the training of one version.

    path: its folder, its metrics.csv, or a folder of versions, of which the newest is read.

    Raises:
        UserError: there is no metrics.csv, or it cannot be read.
    """
    folder, notes = version(path) if path.is_dir() else (path.parent, ())
    training = csv_table.of_table(folder / TABLE if path.is_dir() else path, options, "lightning")
    found, words = hparams(folder / OPTIONS)
    epochs = planned(found, training)
    reason = unfinished(training, epochs)
    training = replace(
        training,
        place=folder.resolve().name,
        watched=(folder,),
        program="Lightning",
        preset="Lightning",
        settings=foreign_settings.plain(found),
        batch_size=foreign_settings.whole(found.get("batch_size"), 1, 2**16),
        epochs=epochs,
        state="stopped" if reason else "finished",
        reason=reason,
        seed=_seed(found.get("seed")),
        notes=(*training.notes, *notes, *words),
    )
    return pictures.with_pictures(training, pictures.find(folder, options.images), options)


def planned(settings: Mapping[str, Any], training: FoundTraining) -> int:
    """Return how many epochs a training was to have, by its hparams.yaml; 0 if that or how far it came is not known."""
    counted = columns.EPOCH in training.columns
    return foreign_settings.whole(settings.get("max_epochs", settings.get("n_epochs")), 1, 10**6) if counted else 0


def unfinished(training: FoundTraining, epochs: int) -> str:
    """Return why a training did not end as planned; "" if it did, or if that is not known.

    Its last row may lie before the end of the last epoch, by less than two rows are apart.
    """
    places = training.columns.get(columns.EPOCH, np.empty(0))
    places = places[np.isfinite(places)]
    if not epochs or not len(places):
        return ""
    apart = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
    if places[0] == 0 and (places == np.floor(places)).all():  # whole ones, which Lightning counts from 0
        places = places + 1
    if epochs - places[-1] < max(apart, 1e-6):
        return ""
    return f"its table ends in epoch {math.ceil(places[-1])} of {epochs}"


def _seed(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def version(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder with the table at or below a folder, and a note if others were left out.

    Raises:
        UserError: there is none.
    """
    for place in (folder, *(folder / name for name in texts.folders(folder) if name == "lightning_logs")):
        if TABLE in texts.names(place):
            return place, ()
        numbers = {int(match[1]): name for name in texts.folders(place) if (match := _VERSION.fullmatch(name))}
        found = [name for _, name in sorted(numbers.items()) if TABLE in texts.names(place / name)]
        if found:
            others = f"the newest of {len(found)} versions, {found[-1]}; name another one's folder to import that"
            return place / found[-1], (others,) if len(found) > 1 else ()
    raise UserError(f"{folder} holds no {TABLE} and no version_*/{TABLE} of Lightning's CSVLogger")


def hparams(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the settings of a hparams.yaml, and notes on what was refused. It is read by a loader that builds plain
    values only: tags that name Python objects are refused, and nothing of the file is used then."""
    import yaml

    if not path.exists() and not path.is_symlink():
        return {}, ()
    try:
        text = texts.small_text(path, _LONGEST)
        if text.count("[") + text.count("{") > _BRACKETS:
            return {}, (f"settings were left out: {path.name} nests more than settings do",)
        found = yaml.safe_load(text)
    except UserError as error:
        return {}, (f"settings were left out: {error}",)
    except yaml.constructor.ConstructorError as error:
        tag = re.search(r"tag '([^']*)'", str(error))
        named = texts.shown(tag[1].removeprefix("tag:yaml.org,2002:"), 60) if tag else "an object"
        return {}, (f"settings were left out: {path.name} asks for {named}, and GANray builds no objects of a file",)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError, TypeError, AttributeError):
        return {}, (f"settings were left out: {path.name} is no YAML",)
    return found if isinstance(found, dict) else {}, ()

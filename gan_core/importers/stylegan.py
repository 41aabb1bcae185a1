"""StyleGAN2-ADA, StyleGAN3 and R3GAN: `stats.jsonl`, `training_options.json`, `metric-fid50k_full.jsonl`, and
`fakes000200.png`, numbered by thousands of images.

Their `Loss/signs` are means of the signs of logits, from which the accuracy follows; R3GAN's are those of pairs. The
discriminator's loss of StyleGAN is the sum of both halves, of which ours is the mean.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import config, foreign_settings
from gan_core.errors import UserError
from gan_core.importers import columns, pictures, texts
from gan_core.importers.columns import Named
from gan_core.importers.found import FoundTraining, ImportOptions
from gan_core.importers.rows import Rows

STATS, OPTIONS = "stats.jsonl", "training_options.json"
FAKES = re.compile(r"fakes(\d{6,9})\.(?:png|jpg)")
_MEASURED = re.compile(r"metric-[\w.-]+\.jsonl")
_SNAPSHOT = re.compile(r"network-snapshot-(\d{6,9})\.pkl")
_KIMG = "Progress/kimg"
_SIGNS, _REAL, _FAKE = "Loss/signs/", "Loss/signs/real", "Loss/signs/fake"
_LEFT = ("Progress/tick", "Timing/", "Resources/")  # columns that say nothing of the GAN


def read(path: Path, options: ImportOptions) -> FoundTraining:
    """Return the training of a result folder, or of its stats.jsonl.

    Raises:
        UserError: there is neither a stats.jsonl nor a picture, or they cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    names = texts.names(folder)
    stats = path if not path.is_dir() else folder / STATS
    chosen = _options(folder / OPTIONS) if OPTIONS in names else {}
    fakes = {int(match[1]): folder / name for name in names if (match := FAKES.fullmatch(name))}
    if path.is_dir() and STATS not in names and not fakes:
        raise UserError(f"{path} holds neither {STATS} nor fakes000000.png")
    batch = foreign_settings.whole(chosen.get("batch_size"), 1, 2**16)
    relativistic = "R3GAN" in str(_below(chosen, "loss_kwargs", "class_name"))
    program = _program(chosen)
    rows = Rows()
    huge: set[str] = set()  # columns in which a number was too large
    kimgs = _log(stats, rows, batch, relativistic, huge) if stats.exists() or stats.is_symlink() else []
    measured = _measure(folder, names, rows, kimgs, batch, huge) if kimgs else ()
    table, left = rows.table() if len(rows) else ({}, ())
    known_loss = "relativistic" if relativistic else "cross_entropy" if program else ""
    objective = columns.objective_of(options.objective or known_loss, folder.resolve().name)
    known = {
        "Loss/D/loss": Named("loss/d", weight=1.0 if relativistic or not program else 2.0),
        "Loss/G/loss": Named("loss/g"),
        "Progress/augment": Named("augment/p"),
    } | {name: Named(name) for name in ("accuracy/d_real", "accuracy/d_fake", "accuracy/d_pairs")}
    named = columns.named([name for name in table if name not in columns.OWN], options.names, known)
    made, metrics, words = columns.finished(table, named, objective)
    size = foreign_settings.whole(_below(chosen, "training_set_kwargs", "resolution"), 1, 1024)
    steps = _steps(kimgs, batch)
    numbered = {steps(kimg): pictures.of_file(one) for kimg, one in sorted(fakes.items())}
    cut = pictures.sheets(numbered, options.grid, known_size=size)
    total = foreign_settings.whole(chosen.get("total_kimg"))
    end = max([*kimgs, *fakes], default=0)
    ended = not total or end >= total
    notes = [f"steps are batches of {batch} images" if batch else "the batch size is not known: steps are 1000 images"]
    if program and not relativistic and "Loss/D/loss" in table:
        notes.append("loss/d is half of Loss/D/loss, which is the sum over real and generated images")
    if huge:
        listed = ", ".join(texts.shown(name, 40) for name in sorted(huge)[:6])
        notes.append(f"numbers that are too large were left out, in {listed}")
    if left:
        notes.append("the log holds an earlier training: only its rows before the next one began")
    return FoundTraining(
        kind="stylegan",
        place=folder.resolve().name,
        program=program,
        preset=program or "StyleGAN",
        columns=made,
        metrics=metrics,
        pictures=cut.pictures,
        counts="step",
        objective=objective,
        source=foreign_settings.without_path(str(_below(chosen, "training_set_kwargs", "path") or "")),
        settings=foreign_settings.plain(chosen),
        image_size=cut.size or size,
        batch_size=batch,
        seed=foreign_settings.whole(chosen.get("random_seed")) if "random_seed" in chosen else None,
        state="finished" if ended else "stopped",
        reason="" if ended else f"its log ends at {end:g} of {total:g} thousand images",
        notes=(*notes, *words, *measured, *cut.notes),
    )


def _options(path: Path) -> dict[str, Any]:
    found = config.read_json(path, texts.OPTIONS_BYTES)
    return found if isinstance(found, dict) else {}


def _below(chosen: Mapping[str, Any], *keys: str) -> Any:
    found: Any = chosen
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _program(chosen: Mapping[str, Any]) -> str:
    """Return which of the programs it was, by the classes that its options name; "" if they do not tell."""
    loss, network = str(_below(chosen, "loss_kwargs", "class_name")), str(_below(chosen, "G_kwargs", "class_name"))
    if "R3GAN" in loss:
        return "R3GAN"
    if "StyleGAN2Loss" not in loss:
        return ""
    # StyleGAN3's program also trains StyleGAN2, whose networks it calls networks_stylegan2.
    return "StyleGAN3" if "networks_stylegan3" in network else "StyleGAN2-ADA"


def _log(path: Path, rows: Rows, batch: int, relativistic: bool, huge: set[str]) -> list[float]:
    """Read stats.jsonl into rows; return how many thousand images each line was logged at.

    huge: gets the names of columns in which a number was too large.
    """
    kimgs: list[float] = []
    for line in texts.json_lines(path):
        means = {name: _mean(value) for name, value in line.items() if isinstance(value, dict)}
        huge |= _too_large({name: value.get("mean") for name, value in line.items() if isinstance(value, dict)})
        kimg = means.pop(_KIMG, math.nan)
        if not 0 <= kimg < 1e9:
            continue
        accuracy = _accuracy(means, relativistic)
        left = (*_LEFT, *([_SIGNS] if accuracy else []))
        values = {name: v for name, v in means.items() if math.isfinite(v) and not name.startswith(left)} | accuracy
        values[columns.SECONDS] = means.get("Timing/total_sec", math.nan)
        speed = means.get("Timing/sec_per_kimg", 0.0)
        values[columns.SPEED] = 1000 / speed if speed > 0 else math.nan
        if kimgs and kimg < kimgs[-1]:
            rows.restart()
        kimgs.append(kimg)
        rows.add(round(kimg * 1000 / batch) if batch else int(kimg), values)
    if not kimgs:
        raise UserError(f"{path} is no log of StyleGAN: no line has '{_KIMG}'")
    return kimgs


def _mean(value: Mapping[str, Any]) -> float:
    return _number(value.get("mean"))


def _number(value: Any) -> float:
    """Return a number of a log; NaN for what is none, or is too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _too_large(values: Mapping[str, Any]) -> set[str]:
    """Return the names of whole numbers that are too large for a float."""
    return {name for name, value in values.items() if isinstance(value, int) and math.isnan(_number(int(value)))}


def _accuracy(means: Mapping[str, float], relativistic: bool) -> dict[str, float]:
    real, fake = means.get(_REAL, math.nan), means.get(_FAKE, math.nan)
    if relativistic:
        return {"accuracy/d_pairs": (1 + real) / 2} if math.isfinite(real) else {}
    found = {"accuracy/d_real": (1 + real) / 2, "accuracy/d_fake": (1 - fake) / 2}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _steps(kimgs: list[float], batch: int) -> Any:
    """Return the function from the thousands of images in a file's name to a step: that of the line of the log which
    was written with the file."""
    exact = {int(kimg): kimg for kimg in kimgs}

    def step(kimg: int) -> int:
        return round(exact.get(kimg, kimg) * 1000 / batch) if batch else kimg

    return step


def _measure(
    folder: Path, names: list[str], rows: Rows, kimgs: list[float], batch: int, huge: set[str]
) -> tuple[str, ...]:
    """Read metric-*.jsonl into rows, at the snapshots that were measured; return notes."""
    step = _steps(kimgs, batch)
    found: list[str] = []
    for name in names:
        if not _MEASURED.fullmatch(name):
            continue
        for line in texts.json_lines(folder / name):
            match = _SNAPSHOT.fullmatch(str(line.get("snapshot_pkl")))
            results = line.get("results")
            if match and isinstance(results, dict):
                values = {f"metric/{key}": _number(v) for key, v in results.items() if isinstance(v, int | float)}
                huge |= _too_large(results)
                if values and np.isfinite(list(values.values())).all():
                    rows.add(step(int(match[1])), values)
                    found += [key for key in values if key not in found]
    return (f"measured by its own program: {', '.join(map(texts.shown, found[:8]))}",) if found else ()

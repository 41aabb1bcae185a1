"""Copies trained runs into runs/reference, and checks the runs there.

    python -m tools.reference_runs ship runs/dcgan-s0 --name dcgan --sheets 11   a whole run, with 11 of its sheets
    python -m tools.reference_runs ship runs/dcgan-s1 runs/dcgan-s2 --light      its other seeds: settings and curves
    python -m tools.reference_runs thin gan_seed cgan_seed --sheets 6            fewer sheets of shipped runs
    python -m tools.reference_runs shorten merged_chests --frames 11             fewer frames of their GIFs
    python -m tools.reference_runs check                                         sizes, possible savings, faults

Previews of real inputs, checkpoints, snapshots and names of this machine are never copied.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from gan_core import files, images, runs
from gan_core.config import to_dict
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.runs import Run, Status, check_name, find_run, write_gif
from gan_core.training.previews import inputs
from tests.helpers.repository import ROOT
from tests.helpers.size_limits import ALL_RUNS, CLASSIC_RUNS, CLASSICS, MB

REFERENCE = ROOT / "runs" / runs.REFERENCE
LIGHT = (runs.CONFIG, runs.STATUS, runs.METRICS, runs.EPOCHS, runs.EVALUATION)
WHOLE = (*LIGHT, runs.WEIGHTS, runs.DISCRIMINATOR)
FEW = 6  # sheets that still show the progress of a run
MOVING = 3  # frames from which a GIF shows more than its sheets
# An absolute path at the beginning of a word.
PLACE = re.compile(r"""(?:^|[\s"'=(;])(?:/|~/|[A-Za-z]:\\+)[\w.-]+[/\\]+[\w.-]""", re.MULTILINE)


def ship(
    run: Run,
    name: str,
    *,
    light: bool,
    sheets: int | None,
    replacing: bool,
    every_frame: bool = False,
    weights: bool = True,
    root: Path = REFERENCE,
) -> Path:
    """Copy the public parts of a run and return its new folder.

    Args:
        run: the finished run.
        name: its name in `root`.
        light: copy only settings, curves and numbers.
        sheets: number of sheets to keep, the first and the last among them; None: all.
        replacing: replace a run of the same name.
        every_frame: show all sheets in the GIF, also those that are not kept.
        weights: copy the weights; without them, the run can be viewed but generates nothing new.
        root: the folder of the shipped runs.

    Raises:
        UserError: the run is not finished, the name is taken, or something in the run is private.
    """
    folder = root / check_name(name)
    if folder.exists() and not replacing:
        raise UserError(f"{name} is already in {root}: replace it with --replace")
    status = run.status()
    if status.state != "finished":
        raise UserError(f"run '{run.name}' is {status.state}: only finished runs are shipped")
    if problems := private(run):
        raise UserError(f"run '{run.name}' cannot be shipped: {'; '.join(problems)}")
    made = root / f".{name}.new"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for part in WHOLE if weights and not light else LIGHT:
        if (run.folder / part).is_file():
            shutil.copyfile(run.folder / part, made / part)
    files.write_text(made / runs.STATUS, json.dumps(to_dict(cleaned(status)), indent=2) + "\n")
    if not light and run.samples():
        (made / runs.SAMPLES).mkdir()
        for path in run.samples().values():
            shutil.copyfile(path, made / runs.SAMPLES / path.name)
    if folder.exists():
        shutil.rmtree(folder)
    made.rename(folder)
    if not light and run.samples():
        thin(Run(folder), sheets, every_frame=every_frame)
    return folder


def thin(run: Run, sheets: int | None, *, every_frame: bool = False) -> None:
    """Keep `sheets` of a run's sheets, evenly spread from the first to the last, and write its GIF again.

    The GIF shows the kept sheets; with every_frame, it shows all earlier ones. A GIF of two would show no more than
    they do: there is none.
    """
    kept = spread(list(run.samples()), sheets)
    if every_frame:
        write_gif(run, run.folder / runs.GIF)
    for epoch, path in run.samples().items():
        if epoch not in kept:
            path.unlink()
    if not every_frame:
        (run.folder / runs.GIF).unlink(missing_ok=True)
        if len(kept) >= MOVING:
            write_gif(run, run.folder / runs.GIF)


def shorten(run: Run, frames: int) -> None:
    """Keep `frames` of the frames of a run's GIF, evenly spread from the first to the last; the sheets stay.

    Raises:
        UserError: the run has no GIF, or it would have fewer frames than there are sheets.
    """
    if run.gif is None:
        raise UserError(f"run '{run.name}' has no GIF: thin it, which writes one")
    if frames < len(run.samples()):
        raise UserError(f"--frames {frames}: run '{run.name}' has {len(run.samples())} sheets; thin it first")
    with Image.open(run.gif) as gif:
        kept = spread(list(range(getattr(gif, "n_frames", 1))), frames, "--frames")
        pictures = []
        for place in kept:
            gif.seek(place)
            # The greys of the palette are kept exactly: images.save_gif writes the same ones again.
            pictures.append(np.asarray(gif.convert("L"))[:, :, None])
    images.save_gif(run.gif, pictures)


def spread(epochs: list[int], count: int | None, option: str = "--sheets") -> list[int]:
    """Return `count` of the epochs, the first and the last among them; all if there are no more.

    option: names the count in the error.

    Raises:
        UserError: the count is below 2.
    """
    if count is not None and count < 2:
        raise UserError(f"{option} {count}: keep at least the first and the last, so take 2 or more")
    if count is None or count >= len(epochs):
        return epochs
    return [epochs[int(place)] for place in np.linspace(0, len(epochs) - 1, count).round()]


def cleaned(status: Status) -> Status:
    """Return the status without the fields that identify the machine."""
    return replace(status, eta_seconds=None, reason=None, process=None, process_started=None, host=None)


def private(run: Run) -> list[str]:
    """Return the reasons why a run must not be shipped, a clause each; its private folder is never copied."""
    found = []
    config = run.config()
    if config.domains and inputs.are_private(config) and run.samples():
        found.append("its sheets start from real images")
    for name in LIGHT:
        path = run.folder / name
        if path.is_file() and (match := PLACE.search(path.read_text(encoding="utf-8"))):
            found.append(f"{name} names a folder of this machine ({match[0].strip()}...)")
    return found


def faults(run: Run) -> Iterator[str]:
    """Yield the faults of a shipped run, a sentence each."""
    yield from private(run)
    status = run.status()
    if status != cleaned(status):
        yield "status.json names the machine: ship it again"
    known = {*WHOLE, runs.GIF, runs.SAMPLES}
    yield from (f"{path.name} does not belong here" for path in sorted(run.folder.iterdir()) if path.name not in known)
    if len(run.samples()) >= MOVING and run.gif is None:
        yield "its GIF is missing"
    elif run.gif:
        with Image.open(run.gif) as gif:
            if getattr(gif, "n_frames", 1) < len(run.samples()):
                yield "its GIF has fewer frames than there are sheets: thin it again"
    if not run.evaluation.is_file():
        yield "it has no evaluation"
        return
    found = results.read(run.evaluation)
    if found.epoch != (at := run.weights_epoch(status, run.config())):
        yield f"it was evaluated at epoch {found.epoch} and its weights are of epoch {at}"
    if run.weights.is_file():
        from gan_core.evaluation.evaluate import digest

        if digest(run.weights) != found.weights:
            yield "its evaluation is of other weights"


def check(root: Path = REFERENCE) -> int:
    """Print sizes, possible savings and faults; return 1 if there is a fault."""
    found = [run for run in runs.list_runs(root.parent) if run.reference]
    wrong = [f"{run.folder.name}: {line}" for run in found for line in faults(run)]
    total, classics, savings = 0, 0, 0
    print(f"{'run':<24}{'kB':>7}{'weights':>9}{'discr.':>8}{'sheets':>8}{'of':>4}{'GIF':>7}")
    for run in found:
        sheets, gif = size(run.samples().values()), size([run.folder / runs.GIF])
        own = size(run.folder.rglob("*"))
        parts = [size([run.weights]), size([run.discriminator]), sheets]
        numbers = "".join(f"{part / 1000:>{width}.0f}" for part, width in zip(parts, (9, 8, 8), strict=True))
        print(f"{run.folder.name:<24}{own / 1000:>7.0f}{numbers}{len(run.samples()):>4}{gif / 1000:>7.0f}")
        total += own
        classics += own if run.folder.name in CLASSICS else 0
        savings += round((sheets + gif) * max(0.0, 1 - FEW / max(len(run.samples()), 1)))
    print(f"{total / MB:.1f} of {ALL_RUNS / MB:.0f} MB, the classics {classics / MB:.1f} of {CLASSIC_RUNS / MB:.0f} MB")
    twins = [run for run in found if run.folder.name.endswith("_seed")]
    discriminators = size(run.discriminator for run in twins)
    print(
        f"Possible savings: sheets beyond {FEW} a run and their frames, about {savings / MB:.1f} MB; "
        f"discriminators of the baselines, {discriminators / MB:.1f} MB"
    )
    if total > ALL_RUNS or classics > CLASSIC_RUNS:
        wrong.append("the runs are too large: thin them")
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong else 0


def size(paths: Iterable[Path]) -> int:
    """Return the total size of these files in bytes."""
    return sum(path.stat().st_size for path in paths if path.is_file())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.reference_runs", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("ship", help="copy runs into runs/reference")
    command.add_argument("runs", metavar="RUN", nargs="+", help="folders of runs")
    command.add_argument("--name", help="name in runs/reference (default: that of the folder)")
    command.add_argument("--light", action="store_true", help="settings, curves and numbers only")
    command.add_argument("--sheets", type=int, metavar="K", help="sheets to keep (default: all)")
    command.add_argument("--every-frame", action="store_true", help="show all sheets in the GIF, also those not kept")
    command.add_argument("--without-weights", action="store_true", help="copy neither generator nor discriminator")
    command.add_argument("--replace", action="store_true", help="replace a run of the same name")
    command = commands.add_parser("thin", help="keep fewer sheets of shipped runs")
    command.add_argument("runs", metavar="NAME", nargs="+")
    command.add_argument("--sheets", type=int, metavar="K", required=True)
    command = commands.add_parser("shorten", help="keep fewer frames of the GIFs of shipped runs")
    command.add_argument("runs", metavar="NAME", nargs="+")
    command.add_argument("--frames", type=int, metavar="K", required=True)
    commands.add_parser("check", help="print sizes, possible savings and faults")
    given = parser.parse_args(arguments)
    try:
        if given.command == "ship":
            if given.name and len(given.runs) > 1:
                raise UserError("--name: give one run only")
            for name in given.runs:
                run = find_run(name, runs.default_root())
                chosen = given.name or run.folder.name
                how = {"light": given.light, "every_frame": given.every_frame, "weights": not given.without_weights}
                ship(run, chosen, **how, sheets=given.sheets, replacing=given.replace)
        elif given.command == "thin":
            for name in given.runs:
                thin(find_run(f"{runs.REFERENCE}/{name}", REFERENCE.parent), given.sheets)
        elif given.command == "shorten":
            for name in given.runs:
                shorten(find_run(f"{runs.REFERENCE}/{name}", REFERENCE.parent), given.frames)
        return check()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""What each command does, told by its options; see `gan_core.cli`. Heavy packages wait until a command needs them."""

import argparse
import os
import sys
from pathlib import Path

from gan_core import catalog
from gan_core.errors import UserError
from gan_core.runs import Run, check_name, find_run, list_runs, write_gif

_FIRST = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started, the one that speaks


def _train_one(options: argparse.Namespace, preset: str, seed: int, name: str) -> int:
    from gan_core import data, plans, trainer  # torch takes a second to import: not for --help

    settled, prepared = plans.plan(
        preset,
        options.data,
        epochs=options.epochs,
        image_size=options.size,
        batch_size=options.batch_size,
        seed=seed,
        channels=options.channels,
        fit=options.fit,
        patient_pattern=options.patient_pattern,
        preview_every=options.preview_every,
        log_every=options.log_every,
        snapshots=options.snapshots,
        device=options.device,
        precision=options.precision,
        domains=options.domains,
        preview_inputs=options.preview_inputs,
        settings=options.set,
    )
    if _FIRST and (said := data.caution(settled.source, settled.domains or settled.classes)):
        print(f"warning: {said}", file=sys.stderr)
    try:
        run = trainer.train(settled, prepared, name, options.runs, options.device)
    except trainer.Diverged as error:
        print(f"error: run '{name}': {error}", file=sys.stderr)
        return 1
    if _FIRST:
        print(f"{run.folder}: {run.status().state}")
    return 0


def train(options: argparse.Namespace) -> int:
    catalog.find_preset(options.preset)
    name = options.name or _free_name(options.preset, options.runs)
    if _FIRST and (options.runs / check_name(name)).exists():
        raise UserError(f"run '{name}' exists already: choose another --name, or resume it")
    return _train_one(options, options.preset, options.seed, name)


def compare(options: argparse.Namespace) -> int:
    for preset in options.presets:
        catalog.find_preset(preset)
    if options.num < 1:
        raise UserError(f"--num {options.num}: ask for at least one")
    options.snapshots |= options.evaluate
    names = []
    failed = 0
    for seed in range(options.seeds):
        for preset in options.presets:
            stem = f"{preset}-s{seed}" if options.seeds > 1 else preset
            taken = options.resume and (options.runs / stem).exists()
            name = stem if taken else _free_name(stem, options.runs)
            failed += _take_up(options, name, preset, seed) if taken else _train_one(options, preset, seed, name)
            names.append(name)
            if find_run(name, options.runs).status().state == "stopped":
                print("stopped: the same command with --resume goes on from here", file=sys.stderr)
                return 130
    found = [find_run(name, options.runs) for name in names]
    print(_summary(found))
    if options.evaluate and _FIRST:
        _evaluate_all([run for run in found if run.weights.is_file()], options.data, options.num)
    return 1 if failed else 0


def _take_up(options: argparse.Namespace, name: str, preset: str, seed: int) -> int:
    """A run of the same comparison that is there: left as it is where it is finished, gone on with where it is not."""
    run = find_run(name, options.runs)
    settled = run.config()
    asked = (preset, seed, options.epochs, options.data)
    if (settled.preset, settled.seed, settled.epochs, settled.source) != asked:
        raise UserError(f"run '{name}' is there with another preset, seed, budget or source: leave --resume out")
    return 0 if run.status().state == "finished" else _go_on(run, options.device)


def _evaluate_all(runs: list[Run], source: str, count: int) -> None:
    """What a ranking rests on, of every run."""
    from gan_core.evaluation import evaluate, ranking

    order = evaluate.Order(("fidelity", "progress", "memorisation", "audit"), count, progress=_speak)
    print(ranking.table([evaluate.evaluate(run, source, order) for run in runs]))


def _free_name(stem: str, root: Path) -> str:
    """The stem itself, or with the first number that no run there has."""
    names = [stem, *(f"{stem}-{number}" for number in range(2, 10_000))]
    return next(name for name in names if not (root / name).exists())


def resume(options: argparse.Namespace) -> int:
    return _go_on(find_run(options.name, options.runs), options.device)


def _go_on(run: Run, device: str) -> int:
    from gan_core import trainer

    try:
        trainer.resume(run, device)
    except trainer.Diverged as error:
        print(f"error: run '{run.name}': {error}", file=sys.stderr)
        return 1
    print(f"{run.folder}: {run.status().state}")
    return 0


def show(options: argparse.Namespace) -> None:
    runs = list_runs(options.runs)
    print(_summary(runs) if runs else f"no runs in {options.runs} yet: train one, for example on --data phantom:cxr")


def _summary(runs: list[Run]) -> str:
    """A table of runs and their last values."""
    notes: list[str] = []
    rows: list[tuple[str, ...]] = [
        ("run", "preset", "state", "epoch", "loss/g", "loss/d", "acc. real", "acc. fake", "held out", "diversity")
    ]
    for run in runs:
        metrics, epochs, status = run.metrics(), run.epochs(), run.status()
        metrics.poll()
        epochs.poll()
        try:
            preset = run.config().preset
        except UserError as error:
            rows.append((run.name, "?", "unreadable", *["-"] * 7))
            notes.append(str(error))
            continue
        columns = [metrics.column(name) for name in ("loss/g", "loss/d", "accuracy/d_real", "accuracy/d_fake")]
        looks = [epochs.column(name) for name in ("accuracy/d_held_out", "diversity/samples", "diversity/data")]
        last = [f"{column[-1]:.3f}" if len(column) else "-" for column in columns]
        held = f"{looks[0][-1]:.3f}" if len(looks[0]) else "-"
        spread = f"{looks[1][-1]:.3f} of {looks[2][-1]:.3f}" if len(looks[1]) else "-"
        rows.append((run.name, preset, status.state, f"{status.epoch}/{status.epochs}", *last, held, spread))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join([*(line.rstrip() for line in lines), *notes])


def generate(options: argparse.Namespace) -> None:
    from gan_core import inference

    model = inference.load(find_run(options.name, options.runs))
    count = model.write(options.out, options.num, label=options.label, seed=options.seed)
    print(f"{count} pictures in {options.out}")


def translate(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from gan_core import hardware, inference, translation

    model = inference.load(find_run(options.name, options.runs), hardware.accelerator(options.device))
    done = translation.translate_files(
        model,
        options.images,
        options.to,
        options.out,
        original_size=options.original_size,
        insist=options.insist,
        progress=lambda files: tqdm(files, desc="translate", unit="picture", disable=None),
    )
    count = len(done.written)
    print(f"{count} picture{'' if count == 1 else 's'} in {options.out}, synthetic, not for diagnosis")
    for line in done.refused:
        print(f"error: {line}", file=sys.stderr)
    return 2 if done.refused else 0


def diagnose(options: argparse.Namespace) -> None:
    from gan_core import diagnostics

    found = [find_run(name, options.runs) for name in options.names]
    runs = [diagnostics.examine(run, run.folder.name) for run in found]
    for run in runs:
        print(run.name)
        for event in run.events:
            print(f"  {event.title}, {event.when}: {event.sentence}")
            if event.advice:
                print(f"    One would try: {event.advice}.")
        if not run.events:
            print("  Nothing to report.")
    print(diagnostics.compare(runs) or "nothing is logged yet")


def evaluate(options: argparse.Namespace) -> None:
    from gan_core.evaluation import evaluate, ranking

    runs = [find_run(name, options.runs) for name in options.names]
    if options.num < 1 or options.trainings < 1:
        raise UserError("--num and --trainings: ask for at least one")
    order = evaluate.Order(
        options.parts,
        options.num,
        options.seed,
        options.extractor,
        options.classifier,
        options.trainings,
        _speak,
    )
    found = [evaluate.evaluate(run, options.data, order) for run in runs]
    print(ranking.table(found))


def _speak(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def prepare(options: argparse.Namespace) -> None:
    from gan_core import data

    if options.folders and options.dest is None:
        raise UserError("--folders needs DEST: python -m gan_core prepare SOURCE DEST --folders")
    prepared = data.prepare(
        options.source,
        size=options.size,
        channels=options.channels,
        fit=options.fit,
        patient_pattern=options.patient_pattern,
    )
    print(data.describe(prepared))
    if options.folders:
        data.export_folders(prepared, options.dest)
        print(f"written to {options.dest}")


def export(options: argparse.Namespace) -> None:
    run = find_run(options.name, options.runs)
    out = options.out or Path(f"{run.folder.name}.gif")
    print(write_gif(run, out))

"""What each command does, told by its options; see `gan_core.cli`. Heavy packages wait until a command needs them."""

import argparse
import os
import sys
from collections.abc import Collection
from pathlib import Path

from gan_core.errors import UserError, printable
from gan_core.families import registry
from gan_core.runs import Run, check_name, find_run, hub_models, is_taken, list_runs, remote
from gan_core.training import many

_FIRST = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started, the one that speaks


def _train_one(options: argparse.Namespace, preset: str, seed: int, name: str) -> int:
    from gan_core import data
    from gan_core.training import plan, trainer  # torch takes a second to import: not for --help

    settled, prepared = plan.plan(
        preset,
        options.data,
        epochs=options.epochs,
        image_size=options.size,
        batch_size=options.batch_size,
        seed=seed,
        channels=options.channels,
        fit=options.fit,
        patient_pattern=options.patient_pattern,
        pair_pattern=options.pair_pattern,
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
        print(f"{remote.shown(run.root, run.name)}: {run.status().state}")
    return 0


def train(options: argparse.Namespace) -> int:
    registry.find_preset(options.preset)
    name = options.name or _free_name(options.preset, options.runs)
    if _FIRST and is_taken(options.runs, check_name(name)):
        raise UserError(f"run '{name}' exists already: choose another --name, or resume it")
    return _train_one(options, options.preset, options.seed, name)


def compare(options: argparse.Namespace) -> int:
    for preset in options.presets:
        registry.find_preset(preset)
    if options.num < 1:
        raise UserError(f"--num {options.num}: ask for at least one")
    options.snapshots |= options.evaluate
    jobs: list[many.Job] = []
    for seed in range(options.seeds):
        for preset in options.presets:
            stem = f"{preset}-s{seed}" if options.seeds > 1 else preset
            taken = options.resume and is_taken(options.runs, stem)
            others = {job.name for job in jobs}
            jobs.append(many.Job(stem if taken else _free_name(stem, options.runs, others), preset, seed))
    failed = _on_ray(options, jobs) if options.on else _in_turn(options, jobs)
    if failed is None:
        print("stopped: the same command with --resume goes on from here", file=sys.stderr)
        return 130
    found = [Run(options.runs / job.name, options.runs) for job in jobs if is_taken(options.runs, job.name)]
    print(_summary(found))
    if options.evaluate and _FIRST:
        _evaluate_all([run for run in found if run.weights.is_file()], options.data, options.num)
    return 1 if failed else 0


def _in_turn(options: argparse.Namespace, jobs: list[many.Job]) -> int | None:
    """One run after the other, here; how many failed, or none where one was stopped."""
    failed = 0
    for job in jobs:
        failed += _trained(options, job.name, job.preset, job.seed) != 0
        if find_run(job.name, options.runs).status().state == "stopped":
            return None
    return failed


def _on_ray(options: argparse.Namespace, jobs: list[many.Job]) -> int | None:
    """All at once, as far as there is room; how many failed, or none after Ctrl-C."""
    engine, _, address = options.on.partition(":")
    if engine != "ray":
        raise UserError(f"--on {options.on}: take ray, or ray:ADDRESS of a cluster")
    if Path(options.data).exists():
        options.data = str(Path(options.data).resolve())  # workers start in other folders
    try:
        ended = many.train_all(_longest_first(options, jobs), _trained, options, address, options.cpus, options.gpus)
    except KeyboardInterrupt:
        return None
    for name, one in ended.items():
        if one.words:
            print(f"error: run '{name}': {one.words}", file=sys.stderr)
    return sum(one.code != 0 for one in ended.values())


def _longest_first(options: argparse.Namespace, jobs: list[many.Job]) -> list[many.Job]:
    """The order to hand runs out in: one that is long and starts last is waited for alone."""
    from gan_core.training import plan

    presets = {job.preset for job in jobs}
    costs = {preset: plan.cost(preset, options.size, options.channels, options.set) for preset in sorted(presets)}
    return sorted(jobs, key=lambda job: -costs[job.preset])


def _trained(options: argparse.Namespace, name: str, preset: str, seed: int) -> int:
    """A new run, or one of that name that is there, gone on with; the exit code."""
    if is_taken(options.runs, name):
        return _take_up(options, name, preset, seed)
    return _train_one(options, preset, seed, name)


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

    order = evaluate.EvaluationRequest(("fidelity", "progress", "memorisation", "audit"), count, progress=_speak)
    print(ranking.table([evaluate.evaluate(run, source, order) for run in runs]))


def _free_name(stem: str, root: Path, others: Collection[str] = ()) -> str:
    """The stem itself, or with the first number that neither a run there nor another one to come has."""
    names = [stem, *(f"{stem}-{number}" for number in range(2, 10_000))]
    return next(name for name in names if name not in others and not is_taken(root, name))


def resume(options: argparse.Namespace) -> int:
    return _go_on(find_run(options.name, options.runs), options.device)


def _go_on(run: Run, device: str) -> int:
    from gan_core.training import trainer

    try:
        trainer.resume(run, device)
    except trainer.Diverged as error:
        print(f"error: run '{run.name}': {error}", file=sys.stderr)
        return 1
    print(f"{remote.shown(run.root, run.name)}: {run.status().state}")
    return 0


def show(options: argparse.Namespace) -> None:
    runs = list_runs(options.runs)
    print(
        _summary(runs)
        if runs
        else f"no runs in {remote.shown(options.runs)} yet: train one, for example on --data phantom:cxr"
    )


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
        spread = f"{looks[1][-1]:.3f} of {looks[2][-1]:.3f}" if len(looks[1]) and len(looks[2]) else "-"
        # A file that somebody else wrote may hold what a terminal would obey.
        preset, state = printable(preset, 40), printable(status.state, 20)
        rows.append((run.name, preset, state, f"{status.epoch}/{status.epochs}", *last, held, spread))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join([*(line.rstrip() for line in lines), *notes])


def generate(options: argparse.Namespace) -> None:
    from gan_core import inference

    model = inference.load(hub_models.find(options.name, options.runs))
    count = model.write(options.out, options.num, label=options.label, seed=options.seed)
    print(f"{count} pictures in {options.out}")


def translate(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from gan_core import inference
    from gan_core.inference import translation
    from gan_core.training import devices

    model = inference.load(hub_models.find(options.name, options.runs), devices.accelerator(options.device))
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

    found = [find_run(name, options.runs, heavy=False) for name in options.names]
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
    order = evaluate.EvaluationRequest(
        options.parts,
        options.num,
        options.seed,
        options.extractor,
        options.classifier,
        options.trainings,
        _speak,
    )
    found = []
    for run in runs:
        found.append(evaluate.evaluate(run, options.data, order))
        if place := remote.place_of(run.root):
            place.send(run.name)
    print(ranking.table(found))


def rank(options: argparse.Namespace) -> int:
    from gan_core.evaluation import ranking

    chosen = [find_run(name, options.runs, heavy=False) for name in options.names]
    if missing := [run.name for run in chosen if not run.evaluation.is_file()]:
        raise UserError(f"not evaluated yet: {', '.join(missing)}: python -m gan_core evaluate {' '.join(missing)}")
    (found, unreadable), (others, more) = ranking.read(chosen), ranking.read(list_runs(options.runs))
    if not chosen:
        found, unreadable = others, more
    found = ranking.with_seeds(found, others)
    print(ranking.standing(found) or "no generator among them is evaluated: python -m gan_core evaluate RUN")
    for line in unreadable:
        print(f"error: {line}", file=sys.stderr)
    return 2 if unreadable else 0


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
    from gan_core import export as exports

    if not options.hub and (options.push or options.license):
        raise UserError(f"{'--push' if options.push else '--license'} is for --hub OWNER/NAME")
    run, where = hub_models.find(options.name, options.runs), (options.out, options.overwrite)
    if options.hub:
        _export_to_hub(run, options)
    elif options.onnx:
        from gan_core.export import onnx

        for one in onnx.write(run, *where):
            print(f"{one.path}: at most {one.difference:.4f} of 255 greys from torch (allowed: {onnx.BOUND:g})")
    elif options.tensorboard:
        from gan_core.export import tensorboard

        print(tensorboard.write(run, *where))
    elif options.mp4:
        from gan_core.export import video

        print(video.write(run, *where))
    else:
        print(exports.gif(run, *where))


def _export_to_hub(run: Run, options: argparse.Namespace) -> None:
    from gan_core.export import hub_folder

    folder = hub_folder.write(run, options.hub, options.out, options.overwrite, options.license)
    print(f"{folder}: look through it, its README.md above all" if not options.push else folder)
    if options.push:
        print(hub_folder.push(folder, options.hub))

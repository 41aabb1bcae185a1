"""train, compare and resume."""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from gan_core.cli import arguments, listing
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import Run, check_name, find_run, is_taken, remote
from gan_core.training import many


def register(found: arguments.Commands) -> None:
    presets = "presets:\n" + "\n".join(f"  {p.name:<23}{p.title}" for p in registry.presets().values())

    command = arguments.command(found, "train", train, "train a GAN from a preset", presets)
    command.add_argument("preset", metavar="PRESET", help="what to train, see below")
    _training_options(command)
    command.add_argument("--seed", type=int, default=0, help="of weights, order and latents (default 0)")
    command.add_argument("--name", help="of the run's folder (default: the preset and a number)")

    command = arguments.command(found, "compare", compare, "train several presets on the same data and budget", presets)
    command.add_argument("presets", metavar="PRESET", nargs="+", help="what to train, see below")
    _training_options(command)
    command.add_argument("--seeds", type=int, default=1, metavar="K", help="train each preset with seeds 0 to K - 1")
    command.add_argument(
        "--evaluate",
        action="store_true",
        help="then measure fidelity, progress and memorisation of all of them, and rank them (keeps snapshots)",
    )
    command.add_argument("--num", type=int, default=1000, metavar="N", help="generated images of it (default 1000)")
    command.add_argument(
        "--resume",
        action="store_true",
        help="take up a comparison that was cut short: runs of its names that are finished stay, others go on",
    )

    command.add_argument(
        "--on", metavar="ENGINE", help="train all at once: ray (this machine), or ray:ADDRESS (a cluster)"
    )
    command.add_argument("--cpus", type=float, default=1.0, metavar="N", help="with --on: processors a run (default 1)")
    command.add_argument("--gpus", type=float, metavar="N", help="with --on: graphics cards a run, also parts of one")

    command = arguments.command(found, "resume", resume, "go on with a run that was stopped or killed")
    arguments.run(command)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _training_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", required=True, metavar="SOURCE", help=arguments.SOURCE)
    command.add_argument("--epochs", type=int, default=50, help="times through the training images (default 50)")
    command.add_argument("--batch-size", type=int, help="images a step (default 32; for a translator 1 of each domain)")
    arguments.data(command)
    command.add_argument(
        "--preview-every", type=int, default=1, metavar="K", help="epochs between previews (default 1)"
    )
    command.add_argument(
        "--log-every", type=int, default=10, metavar="K", help="steps a row of metrics.csv (default 10)"
    )
    command.add_argument(
        "--snapshots",
        action="store_true",
        help="keep the generators of every preview, for `evaluate --parts progress`",
    )
    command.add_argument(
        "--domains",
        type=arguments.names,
        default=(),
        metavar="A,B",
        help="the two classes that a translator translates between",
    )
    command.add_argument(
        "--pair-pattern",
        metavar="REGEX",
        help="for presets that learn from pairs: one group that finds the same in both names of a pair "
        "(default: the names are the same but for the domain)",
    )
    command.add_argument(
        "--preview-inputs",
        default="held-out",
        metavar="SOURCE",
        help="what a translator's previews start from: held-out images (default; kept in the run's private folder), "
        "phantom:cxr, phantom:mri, or run:NAME of a generator",
    )
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    command.add_argument(
        "--precision",
        choices=("auto", "32-true", "bf16-mixed"),
        default="auto",
        help="auto (default) times both and keeps the faster",
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one of the GAN's settings, for example lr=1e-4",
    )
    arguments.runs_folder(command)


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
    if arguments.FIRST and (said := data.caution(settled.source, settled.domains or settled.classes)):
        print(f"warning: {said}", file=sys.stderr)
    try:
        run = trainer.train(settled, prepared, name, options.runs, options.device)
    except trainer.Diverged as error:
        print(f"error: run '{name}': {error}", file=sys.stderr)
        return 1
    if arguments.FIRST:
        print(f"{remote.shown(run.root, run.name)}: {run.status().state}")
    return 0


def train(options: argparse.Namespace) -> int:
    registry.find_preset(options.preset)
    name = options.name or _free_name(options.preset, options.runs)
    if arguments.FIRST and is_taken(options.runs, check_name(name)):
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
    print(listing.summary(found))
    if options.evaluate and arguments.FIRST:
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

    order = evaluate.Order(("fidelity", "progress", "memorisation", "audit"), count, progress=arguments.speak)
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

"""train, compare and resume."""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from gan_core import options as run_options
from gan_core.cli import arguments, listing
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import Run, check_name, find_run, is_taken, remote
from gan_core.training import many


def register(found: arguments.Commands) -> None:
    presets = "presets:\n" + "\n".join(f"  {p.name:<23}{p.title}" for p in registry.presets().values())

    command = arguments.command(found, "train", train, "train a GAN from a preset", presets)
    run_options.add_arguments(command, "preset")
    _training_options(command)
    run_options.add_arguments(command, "seed")
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
    run_options.add_arguments(command, "device")


def _training_options(command: argparse.ArgumentParser) -> None:
    """What every run of the command shares: all options but those that each run has for itself."""
    run_options.add_arguments(command, *(name for name in run_options.declared() if name not in ("preset", "seed")))
    arguments.runs_folder(command)


def _train_one(options: argparse.Namespace, preset: str, seed: int, name: str) -> int:
    from gan_core import data
    from gan_core.training import plan, trainer  # torch takes a second to import: not for --help

    settled, prepared = plan.plan(run_options.RunOptions.of(vars(options), preset=preset, seed=seed))
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
        _evaluate_all([run for run in found if run.weights.is_file()], options.source, options.num)
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
    if Path(options.source).exists():
        options.source = str(Path(options.source).resolve())  # workers start in other folders
    try:
        ended = many.train_all(_longest_first(options, jobs), _trained, options, address, options.cpus, options.gpus)
    except KeyboardInterrupt:
        return None
    for name, one in ended.items():
        if one.message:
            print(f"error: run '{name}': {one.message}", file=sys.stderr)
    return sum(one.code != 0 for one in ended.values())


def _longest_first(options: argparse.Namespace, jobs: list[many.Job]) -> list[many.Job]:
    """The order to hand runs out in: one that is long and starts last is waited for alone."""
    from gan_core.training import plan

    presets = {job.preset for job in jobs}
    shape, settings = (options.image_size, options.channels), options.settings or ()
    costs = {preset: plan.cost(preset, *shape, settings) for preset in sorted(presets)}
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
    asked = (preset, seed, options.epochs, options.source)
    if (settled.preset, settled.seed, settled.epochs, settled.source) != asked:
        raise UserError(f"run '{name}' is there with another preset, seed, budget or source: leave --resume out")
    return 0 if run.status().state == "finished" else _go_on(run, options.device)


def _evaluate_all(runs: list[Run], source: str, count: int) -> None:
    """What a ranking rests on, of every run."""
    from gan_core.evaluation import evaluate, ranking

    order = evaluate.EvaluationRequest(
        ("fidelity", "progress", "memorisation", "audit"), count, progress=arguments.speak
    )
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

"""The commands train, compare and resume."""

import argparse
import dataclasses
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

from gan_core import config, files, run_options
from gan_core.cli import arguments, listing
from gan_core.data import relocated
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import Run, check_name, find_run, is_taken, remote
from gan_core.training import early_checks, ray_cluster

if TYPE_CHECKING:
    from gan_core.config import RunConfig
    from gan_core.data import Prepared
    from gan_core.training import best


def register(found: arguments.Commands) -> None:
    presets = "presets:\n" + "\n".join(f"  {p.name:<23}{p.title}" for p in registry.presets().values())

    command = arguments.command(found, "train", train, "train a GAN from a preset", presets)
    run_options.add_arguments(command, "preset")
    _training_options(command)
    run_options.add_arguments(command, "grow_from", "freeze", "seed")
    command.add_argument("--name", help="name of the run's folder (default: the preset, with a number if it is taken)")

    command = arguments.command(found, "compare", compare, "train several presets on the same data and budget", presets)
    command.add_argument("presets", metavar="PRESET", nargs="+", help="presets to train, see below")
    _training_options(command)
    command.add_argument(
        "--seeds", type=arguments.whole(1), default=1, metavar="K", help="train each preset with seeds 0 to K - 1"
    )
    command.add_argument(
        "--evaluate",
        action="store_true",
        help="after training, evaluate fidelity, progress and memorisation of all runs and rank them (keeps snapshots)",
    )
    command.add_argument(
        "--num",
        type=arguments.whole(1),
        default=1000,
        metavar="N",
        help="with --evaluate: number of generated images (default 1000)",
    )
    command.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted comparison: keep its finished runs and resume the others",
    )

    command.add_argument(
        "--on", metavar="ENGINE", help="train all runs at once: ray (this machine), or ray:ADDRESS (a cluster)"
    )
    command.add_argument("--cpus", type=float, default=1.0, metavar="N", help="with --on: CPUs per run (default 1)")
    command.add_argument("--gpus", type=float, metavar="N", help="with --on: GPUs per run; fractions are allowed")

    command = arguments.command(found, "resume", resume, "resume a run that was stopped or killed")
    arguments.run(command)
    command.add_argument("--data", metavar="SOURCE", help="where the run's data is now, if it has moved")
    run_options.add_arguments(command, "device")


def _training_options(command: argparse.ArgumentParser) -> None:
    """Add the options that apply to every run of the command."""
    of_one = ("preset", "grow_from", "freeze", "seed")
    arguments.training_options(command, *(name for name in run_options.declared() if name not in of_one))
    arguments.runs_folder(command)


def _train_one(options: argparse.Namespace, preset: str, seed: int, name: str) -> int:
    asked = dataclasses.replace(arguments.training(options, preset), seed=seed)
    from gan_core.training import growth, run_plan, trainer  # importing torch takes a second, too slow for --help

    run_config, prepared = run_plan.plan(asked, options.runs)
    if arguments.FIRST:
        for line in prepared.doubts:
            print(f"warning: {line}", file=sys.stderr)
        if words := growth.described(run_config, options.runs):
            print(f"{name} {words}", file=sys.stderr)
    try:
        run = trainer.train(run_config, prepared, name, options.runs, options.device, _preview_distance)
    except trainer.Diverged as error:
        print(f"error: run '{name}': {error}", file=sys.stderr)
        return 1
    if arguments.FIRST:
        print(f"{remote.shown(run.root, run.name)}: {run.status().state}{_kept(run.config())}")
    return 0


def _kept(run_config: "RunConfig") -> str:
    """Return which weights a run ended with, if a preview chose them, as the end of a sentence."""
    kept = run_config.kept
    if kept is None or kept.which != "best":
        return ""
    return f", with the weights of epoch {kept.epoch}, its nearest preview ({kept.measure} {kept.distance:.3g})"


def _preview_distance(run_config: "RunConfig", prepared: "Prepared") -> "best.PreviewDistance":
    """Return what measures the previews of a run; imported only for the runs that ask for it."""
    from gan_core.evaluation import preview_distance

    return preview_distance.PreviewDistance(run_config, prepared)


def train(options: argparse.Namespace) -> int:
    registry.find_preset(options.preset)
    name = options.name or arguments.free_name(options.preset, options.runs)
    if arguments.FIRST and is_taken(options.runs, check_name(name)):
        raise UserError(f"run '{name}' exists already: choose another --name, or resume it")
    return _train_one(options, options.preset, options.seed, name)


def compare(options: argparse.Namespace) -> int:
    for preset in options.presets:
        registry.find_preset(preset)
    if options.num < 1:
        raise UserError(f"--num {options.num}: use 1 or more")
    for preset in dict.fromkeys(options.presets) if arguments.FIRST else ():
        for name in sorted(arguments.of_others(options, preset)):
            print(f"note: --set {name}: the networks of '{preset}' do not use it", file=sys.stderr)
    options.snapshots |= options.evaluate
    jobs: list[ray_cluster.Job] = []
    for seed in range(options.seeds):
        for preset in options.presets:
            jobs.append(ray_cluster.Job(_name(options, preset, seed, {job.name for job in jobs}), preset, seed))
    begun = [job for job in jobs if is_taken(options.runs, job.name)]
    # All before the first is trained.
    for job in begun:
        if difference := _difference(options, job, nothing_new=len(begun) == len(jobs)):
            raise UserError(f"run '{job.name}' {difference}: give the options that it has, or leave --resume out")
    for preset in dict.fromkeys(job.preset for job in jobs if job not in begun):
        arguments.training(options, preset, data_is_here=not options.on)
    failed = _on_ray(options, jobs) if options.on else _one_by_one(options, jobs)
    if failed is None:
        if arguments.FIRST:
            print("stopped: run the same command with --resume to continue", file=sys.stderr)
        return 130
    found = [Run(options.runs / job.name, options.runs) for job in jobs if is_taken(options.runs, job.name)]
    if arguments.FIRST:
        print(listing.summary(found))
        if options.evaluate:
            _evaluate_all([run for run in found if files.is_regular(run.weights)], options.source, options.num)
    return 1 if failed else 0


def _name(options: argparse.Namespace, preset: str, seed: int, others: Collection[str]) -> str:
    """Return the name of a run of a comparison; with `--resume`, it may have been begun with one seed or with more."""
    names = [f"{preset}-s{seed}", preset][: 1 if seed else 2]
    if options.seeds == 1:
        names.reverse()
    if options.resume:
        for name in (name for name in names if is_taken(options.runs, name)):
            # A run of the other name may be of anybody.
            if name == names[0] or not _difference(options, ray_cluster.Job(name, preset, seed)):
                return name
    return arguments.free_name(names[0], options.runs, others)


def _difference(options: argparse.Namespace, job: ray_cluster.Job, nothing_new: bool = False) -> str:
    """Return how a run differs from what a command asks for, as the end of a sentence; "" if it does not.

    nothing_new: no run is begun that would keep other snapshots or other weights than this one.

    Raises:
        UserError: the options make no run, or the run cannot be read.
    """
    found = find_run(job.name, options.runs, heavy=False).config()
    asked = dataclasses.replace(arguments.training(options, job.preset, data_is_here=False), seed=job.seed)
    asked = early_checks.checked(asked, options.runs, data_is_here=False)
    known = run_options.declared()
    wanted = asked.recorded()
    del wanted["settings"]
    # What the data, the machine or the preset decides where nobody asks for it.
    for name, unset in (("domains", ()), ("precision", "auto")):
        if wanted[name] == unset:
            del wanted[name]
    wanted["preview_start"] = asked.preview_start if asked.preview_every > 1 else "even"
    wanted["keep"] = asked.keep if asked.snapshots and not found.domains else "last"
    for name in ("snapshots", "keep") if nothing_new else ():
        del wanted[name]
    for name, value in wanted.items():
        before = getattr(found, name)
        if before != value and not (name == "source" and relocated.resolved(before) == relocated.resolved(value)):
            return f"has {known[name].flag or name} {_word(before)}, not {_word(value)}"
    return _other_setting(found, asked)


def _other_setting(found: "RunConfig", asked: run_options.RunOptions) -> str:
    """Return the first setting of a run's family that differs, as `_difference`."""
    from gan_core.families import loading

    assert asked.image_size is not None
    own = loading.preset_settings(registry.find_preset(asked.preset), asked.image_size, asked.settings)
    wanted = dataclasses.replace(found, settings=config.to_dict(own))
    idle = registry.unused(found.family, wanted.settings)
    for name in wanted.settings | found.settings:
        if name not in idle and found.settings_on.get(name) != wanted.settings_on.get(name):
            before, value = (_word(one.settings.get(name)) for one in (found, wanted))
            return f"has --set {name}={before}, not {name}={value}"
    return ""


def _word(value: object) -> str:
    """Return the value of an option as it is typed; a switch as `on` or `off`."""
    words = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "on" if value is True else words if value not in (None, False, "") else "off"


def _one_by_one(options: argparse.Namespace, jobs: list[ray_cluster.Job]) -> int | None:
    """Train the runs one after the other; return the number that failed, or None if one was stopped."""
    failed = 0
    for job in jobs:
        failed += _train_or_resume(options, job.name, job.preset, job.seed) != 0
        if find_run(job.name, options.runs).status().state == "stopped":
            return None
    return failed


def _on_ray(options: argparse.Namespace, jobs: list[ray_cluster.Job]) -> int | None:
    """Train the runs in parallel with Ray; return the number that failed, or None after Ctrl-C."""
    engine, _, address = options.on.partition(":")
    if engine != "ray":
        raise UserError(f"--on {options.on}: use ray, or ray:ADDRESS of a cluster")
    options.source = relocated.resolved(options.source)  # workers start in other folders
    ordered = _longest_first(options, jobs)
    try:
        ended = ray_cluster.train_all(ordered, _train_or_resume, options, address, options.cpus, options.gpus)
    except KeyboardInterrupt:
        return None
    for name, one in ended.items():
        if one.message:
            print(f"error: run '{name}': {one.message}", file=sys.stderr)
    return sum(one.code != 0 for one in ended.values())


def _longest_first(options: argparse.Namespace, jobs: list[ray_cluster.Job]) -> list[ray_cluster.Job]:
    """Return the jobs with the longest first, because a long run that starts last would run alone at the end."""
    from gan_core.training import run_plan

    presets = {job.preset for job in jobs}
    shape, settings = (options.image_size, options.channels), options.settings or ()
    costs = {preset: run_plan.cost(preset, *shape, settings) for preset in sorted(presets)}
    return sorted(jobs, key=lambda job: -costs[job.preset])


def _train_or_resume(options: argparse.Namespace, name: str, preset: str, seed: int) -> int:
    """Train a new run, or resume the one of this name; return the exit code."""
    if is_taken(options.runs, name):
        return _resume_job(options, name)
    return _train_one(options, preset, seed, name)


def _resume_job(options: argparse.Namespace, name: str) -> int:
    """Resume a run of the same comparison unless it is finished; return the exit code."""
    run = find_run(name, options.runs)
    # A worker starts in another folder than the one that the run's own source may be relative to.
    source = options.source if options.on else None
    return 0 if run.status().state == "finished" else _resume(run, options.device, source)


def _evaluate_all(runs: list[Run], source: str, count: int) -> None:
    """Evaluate every run and print the ranking."""
    from gan_core.evaluation import evaluate, ranking

    request = evaluate.EvaluationRequest(
        ("fidelity", "progress", "memorisation", "audit"), count, progress=arguments.speak
    )
    print(ranking.table([evaluate.evaluate(run, source, request) for run in runs]))


def resume(options: argparse.Namespace) -> int:
    return _resume(find_run(options.name, options.runs), options.device, options.data)


def _resume(run: Run, device: str, source: str | None = None) -> int:
    """Resume a run, whose data may have moved to `source`, and print its status; return the exit code."""
    if run.config().origin is not None:
        raise UserError(f"run '{run.name}' was not trained by GANray: resume it with the program that trained it")
    from gan_core.training import trainer

    try:
        trainer.resume(run, device, source, _preview_distance)
    except trainer.Diverged as error:
        print(f"error: run '{run.name}': {error}", file=sys.stderr)
        return 1
    if arguments.FIRST:
        print(f"{remote.shown(run.root, run.name)}: {run.status().state}{_kept(run.config())}")
    return 0

"""diagnose, evaluate and rank."""

import argparse
import sys

from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.options import SOURCE_HELP, comma_separated
from gan_core.runs import find_run, list_runs, remote

_PARTS = """what is measured, and kept in the run's evaluation.json:
  fidelity      distances to real images, precision, recall, density, coverage, likeness, each beside its floor
  progress      distances at every snapshot of a run trained with --snapshots: time to quality
  memorisation  whether training images are copied
  utility       what a classifier learns from generated images, tested on patients that no generator has seen
  audit         of a translator: what changes, where, who notices, and the truth where it is known"""


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "diagnose", diagnose, "say what happened in trainings, and compare them")
    command.add_argument("names", metavar="RUN", nargs="+", help="names or folders of runs")
    arguments.runs_folder(command)

    command = arguments.command(found, "evaluate", evaluate, "measure runs against real images", _PARTS)
    command.add_argument("names", metavar="RUN", nargs="+", help="names or folders of runs")
    arguments.runs_folder(command)
    command.add_argument("--data", metavar="SOURCE", help=f"real images (default: the run's own): {SOURCE_HELP}")
    command.add_argument(
        "--parts", type=comma_separated, default=(), metavar="A,B", help="what to measure (default: all)"
    )
    command.add_argument("--num", type=int, default=1000, metavar="N", help="generated images (default 1000)")
    command.add_argument("--seed", type=int, default=0, help="of latents, draws and trainings (default 0)")
    command.add_argument(
        "--extractor",
        metavar="NAME",
        help="of the features that distances are measured in: child-a, child-b, adult-a, adult-b, or "
        "inception:FILE.safetensors (default: the second of the data that the run resembles)",
    )
    command.add_argument(
        "--classifier", choices=("resnet", "vgg16_bn"), default="resnet", help="that learns from generated images"
    )
    command.add_argument("--trainings", type=int, default=1, metavar="K", help="of it, with seeds (default 1)")

    command = arguments.command(found, "rank", rank, "hold evaluated generators side by side, seeds together")
    command.add_argument(
        "names", metavar="RUN", nargs="*", help="runs, to which their other seeds are added (default: all)"
    )
    arguments.runs_folder(command)


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
        arguments.speak,
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

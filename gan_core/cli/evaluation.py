"""The commands diagnose, evaluate and rank."""

import argparse
import sys
from typing import TYPE_CHECKING

from gan_core import files
from gan_core.cli import arguments
from gan_core.errors import UserError, printable
from gan_core.evaluation.results import REFERENCES
from gan_core.run_options import SOURCE_HELP, comma_separated
from gan_core.runs import Run, find_run, list_runs, remote

if TYPE_CHECKING:
    from gan_core.evaluation import evaluate as evaluating
    from gan_core.evaluation import results

_PARTS = """parts of an evaluation; results are written to the run's evaluation.json:
  fidelity      distances to real images, precision, recall, density, coverage, likeness, each with its floor
  progress      distances at every snapshot of a run trained with --snapshots: time to quality
  memorisation  whether generated images are copies of training images
  utility       test scores of a classifier trained on generated images, for patients that no generator has seen
  audit         translators only: size and place of the change, its detection, and the ground truth where known;
                of chest X-rays also the lungs beside controls, real ones, and the translators named with --beside"""


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "diagnose", diagnose, "diagnose trainings and compare them")
    command.add_argument("names", metavar="RUN", nargs="+", help="names or folders of runs")
    arguments.runs_folder(command)

    command = arguments.command(found, "evaluate", evaluate, "measure runs against real images", _PARTS)
    command.add_argument("names", metavar="RUN", nargs="*", help="names or folders of runs")
    arguments.runs_folder(command)
    command.add_argument("--data", metavar="SOURCE", help=f"real images (default: the run's own): {SOURCE_HELP}")
    command.add_argument(
        "--parts", type=comma_separated, default=(), metavar="A,B", help="parts to run, see below (default: all)"
    )
    command.add_argument(
        "--num", type=arguments.whole(1), default=1000, metavar="N", help="number of generated images (default 1000)"
    )
    command.add_argument(
        "--seed", type=arguments.whole(0), default=0, help="seed of latent vectors, samples and classifiers (default 0)"
    )
    command.add_argument(
        "--extractor",
        metavar="NAME",
        help="feature extractor of the distances: child-a, child-b, adult-a, adult-b, or "
        "inception:FILE.safetensors (default: the -b extractor of the data that the run resembles)",
    )
    command.add_argument(
        "--reference",
        choices=REFERENCES,
        default=REFERENCES[0],
        help="the real images that distances are measured to (default train)",
    )
    command.add_argument(
        "--classifier",
        choices=("resnet", "vgg16_bn"),
        default="resnet",
        help="classifier to train on generated images (default resnet)",
    )
    command.add_argument(
        "--trainings",
        type=arguments.whole(1),
        default=1,
        metavar="K",
        help="train the classifier with K seeds (default 1)",
    )

    command.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="RUN",
        help="another translator of the same domains, which the audit compares this one with; may be given again",
    )

    command.add_argument(
        "--generated",
        metavar="FOLDER",
        help="measure the pictures of this folder in place of a run's networks; with sub-folders, one for each class. "
        "Without RUN they become a run of their own",
    )
    command.add_argument("--name", help="of pictures without RUN: name of their run (default: that of the folder)")
    command.add_argument(
        "--size",
        type=arguments.whole(8, 1024),
        metavar="N",
        help="of pictures without RUN: pixels a side at which they and the real images are compared (default: the "
        "pictures' own, up to 256)",
    )
    command.add_argument(
        "--channels",
        type=int,
        choices=(1, 3),
        help="of pictures without RUN: compare in grey, 1, or in colour, 3 (default 1)",
    )
    command.add_argument(
        "--into-run",
        action="store_true",
        help="for maintainers: write into the folder of a shipped run, in place of your own folder 'evaluations'",
    )

    command = arguments.command(found, "rank", rank, "rank evaluated generators, with the seeds of a preset together")
    command.add_argument(
        "names", metavar="RUN", nargs="*", help="runs; other seeds of the same preset are added (default: all runs)"
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
                print(f"    Suggestion: {event.advice}.")
        if not run.events:
            print("  Nothing to report.")
        for problem in run.record.problems:
            print(f"  Not everything could be read: {printable(problem, 400)}.")
    print(diagnostics.compare(runs) or "no run has logged anything yet")


def evaluate(options: argparse.Namespace) -> None:
    from gan_core.evaluation import evaluate, ranking

    request = evaluate.EvaluationRequest(
        options.parts,
        options.num,
        options.seed,
        options.extractor,
        options.reference,
        options.classifier,
        options.trainings,
        tuple(find_run(name, options.runs) for name in options.beside),
        options.into_run,
        arguments.speak,
    )
    if options.generated is not None:
        print(ranking.table([_evaluate_folder(options, request)]))
        return
    if not options.names:
        raise UserError("name the runs to evaluate, or pictures with --generated FOLDER")
    if given := [option for option in ("name", "size", "channels") if getattr(options, option) is not None]:
        raise UserError(f"--{given[0]} is for pictures without a run: name their folder with --generated")
    found = []
    for run in [find_run(name, options.runs) for name in options.names]:
        found.append(evaluate.evaluate(run, options.data, request))
        _send(run)
    print(ranking.table(found))


def _evaluate_folder(options: argparse.Namespace, request: "evaluating.EvaluationRequest") -> "results.Evaluation":
    """Measure the pictures of a folder, as those of the run that is named, or as a run of their own."""
    from gan_core.evaluation import evaluate, picture_run

    if len(options.names) > 1:
        raise UserError(f"--generated {options.generated}: name one run that the pictures belong to, or none")
    if not options.names:
        if options.data is None:
            raise UserError(f"--generated {options.generated}: name the real images with --data")
        run, found = picture_run.evaluate(
            options.runs,
            options.generated,
            options.data,
            request,
            name=options.name,
            size=options.size,
            channels=options.channels or 1,
        )
        print(f"kept as the run {run.name}", file=sys.stderr)
    else:
        if given := [option for option in ("name", "size", "channels") if getattr(options, option) is not None]:
            raise UserError(f"--{given[0]}: the run '{options.names[0]}' decides it; leave one of both out")
        run = find_run(options.names[0], options.runs)
        found = evaluate.evaluate_folder(run, options.generated, options.data, request)
    _send(run)
    return found


def _send(run: Run) -> None:
    """Bring a run's evaluation to remote storage, if its folder of runs lies there."""
    if place := remote.place_of(run.root):
        if run.evaluated_here:
            place.send_file(run.evaluation.relative_to(place.folder).as_posix())
        else:
            place.send(run.name)


def rank(options: argparse.Namespace) -> int:
    from gan_core.evaluation import ranking

    chosen = [find_run(name, options.runs, heavy=False) for name in options.names]
    if missing := [run.name for run in chosen if not files.is_regular(run.evaluation)]:
        raise UserError(f"not evaluated yet: {', '.join(missing)}: python -m gan_core evaluate {' '.join(missing)}")
    (found, unreadable), (others, more) = ranking.read(chosen), ranking.read(list_runs(options.runs))
    if not chosen:
        found, unreadable = others, more
    found = ranking.with_seeds(found, others)
    print(ranking.standing(found) or "none of these runs is an evaluated generator: python -m gan_core evaluate RUN")
    for line in unreadable:
        print(f"error: {line}", file=sys.stderr)
    return 2 if unreadable else 0

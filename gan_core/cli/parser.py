"""The commands and their options. Errors a user can mend are one line and exit code 2."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from gan_core.cli import training
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import default_root
from gan_core.runs.remote import root_of

_SOURCE = (
    "a folder with one sub-folder per class, a zip of one, hf:owner/name, phantom:cxr, phantom:mri or "
    "phantom:colour, or 'classes:NAME=FOLDER;NAME=FOLDER' for classes from several folders"
)


_PARTS = """what is measured, and kept in the run's evaluation.json:
  fidelity      distances to real images, precision, recall, density, coverage, likeness, each beside its floor
  progress      distances at every snapshot of a run trained with --snapshots: time to quality
  memorisation  whether training images are copied
  utility       what a classifier learns from generated images, tested on patients that no generator has seen
  audit         of a translator: what changes, where, who notices, and the truth where it is known"""


_FORMS = """private previews of real images are never written. By default
  --gif, --mp4, --onnx   go to RUN.gif, RUN.mp4, RUN.onnx; of a translator to RUN_A_to_B.onnx, RUN_B_to_A.onnx
  --tensorboard          goes to tensorboard/RUN: `tensorboard --logdir tensorboard` shows it
  --hub owner/name       goes to the folder `name`; from there, with --push alone, to Hugging Face"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 the training failed, 2 something to mend in the request."""
    options = _parser().parse_args(arguments)
    try:
        if "runs" in options:
            options.runs = root_of(options.runs)
        return int(options.run(options) or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # what read our output, such as `head`, has seen enough
        # Else Python writes what is left on its way out, and says that it cannot.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Say what a person can do about it; the traceback is for those who can do more."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        print(
            "error: not enough memory: use a smaller --batch-size or --size, or close other programs", file=sys.stderr
        )
        return 1
    if isinstance(error, OSError) and error.filename:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if "gan_core.families" in sys.modules:  # else no plug-in has been imported
        from gan_core.families import loading

        if line := loading.blamed(error):
            print(f"error: {line}", file=sys.stderr)
            return 1
    traceback.print_exception(error)
    said = " ".join(str(error).split())
    print(
        f"error: a fault of the program ({type(error).__name__}: {said}): please report it with the lines above",
        file=sys.stderr,
    )
    return 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other mistake, in place of the whole usage."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m gan_core", description="Train generative adversarial networks on chest X-rays and brain MRI."
    )
    found = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    presets = "presets:\n" + "\n".join(f"  {p.name:<23}{p.title}" for p in registry.presets().values())

    command = _command(found, "train", training.train, "train a GAN from a preset", presets)
    command.add_argument("preset", metavar="PRESET", help="what to train, see below")
    _training_options(command)
    command.add_argument("--seed", type=int, default=0, help="of weights, order and latents (default 0)")
    command.add_argument("--name", help="of the run's folder (default: the preset and a number)")

    command = _command(found, "compare", training.compare, "train several presets on the same data and budget", presets)
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

    command = _command(found, "resume", training.resume, "go on with a run that was stopped or killed")
    _run_options(command)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")

    command = _command(found, "list", training.show, "list the runs and where they stand")
    _root_option(command)

    command = _command(found, "generate", training.generate, "write pictures made by a trained generator")
    _run_options(command)
    command.add_argument("--num", type=int, required=True, metavar="N", help="how many pictures")
    command.add_argument("--label", help="a class of a conditional run (default: in the data's proportions)")
    command.add_argument("--seed", type=int, default=0, help="of the latents (default 0)")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the PNG files")

    command = _command(found, "translate", training.translate, "translate pictures into a translator's other domain")
    _run_options(command)
    command.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="files, and folders of them")
    command.add_argument("--to", required=True, metavar="DOMAIN", help="the domain to translate to")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the PNG files")
    command.add_argument(
        "--original-size",
        action="store_true",
        help="bring the change to each picture's own size, in place of writing the network's size",
    )
    command.add_argument(
        "--insist", action="store_true", help="also what does not look like the pictures that the run was trained on"
    )
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")

    command = _command(found, "diagnose", training.diagnose, "say what happened in trainings, and compare them")
    command.add_argument("names", metavar="RUN", nargs="+", help="names or folders of runs")
    _root_option(command)

    command = _command(found, "evaluate", training.evaluate, "measure runs against real images", _PARTS)
    command.add_argument("names", metavar="RUN", nargs="+", help="names or folders of runs")
    _root_option(command)
    command.add_argument("--data", metavar="SOURCE", help=f"real images (default: the run's own): {_SOURCE}")
    command.add_argument("--parts", type=_names, default=(), metavar="A,B", help="what to measure (default: all)")
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

    command = _command(found, "rank", training.rank, "hold evaluated generators side by side, seeds together")
    command.add_argument(
        "names", metavar="RUN", nargs="*", help="runs, to which their other seeds are added (default: all)"
    )
    _root_option(command)

    command = _command(found, "prepare", training.prepare, "decode, split by patient and cache a source")
    command.add_argument("source", metavar="SOURCE", help=_SOURCE)
    command.add_argument("dest", metavar="DEST", type=Path, nargs="?", help="with --folders: where they go")
    _data_options(command, 64)
    command.add_argument("--folders", action="store_true", help="write train/ val/ test/ class folders of PNGs to DEST")

    command = _command(found, "export", training.export, "write a run in another form", _FORMS)
    _export_options(command)
    return parser


def _command(
    found: Any, name: str, function: Callable[[argparse.Namespace], int | None], summary: str, more: str = ""
) -> argparse.ArgumentParser:
    command = found.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=function)
    return command


def _root_option(command: argparse.ArgumentParser) -> None:
    given = os.environ.get("GANRAY_RUNS") or str(default_root())
    command.add_argument("--runs", default=given, metavar="DIR", help="folder of runs, or URL (default %(default)s)")


def _run_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="RUN", help="a run's name or folder, or hub:owner/name where it is only read")
    _root_option(command)


def _export_options(command: argparse.ArgumentParser) -> None:
    _run_options(command)
    forms = command.add_mutually_exclusive_group(required=True)
    forms.add_argument("--gif", action="store_true", help="the fixed latents from first to last epoch")
    forms.add_argument("--mp4", action="store_true", help="the same as a film (H.264)")
    forms.add_argument("--onnx", action="store_true", help="the averaged networks, checked in ONNX Runtime")
    forms.add_argument("--tensorboard", action="store_true", help="curves and sample grids as TensorBoard reads them")
    forms.add_argument("--hub", metavar="OWNER/NAME", help="a model folder with a model card, for Hugging Face")
    command.add_argument("--push", action="store_true", help="with --hub: upload it; a new model there is private")
    command.add_argument("--license", metavar="ID", help="with --hub: of the weights, for example cc-by-4.0")
    command.add_argument("--out", type=Path, metavar="PATH", help="file or folder (default: see below)")
    command.add_argument("--overwrite", action="store_true", help="replace what an earlier export wrote there")


def _data_options(command: argparse.ArgumentParser, size: int | None = None) -> None:
    note = f"default {size}" if size else "default 64, for a translator 128"
    command.add_argument("--size", type=int, default=size, help=f"pixels a side: 32, 64, 128 or 256 ({note})")
    command.add_argument("--channels", type=int, choices=(1, 3), default=1, help="grey (default) or colour")
    command.add_argument("--fit", choices=("crop", "pad"), default="crop", help="how a picture is made square")
    command.add_argument("--patient-pattern", metavar="REGEX", help="one group that finds the patient in a file's name")


def _training_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", required=True, metavar="SOURCE", help=_SOURCE)
    command.add_argument("--epochs", type=int, default=50, help="times through the training images (default 50)")
    command.add_argument("--batch-size", type=int, help="images a step (default 32; for a translator 1 of each domain)")
    _data_options(command)
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
        "--domains", type=_names, default=(), metavar="A,B", help="the two classes that a translator translates between"
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
    _root_option(command)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())

"""The commands and their options. Errors a user can mend are one line and exit code 2."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from gan_core import catalog
from gan_core.errors import UserError
from gan_core.runs import Run, check_name, default_root, find_run, list_runs, write_gif

_SOURCE = "a folder with one sub-folder per class, a zip of one, hf:owner/name, phantom:cxr or phantom:mri"


_FIRST = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started, the one that speaks


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 the training failed, 2 something to mend in the request."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other mistake, in place of the whole usage."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m gan_core", description="Train generative adversarial networks on chest X-rays and brain MRI."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    presets = "presets:\n" + "\n".join(f"  {p.name:<23}{p.title}" for p in catalog.presets().values())

    command = _command(commands, "train", _train, "train a GAN from a preset", presets)
    command.add_argument("preset", metavar="PRESET", help="what to train, see below")
    _training_options(command)
    command.add_argument("--seed", type=int, default=0, help="of weights, order and latents (default 0)")
    command.add_argument("--name", help="of the run's folder (default: the preset and a number)")

    command = _command(commands, "compare", _compare, "train several presets on the same data and budget", presets)
    command.add_argument("presets", metavar="PRESET", nargs="+", help="what to train, see below")
    _training_options(command)
    command.add_argument("--seeds", type=int, default=1, metavar="K", help="train each preset with seeds 0 to K - 1")

    command = _command(commands, "resume", _resume, "go on with a run that was stopped or killed")
    _run_options(command)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")

    command = _command(commands, "list", _list, "list the runs and where they stand")
    _root_option(command)

    command = _command(commands, "generate", _generate, "write pictures made by a trained generator")
    _run_options(command)
    command.add_argument("--num", type=int, required=True, metavar="N", help="how many pictures")
    command.add_argument("--label", help="a class of a conditional run (default: in the data's proportions)")
    command.add_argument("--seed", type=int, default=0, help="of the latents (default 0)")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the PNG files")

    command = _command(commands, "translate", _translate, "translate pictures into a translator's other domain")
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

    command = _command(commands, "prepare", _prepare, "decode, split by patient and cache a source")
    command.add_argument("source", metavar="SOURCE", help=_SOURCE)
    command.add_argument("dest", metavar="DEST", type=Path, nargs="?", help="with --folders: where they go")
    _data_options(command, 64)
    command.add_argument("--folders", action="store_true", help="write train/ val/ test/ class folders of PNGs to DEST")

    command = _command(commands, "export", _export, "write a run in another form")
    _run_options(command)
    command.add_argument("--gif", action="store_true", required=True, help="the fixed latents from first to last epoch")
    command.add_argument("--out", type=Path, metavar="FILE", help="default: RUN.gif in the current folder")
    return parser


def _command(
    commands: Any, name: str, function: Callable[[argparse.Namespace], int | None], summary: str, more: str = ""
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=function)
    return command


def _root_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--runs", type=Path, default=default_root(), metavar="DIR", help="folder of runs (default %(default)s)"
    )


def _run_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="RUN", help="a run's name or folder")
    _root_option(command)


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
        "--domains", type=_names, default=(), metavar="A,B", help="the two classes that a translator translates between"
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


def _train_one(options: argparse.Namespace, preset: str, seed: int, name: str) -> int:
    from gan_core import plans, trainer  # torch takes a second to import: not for --help

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
        device=options.device,
        precision=options.precision,
        domains=options.domains,
        preview_inputs=options.preview_inputs,
        settings=options.set,
    )
    try:
        run = trainer.train(settled, prepared, name, options.runs, options.device)
    except trainer.Diverged as error:
        print(f"error: run '{name}': {error}", file=sys.stderr)
        return 1
    if _FIRST:
        print(f"{run.folder}: {run.status().state}")
    return 0


def _train(options: argparse.Namespace) -> int:
    catalog.find_preset(options.preset)
    name = options.name or _free_name(options.preset, options.runs)
    if _FIRST and (options.runs / check_name(name)).exists():
        raise UserError(f"run '{name}' exists already: choose another --name, or resume it")
    return _train_one(options, options.preset, options.seed, name)


def _compare(options: argparse.Namespace) -> int:
    for preset in options.presets:
        catalog.find_preset(preset)
    names = []
    failed = 0
    for seed in range(options.seeds):
        for preset in options.presets:
            name = _free_name(f"{preset}-s{seed}" if options.seeds > 1 else preset, options.runs)
            failed += _train_one(options, preset, seed, name)
            names.append(name)
    print(_summary([find_run(name, options.runs) for name in names]))
    return 1 if failed else 0


def _free_name(stem: str, root: Path) -> str:
    """The stem itself, or with the first number that no run there has."""
    names = [stem, *(f"{stem}-{number}" for number in range(2, 10_000))]
    return next(name for name in names if not (root / name).exists())


def _resume(options: argparse.Namespace) -> int:
    from gan_core import trainer

    run = find_run(options.name, options.runs)
    try:
        trainer.resume(run, options.device)
    except trainer.Diverged as error:
        print(f"error: run '{run.name}': {error}", file=sys.stderr)
        return 1
    print(f"{run.folder}: {run.status().state}")
    return 0


def _list(options: argparse.Namespace) -> None:
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


def _generate(options: argparse.Namespace) -> None:
    from gan_core import inference

    model = inference.load(find_run(options.name, options.runs))
    count = model.write(options.out, options.num, label=options.label, seed=options.seed)
    print(f"{count} pictures in {options.out}")


def _translate(options: argparse.Namespace) -> int:
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


def _prepare(options: argparse.Namespace) -> None:
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


def _export(options: argparse.Namespace) -> None:
    run = find_run(options.name, options.runs)
    out = options.out or Path(f"{run.folder.name}.gif")
    print(write_gif(run, out))

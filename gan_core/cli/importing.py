"""The command import: a training of another program as a run."""

import argparse
import re
from functools import partial
from pathlib import Path

from gan_core import files
from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.runs import remote

_WHAT = ("auto", "csv", "tensorboard", "lightning", "cyclegan", "stylegan", "keras-gan", "pytorch-gan", "pictures")
_EXAMPLES = r"""WHAT is auto, or what left the files:
  csv           a table, a row a step or an epoch, and numbered pictures
  tensorboard   event files (needs the extra tensorboard)
  lightning     lightning_logs/version_*/metrics.csv and hparams.yaml
  cyclegan      pytorch-CycleGAN-and-pix2pix: checkpoints/NAME
  stylegan      StyleGAN2-ADA, StyleGAN3, R3GAN: the folder with stats.jsonl
  keras-gan, pytorch-gan   what a script printed, captured in a file, and its numbered pictures
  pictures      numbered pictures alone

examples:
  import auto checkpoints/normal2covid
  import csv log.csv --x step --map d_loss=loss/d --map g_loss=loss/g --images "epoch_(\d+).png" --steps-per-epoch 131
  import keras-gan dcgan --log printed.txt --name keras-dcgan

Nothing in the files is run or unpickled, and they stay as they are."""


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "import", run, "show a training of another program as a run", _EXAMPLES)
    command.add_argument("what", metavar="WHAT", choices=_WHAT, help="auto, or what left the files: see below")
    command.add_argument("path", metavar="PATH", help="the folder of one training, or its log or table")
    command.add_argument("--name", help="name of the run (default: that of the folder or file)")
    arguments.runs_folder(command)
    command.add_argument("--replace", action="store_true", help="import over an imported run of the same name")
    command.add_argument("--x", default="", metavar="COLUMN", help="the column that counts the steps, or the epochs")
    command.add_argument(
        "--map", action="append", default=[], metavar="THEIRS=OURS", help="name of a column; may be given several times"
    )
    command.add_argument(
        "--images", default="", metavar="REGEX", help="which pictures; its one group is the number: 'epoch_(\\d+).png'"
    )
    command.add_argument("--grid", type=grid, metavar="RxC", help="rows and columns of a picture, where it has several")
    command.add_argument(
        "--steps-per-epoch", type=arguments.whole(1, 10**9), default=0, metavar="N", help="where the log counts steps"
    )
    command.add_argument(
        "--log", type=Path, metavar="FILE", help="what the program printed, beside a folder of pictures"
    )
    command.add_argument(
        "--objective", default="", metavar="NAME", help="of its losses: cross_entropy, least_squares, wasserstein, ..."
    )
    command.add_argument("--look", action="store_true", help="say what was found, and write nothing")
    command.add_argument("--follow", action="store_true", help="go on while the training does, until Ctrl-C")


def grid(text: str) -> tuple[int, int]:
    """Return the rows and the columns of a text such as 4x4."""
    match = re.fullmatch(r"(\d{1,3})[xX](\d{1,3})", text)
    if not match or not int(match[1]) * int(match[2]) >= 1:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is no grid: write rows x columns, such as 4x4")
    return int(match[1]), int(match[2])


def run(options: argparse.Namespace) -> None:
    from gan_core import importers

    names = {}
    for pair in options.map:
        theirs, equals, ours = pair.rpartition("=")
        if not (equals and theirs and ours.strip()):
            raise UserError(f"--map {pair}: write it as theirs=ours, for example d_loss=loss/d")
        names[theirs] = ours.strip()
    wanted = importers.ImportOptions(
        x=options.x,
        names=names,
        images=options.images,
        grid=options.grid,
        steps_per_epoch=options.steps_per_epoch,
        log=files.expanded(options.log) if options.log else None,
        objective=options.objective,
    )
    path = files.expanded(options.path)
    read = partial(importers.read, options.what, path, wanted)
    found = read()
    name = options.name or importers.run_name(found, path)
    if options.look:
        head, *rest = importers.summary(found)
        print("\n".join([head, f"name: {name}", *rest]))
        return
    if options.follow:
        print("\n".join(importers.summary(found)))
        done = importers.follow(read, path, options.runs, name, replace=options.replace, say=arguments.speak)
    else:
        done = importers.write(found, options.runs, name, replace=options.replace, say=arguments.speak)
        print("\n".join(importers.summary(found)))
    print(remote.shown(options.runs, done.name))

"""The command prepare: decode, split and cache a data source."""

import argparse
import math
from pathlib import Path
from typing import Literal

from gan_core.cli import arguments
from gan_core.config import SCALE_RULE
from gan_core.errors import UserError
from gan_core.run_options import SOURCE_HELP, add_arguments


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "prepare", prepare, "decode, split by patient and cache a data source")
    command.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    command.add_argument("dest", metavar="DEST", type=Path, nargs="?", help="with --folders: output folder")
    add_arguments(command, "image_size", "channels", "fit", "patient_pattern", image_size=64)
    command.add_argument(
        "--scale",
        type=_scale,
        default="measured",
        metavar="LOW,HIGH",
        help="stored values that become black and white in images of more than 8 bits without a window, two more "
        "for files of floats; or `own` to scale each image by its own values (default: one scale, from a sample)",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="decode nothing: print classes, patients, split and warnings, and stop"
    )
    command.add_argument(
        "--follow-links",
        action="store_true",
        help="also follow links that lead out of the data folder; for a training, name the source links:SOURCE",
    )
    command.add_argument("--folders", action="store_true", help="write train/ val/ test/ class folders of PNGs to DEST")


def prepare(options: argparse.Namespace) -> None:
    from gan_core import data
    from gan_core.data.source import LINKS

    if options.folders and options.dest is None:
        raise UserError("--folders needs DEST: python -m gan_core prepare SOURCE DEST --folders")
    if options.follow_links and not options.source.startswith(LINKS):
        options.source = f"{LINKS}{options.source}"
    if options.dry_run:
        found = data.survey(
            options.source,
            size=options.image_size,
            channels=options.channels,
            fit=options.fit,
            patient_pattern=options.patient_pattern,
        )
        print(data.describe_survey(found))
        return
    prepared = data.prepare(
        options.source,
        size=options.image_size,
        channels=options.channels,
        fit=options.fit,
        patient_pattern=options.patient_pattern,
        scale=options.scale,
    )
    print(data.describe(prepared))
    if options.folders:
        data.export_folders(prepared, options.dest)
        print(f"written to {options.dest}")


def _scale(text: str) -> "tuple[float, ...] | Literal['measured'] | None":
    """Return the scale that `--scale` names, None for `own`."""
    if text == "measured":
        return "measured"
    if text == "own":
        return None
    try:
        found = tuple(float(number) for number in text.split(","))
    except ValueError:
        found = ()
    rule = found[-1] if len(found) % 2 else 1  # a further number is the rule of a run, `decode.unscaled.rule_of`
    pairs = list(zip(found[::2], found[1::2], strict=False))
    known = len(pairs) in (1, 2) and rule in range(1, SCALE_RULE + 1)
    if not known or not all(-math.inf < low < high < math.inf for low, high in pairs):
        raise argparse.ArgumentTypeError(f"'{text}': write two numbers, the smaller one first, as in 0,4095, or own")
    return (*found[:-1], int(rule)) if len(found) % 2 else found

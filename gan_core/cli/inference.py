"""The commands generate and translate, which use a trained run."""

import argparse
import sys
from pathlib import Path

from gan_core.cli import arguments
from gan_core.run_options import add_arguments
from gan_core.runs import hub_models


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "generate", generate, "write images from a trained generator")
    arguments.run(command)
    command.add_argument("--num", type=arguments.whole(1), required=True, metavar="N", help="number of images")
    command.add_argument("--label", help="class of a conditional run (default: in the data's proportions)")
    command.add_argument("--seed", type=arguments.whole(0), default=0, help="seed of the latent vectors (default 0)")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the PNG files")

    command = arguments.command(found, "translate", translate, "translate images into a translator's other domain")
    arguments.run(command)
    command.add_argument(
        "images", metavar="IMAGE", nargs="+", type=Path, help="image files, NIfTI volumes, or folders of them"
    )
    command.add_argument("--to", required=True, metavar="DOMAIN", help="the domain to translate to")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the PNG and NIfTI files")
    command.add_argument(
        "--original-size",
        action="store_true",
        help="add the change to each image at its original size (default: the network's size)",
    )
    command.add_argument(
        "--insist", action="store_true", help="also translate images that do not look like the training images"
    )
    command.add_argument(
        "--severity",
        type=float,
        metavar="SHARE",
        help="how much opacity a run that paints it paints, from 0 to 1 (default 0.7)",
    )
    command.add_argument(
        "--seed",
        type=arguments.whole(0),
        default=0,
        help="seed of the first image's pattern; each next one has the next",
    )
    command.add_argument(
        "--map", action="store_true", help="also write the opacity map of each image, as NAME_opacity.png"
    )
    add_arguments(command, "device", device="cpu")


def generate(options: argparse.Namespace) -> None:
    from gan_core import inference

    model = inference.load(hub_models.find(options.name, options.runs))
    count = model.write(options.out, options.num, label=options.label, seed=options.seed)
    print(f"{count} images in {options.out}")


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
        severity=options.severity,
        seed=options.seed,
        maps=options.map,
        progress=lambda files: tqdm(files, desc="translate", unit="image", disable=None),
    )
    count = len(done.written)
    print(f"{count} image{'' if count == 1 else 's'} in {options.out}, synthetic, not for diagnosis")
    for line in done.notes:
        print(line)
    for line in done.refused:
        print(f"error: {line}", file=sys.stderr)
    return 2 if done.refused else 0

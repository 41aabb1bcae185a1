"""export: a run in another form."""

import argparse
from pathlib import Path

from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.runs import Run, hub_models

_FORMS = """private previews of real images are never written. By default
  --gif, --mp4, --onnx   go to RUN.gif, RUN.mp4, RUN.onnx; of a translator to RUN_A_to_B.onnx, RUN_B_to_A.onnx
  --tensorboard          goes to tensorboard/RUN: `tensorboard --logdir tensorboard` shows it
  --hub owner/name       goes to the folder `name`; from there, with --push alone, to Hugging Face"""


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "export", export, "write a run in another form", _FORMS)
    arguments.run(command)
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


def export(options: argparse.Namespace) -> None:
    from gan_core import export as exports

    if not options.hub and (options.push or options.license):
        raise UserError(f"{'--push' if options.push else '--license'} is for --hub OWNER/NAME")
    run, where = hub_models.find(options.name, options.runs), (options.out, options.overwrite)
    if options.hub:
        _export_to_hub(run, options)
    elif options.onnx:
        from gan_core.export import onnx

        for one in onnx.write(run, *where):
            print(f"{one.path}: at most {one.difference:.4f} of 255 greys from torch (allowed: {onnx.BOUND:g})")
    elif options.tensorboard:
        from gan_core.export import tensorboard

        print(tensorboard.write(run, *where))
    elif options.mp4:
        from gan_core.export import video

        print(video.write(run, *where))
    else:
        print(exports.gif(run, *where))


def _export_to_hub(run: Run, options: argparse.Namespace) -> None:
    from gan_core.export import hub_folder

    folder = hub_folder.write(run, options.hub, options.out, options.overwrite, options.license)
    print(f"{folder}: look through it, its README.md above all" if not options.push else folder)
    if options.push:
        print(hub_folder.push(folder, options.hub))

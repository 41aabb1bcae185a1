"""The command export: write a run in another format."""

import argparse
from pathlib import Path

from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.runs import Run, hub_models

_FORMATS = """private previews of real images are never exported. Default output:
  --gif, --mp4, --onnx   RUN.gif, RUN.mp4, RUN.onnx; for a translator RUN_A_to_B.onnx, RUN_B_to_A.onnx
  --tensorboard          tensorboard/RUN; view it with `tensorboard --logdir tensorboard`
  --hub owner/name       the folder `name`; only --push uploads it to Hugging Face"""


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "export", export, "write a run in another format", _FORMATS)
    arguments.run(command)
    formats = command.add_mutually_exclusive_group(required=True)
    formats.add_argument("--gif", action="store_true", help="samples of the fixed latents, first to last epoch")
    formats.add_argument("--mp4", action="store_true", help="the same as a video (H.264)")
    formats.add_argument("--onnx", action="store_true", help="the averaged (EMA) networks, checked in ONNX Runtime")
    formats.add_argument("--tensorboard", action="store_true", help="curves and sample grids for TensorBoard")
    formats.add_argument("--hub", metavar="OWNER/NAME", help="a model folder with a model card, for Hugging Face")
    command.add_argument("--push", action="store_true", help="with --hub: upload it; a new model is private")
    command.add_argument("--license", metavar="ID", help="with --hub: license of the weights, for example cc-by-4.0")
    command.add_argument("--out", type=Path, metavar="PATH", help="output file or folder (default: see below)")
    command.add_argument("--overwrite", action="store_true", help="replace the output of an earlier export")


def export(options: argparse.Namespace) -> None:
    from gan_core import export as exports

    if not options.hub and (options.push or options.license):
        raise UserError(f"{'--push' if options.push else '--license'} is for --hub OWNER/NAME")
    run, output = hub_models.find(options.name, options.runs), (options.out, options.overwrite)
    if options.hub:
        _export_to_hub(run, options)
    elif options.onnx:
        from gan_core.export import onnx

        for one in onnx.write(run, *output):
            print(
                f"{one.path}: differs from torch by at most {one.difference:.4f} of 255 grey levels "
                f"(limit: {onnx.BOUND:g})"
            )
    elif options.tensorboard:
        from gan_core.export import tensorboard

        print(tensorboard.write(run, *output))
    elif options.mp4:
        from gan_core.export import video

        print(video.write(run, *output))
    else:
        print(exports.gif(run, *output))


def _export_to_hub(run: Run, options: argparse.Namespace) -> None:
    from gan_core.export import hub_folder

    folder = hub_folder.write(run, options.hub, options.out, options.overwrite, options.license)
    print(f"{folder}: check the files before you upload them, above all README.md" if not options.push else folder)
    if options.push:
        print(hub_folder.push(folder, options.hub))

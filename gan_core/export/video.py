"""The sample grids of the fixed latents, from the first to the last epoch, as an H.264 video in MP4.

Every browser and presentation program plays this format.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from gan_core import export, files, images, optional_dependencies
from gan_core.runs import Run, grids
from gan_core.version import __version__

MILLISECONDS = 250  # per preview, as in the GIF ...
LAST = 1500  # ... and for the last one
_QUALITY = "16"  # x264's constant rate factor: mean error of a grey level at most 2 of 255


def write(run: Run, out: Path | None = None, overwrite: bool = False) -> Path:
    """Write a run's grids of synthetic images as a video; return its path.

    Raises:
        UserError: the run has no sample grids yet, a package is missing, or the file cannot be written.
    """
    (av,) = optional_dependencies.need("--mp4", "mp4", "av")
    path = export.free(out or export.default(run, ".mp4"), overwrite)
    found = list(grids(run).values())
    frames = [_even(frame) for frame in found if frame.shape == found[-1].shape]
    frames += frames[-1:] * (LAST // MILLISECONDS - 1)
    with files.replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as film:
        film.metadata.update(title=run.label, comment=images.NOTICE, encoder=f"GANray {__version__}")
        stream = film.add_stream("libx264", rate=Fraction(1000, MILLISECONDS))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"  # the one pixel format that all players support
        stream.options = {"crf": _QUALITY, "preset": "slow"}
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode(None))
    return path


def _even(frame: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 1 or 3) -> (H, W, 3), padded with black to even sides, which yuv420p needs."""
    height, width, channels = frame.shape
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)))
    return np.ascontiguousarray(np.repeat(padded, 3, 2) if channels == 1 else padded)

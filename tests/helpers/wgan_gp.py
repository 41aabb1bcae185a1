"""The script of docs/any-run.md, run as a user would run it, only shorter."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from gan_core import images
from tests.helpers.repository import ROOT
from tests.helpers.run_folders import draw_chests

PAGE = ROOT / "docs" / "any-run.md"


def script() -> str:
    """The text of the script."""
    (found,) = re.findall(r'```python\n("""WGAN-GP.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def train(folder: Path, root: Path, *options: str) -> None:
    """Run the script on drawn chests, in a scratch folder; its run goes below `root`."""
    pictures = folder / "drawn_chests"
    pictures.mkdir()
    for number, chest in enumerate(draw_chests(12, 32, 0)):
        images.save_png(pictures / f"{number}.png", images.to_uint8(np.asarray(chest)))
    path = folder / "wgan_gp.py"
    path.write_text(script(), encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT), "GANRAY_RUNS": str(root), "OMP_NUM_THREADS": "1", "PATH": ""}
    command = [sys.executable, str(path), str(pictures), *options]
    subprocess.run(command, env=environment, check=True, timeout=120)

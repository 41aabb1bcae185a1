"""Small runs whose ailments are known, kept as tables under `ailments/`, and how often they are named rightly.

`benchmarks/ailments.py` trained them, and says what each case is.
"""

import gzip
import io
from pathlib import Path

import pandas as pd

from gan_core.diagnostics import Record, diagnose, record
from gan_core.runs import EPOCHS, METRICS, Status
from gan_core.runs.tables import Table
from tests.helpers.run_folders import settings, translator

FOLDER = Path(__file__).parent / "ailments"
DIGITS = 4  # kept of each number
DROPPED = ["seconds", "images_per_second"]


def pack(root: Path, case: str, seeds: range) -> None:
    """The tables of one case's runs, one after the other, in two compressed files."""
    FOLDER.mkdir(exist_ok=True)
    for name in (METRICS, EPOCHS):
        parts = []
        for seed in seeds:
            path = root / f"{case}-{seed}" / name
            if path.exists():
                part = pd.read_csv(path).drop(columns=DROPPED, errors="ignore")
                parts.append(part.assign(seed=seed))
        if not parts:
            raise FileNotFoundError(f"no runs of {case} in {root}")
        text = pd.concat(parts).to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")
        # No time in the header: the same runs make the same bytes.
        (FOLDER / f"{case}.{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def packed(case: str) -> bool:
    """Whether there are runs of a case."""
    return (FOLDER / f"{case}.{METRICS}.gz").exists()


def unpack(case: str, scratch: Path) -> dict[int, Record]:
    """Seed -> record of each run of a case; scratch: an empty folder for their tables."""
    for name in (METRICS, EPOCHS):
        whole = pd.read_csv(io.BytesIO(gzip.decompress((FOLDER / f"{case}.{name}.gz").read_bytes())))
        for seed, part in whole.groupby("seed"):
            (scratch / str(seed)).mkdir(parents=True, exist_ok=True)
            part.drop(columns="seed").to_csv(scratch / str(seed) / name, index=False, lineterminator="\n")
    return {int(folder.name): _record(folder) for folder in sorted(scratch.iterdir())}


def _record(folder: Path) -> Record:
    tables = Table(folder / METRICS), Table(folder / EPOCHS)
    for table in tables:
        table.poll()
    translates = "loss/cycle_a" in tables[0].names
    settled = translator("cyclegan_unet_light", 1, 0, ("A", "B"), False) if translates else settings("gan", 1, 0)
    return record(settled, Status("finished"), *tables)


def ailments(found: Record) -> list[str]:
    """The kinds of ailments that are named, in the order of their epochs."""
    return [event.kind for event in diagnose(found) if event.ailment]


def right(expected: str, found: Record) -> bool:
    """Whether what ails the run is among what is named; of a healthy one, whether nothing is."""
    return expected in ailments(found) if expected else not ailments(found)

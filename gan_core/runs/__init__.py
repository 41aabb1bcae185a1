"""Run folders, the public record of each training: read, write, and synchronise them with remote storage."""

from gan_core.runs.lock import is_held_by
from gan_core.runs.recorded import RecordedWriter
from gan_core.runs.run import (
    CONFIG,
    DISCRIMINATOR,
    EPOCHS,
    EVALUATION,
    GENERATED,
    GENERATOR,
    GIF,
    METRICS,
    PRIVATE,
    REFERENCE,
    SAMPLES,
    STATUS,
    WEIGHTS,
    Run,
    check_name,
    default_root,
    find_run,
    grids,
    is_taken,
    linked,
    list_runs,
)
from gan_core.runs.status import Status
from gan_core.runs.writer import RunWriter, write_gif

__all__ = [
    "CONFIG",
    "DISCRIMINATOR",
    "EPOCHS",
    "EVALUATION",
    "GENERATED",
    "GENERATOR",
    "GIF",
    "METRICS",
    "PRIVATE",
    "REFERENCE",
    "SAMPLES",
    "STATUS",
    "WEIGHTS",
    "RecordedWriter",
    "Run",
    "RunWriter",
    "Status",
    "check_name",
    "default_root",
    "find_run",
    "grids",
    "is_held_by",
    "is_taken",
    "linked",
    "list_runs",
    "write_gif",
]

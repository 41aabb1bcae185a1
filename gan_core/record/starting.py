"""`start`: a run folder for a training of one's own, new or gone on with."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.record import facts, processes, sheets
from gan_core.record.recorder import Recorder
from gan_core.runs import GENERATOR, RecordedWriter, check_name, default_root, find_run, is_taken, managing, remote
from gan_core.runs.recorded import BLACK_WHITE, LATENT_SHAPE, LATENT_SIZE

_OF_GENERATOR = (LATENT_SIZE, LATENT_SHAPE, BLACK_WHITE)  # settings without which it cannot be opened
_OPEN: dict[Path, Recorder] = {}  # those of this process, by folder


def start(
    name: str,
    *,
    config: Any = None,
    data: str = "",
    epochs: int = 0,
    steps: int = 0,
    steps_per_epoch: int = 0,
    batch_size: int = 0,
    seed: int | None = None,
    objective: str = "",
    image_range: Sequence[float] = (-1, 1),
    program: str = "",
    subject: str = "",
    resume: bool = False,
    replace: bool = False,
    runs: str | Path | None = None,
) -> Recorder:
    """Begin to record a training; the run shows in the app at once.

    A run counts epochs if `epochs` or `steps_per_epoch` is given, else steps: its sheets are numbered so, and its
    curves are drawn so.

    Args:
        name: of the run folder.
        config: what the training was started with: a mapping, a namespace or a dataclass. Shown, and searched for the
            batch size and the seed where these are not given. Paths are cut to their last part, and what sounds like a
            credential is left out.
        data: what it trains on; runs that name the same data are taken for comparable.
        epochs, steps: how many there will be, if that is known.
        steps_per_epoch: places steps in epochs from the start; else it is learned when the epoch first changes.
        batch_size: images of a step, over all processes together.
        objective: a name of `gan_core.objectives`, whose losses are compared and diagnosed, or one of your own.
        image_range: the values of black and white in `samples`.
        program: what trains, for people; by default the script's name.
        subject: what the pictures show, "chest X-ray" or "brain MRI": an evaluation then uses what GANray ships for it.
        resume: go on with the run if it is there. Rows and sheets from the step that is logged next on are replaced.
        replace: delete the run of that name first, if it is a recorded one and nothing records it.
        runs: the folder of runs, or a URL of one; by default that of the app.

    Raises:
        UserError: the name is invalid or taken, another process writes the run, the run to be replaced is no recorded
            one of the user's own, or a value makes no sense.
    """
    if not isinstance(name, str):
        raise UserError(f"record.start: the name {name!r:.80} is no text")
    if processes.rank() != 0:
        return Recorder.silent()
    if resume and replace:
        raise UserError("record.start: resume=True goes on with a run and replace=True deletes it: give one of them")
    black_white = sheets.checked_range(image_range)
    stated = facts.Stated(config, data, epochs, steps, steps_per_epoch, batch_size, seed, objective, program, subject)
    settings = facts.run_config(stated)
    root = _root(runs)
    if replace:
        _delete(root, name)
    writer, resumed = _writer(root, name, settings, resume)
    try:
        recorder = Recorder(writer, stated, black_white, resumed)
    except BaseException:
        writer.release()
        raise
    _OPEN[_key(root, name)] = recorder
    print(f"ganray record: '{name}' goes {'on ' if resumed else ''}to {recorder.folder}", file=sys.stderr)
    for note in settings.origin.notes if settings.origin else ():
        recorder.warn(note)
    return recorder


def _delete(root: Path, name: str) -> None:
    """Delete a recorded run of that name, if there is one.

    Raises:
        UserError: it was trained or imported, it is a shipped run or a link, or it is being recorded.
    """
    check_name(name)
    if not is_taken(root, name):
        return
    before = _OPEN.get(_key(root, name))
    run = find_run(name, root)
    if (before is not None and before.active) or run.status().state == "running":
        raise UserError(f"run '{name}' is being recorded: call its finish() first, or choose another name")
    managing.check_own(run, root)
    origin = run.config().origin
    if origin is None or origin.kind != "recorded":
        how = f"was imported ({origin.kind})" if origin else "was trained by GANray"
        raise UserError(f"run '{name}' {how} and is not replaced by a recording: choose another name")
    managing.delete(run, root)


def _root(given: str | Path | None) -> Path:
    return default_root() if given is None else remote.root_of(given)


def _key(root: Path, name: str) -> Path:
    return root.resolve() / name


def _writer(root: Path, name: str, settings: RunConfig, resume: bool) -> tuple[RecordedWriter, bool]:
    """Return the run's writer, and whether the run was there."""
    check_name(name)
    before = _OPEN.pop(_key(root, name), None)
    if before is not None and before.active:
        if not resume:
            _OPEN[_key(root, name)] = before
            raise UserError(
                f"run '{name}' is being recorded by this program: call its finish() first, choose another name, or go "
                "on with start(..., resume=True)"
            )
        before.finish("stopped", "it was started anew")
    if not is_taken(root, name):
        return RecordedWriter.create(root, name, settings), False
    if not resume:
        raise UserError(
            f"run '{name}' exists already: choose another name, go on with it by start(..., resume=True), or delete it "
            "first by start(..., replace=True)"
        )
    writer = RecordedWriter.reopen(find_run(name, root))
    try:
        writer.write_config(_continued(writer, settings))
    except BaseException:
        writer.release()
        raise
    return writer, True


def _continued(writer: RecordedWriter, settings: RunConfig) -> RunConfig:
    """Return the configuration of a run that goes on: what the program says today, and what rows and pictures told."""
    old = writer.config
    assert old.origin is not None and settings.origin is not None
    if old.origin.kind != settings.origin.kind:
        raise UserError(f"run '{writer.run.name}' was imported ({old.origin.kind}) and is not recorded over")
    if old.origin.counts != settings.origin.counts:
        raise UserError(
            f"run '{writer.run.name}' counts {old.origin.counts}s: give start() the same `epochs` and "
            "`steps_per_epoch` as before, or choose another name"
        )
    shown: dict[str, Any] = {name: getattr(old, name) for name in ("image_size", "channels", "fit")}
    if (writer.run.folder / GENERATOR).exists():  # it was handed over, and stays until another one is
        own = {name: value for name, value in settings.settings.items() if name not in _OF_GENERATOR}
        shown["settings"] = own | {name: old.settings[name] for name in _OF_GENERATOR if name in old.settings}
    if settings.traits and old.traits:
        shown["traits"] = dataclasses.replace(settings.traits, metrics=old.traits.metrics)
    return dataclasses.replace(settings, subject=settings.subject or old.subject, **shown)

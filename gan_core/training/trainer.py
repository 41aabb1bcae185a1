"""The training loop of every family.

    python -m gan_core train dcgan --data phantom:cxr

All randomness of a step comes from (seed, step), so a run resumed from a checkpoint draws the same numbers as an
uninterrupted one. The loop logs and saves before each step, so that the first and the last step need no code of their
own.
"""

import contextlib
import math
import reprlib
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from gan_core import config, data, images, schedule, tensor_files
from gan_core.config import RunConfig
from gan_core.data import relocated
from gan_core.errors import UserError, printable
from gan_core.families import loading
from gan_core.runs import EPOCHS, METRICS, Run, RunWriter
from gan_core.training import ada, best, checkpoints, devices, growth
from gan_core.training.fabric import Fabric
from gan_core.training.interrupts import (
    BY_USER,
    Diverged,
    FiniteCheck,
    Interrupted,
    ProcessLost,
    StopSignals,
    exit_if_others_hang,
    until,
)
from gan_core.training.previews import generators, translators
from gan_core.training.previews import inputs as preview_inputs
from gan_core.training.sampler import Batches, Labelled, mix

_INITIAL, _STEP = range(2)  # random streams
_CHECKPOINT_SECONDS, _STATUS_SECONDS = 120.0, 1.0  # between two checkpoints, and between two writes of status.json
# For the final weights after a stop; only the checkpoint is always written. A machine that shuts down soon kills what
# it has told to stop. A user who cannot wait presses Ctrl-C a second time.
_LAST_SECONDS, _LAST_SECONDS_BY_USER = 3.0, 30.0


def train(
    run_config: RunConfig,
    prepared: data.Prepared,
    name: str,
    root: Path,
    device: str = "auto",
    measuring: best.Measuring | None = None,
) -> Run:
    """Train a new run from the first to the last epoch; `plan.plan` makes its config.

    measuring: makes what measures the previews of a run that keeps its best weights; see `best`.

    Raises:
        UserError: the name is taken, or the folder cannot be written.
        Diverged: a loss, a gradient or a weight is not finite.
    """
    fabric = devices.make_fabric(device, run_config.precision)
    distance = best.begin(run_config, prepared, measuring, fabric.print) if fabric.is_global_zero else None
    run_config = best.declared(run_config, distance)
    writer = RunWriter.create(root, name, run_config) if fabric.is_global_zero else None
    try:
        trainer = Trainer(run_config, prepared, fabric, writer, root, distance)
        trainer.begin()
        trainer.run()
    finally:
        if writer:
            writer.close()
    return Run(root / name, root)


def resume(run: Run, device: str = "auto", source: str | None = None, measuring: best.Measuring | None = None) -> Run:
    """Resume a run from its newest undamaged checkpoint; a run without any checkpoint yet starts again.

    source: where the run's data is now, if it has moved; the run's config then names this place. measuring: as in
    `train`.

    Raises:
        UserError: the checkpoints are missing or damaged, the data has changed or moved, the run is finished, or
            another process trains it.
        Diverged: a loss, a gradient or a weight is not finite.
    """
    run_config = run.config()
    fabric = devices.make_fabric(device, run_config.precision)
    writer = RunWriter.reopen(run) if fabric.is_global_zero else None
    try:
        if run.status().state == "finished":
            raise UserError(f"run '{run.name}' is finished: there is nothing to resume")
        place = relocated.place(run_config, run.name, source)
        prepared = data.prepare(
            place,
            size=run_config.image_size,
            channels=run_config.channels,
            fit=run_config.fit,
            patient_pattern=run_config.patient_pattern,
            split_seed=run_config.split_seed,
            scale=run_config.scale,
        )
        if difference := relocated.difference(prepared, run_config):
            reason = "has changed since it began" if source is None else "is not the data of this run"
            raise UserError(f"run '{run.name}': {place} {reason}: {difference}; train a new run")
        if run_config.domains:
            paired = loading.load_family(run_config.family).family.paired
            prepared = data.of_run(prepared, run_config, paired)
        counts = tuple(prepared.counts()["train"].values())
        if relocated.split_moved(prepared, run_config) or counts != run_config.class_counts:
            # A table of patients was corrected, or another version finds them by other rules; images that were held
            # out must not be trained on.
            raise UserError(f"run '{run.name}': {place} is now split in another way; train a new run")
        if writer and place != run_config.source:
            writer.record_source(place)
        distance = best.begin(run_config, prepared, measuring, fabric.print) if writer else None
        distance = best.same(run_config, distance, fabric.print)
        trainer = Trainer(run_config, prepared, fabric, writer, run.root, distance)
        trainer.restore(run)
        trainer.run()
    finally:
        if writer:
            writer.close()
    return run


class Trainer:
    """The training of one run: its family, its data on the device, its progress."""

    def __init__(
        self,
        run_config: RunConfig,
        prepared: data.Prepared,
        fabric: Fabric,
        writer: RunWriter | None,
        root: Path,
        distance: best.PreviewDistance | None = None,
    ) -> None:
        self.config, self.fabric, self.writer, self.distance = run_config, fabric, writer, distance
        self.private = bool(run_config.domains) and preview_inputs.are_private(run_config)
        if run_config.batch_size % fabric.world_size:
            raise UserError(f"--batch-size {run_config.batch_size} cannot be shared by {fabric.world_size} processes")
        torch.manual_seed(mix(_INITIAL, run_config.seed))
        shape = (run_config.channels, run_config.image_size, run_config.image_size)
        self.family = loading.build(run_config.family, run_config.settings, shape, len(run_config.classes)).place(
            fabric.device
        )
        if fabric.world_size > 1:
            self.family.join(lambda tensor: devices.mean(fabric, tensor), (fabric.global_rank, fabric.world_size))
        self.finite_check = FiniteCheck(self.family.columns)
        self.pixels, self.labels = devices.place(*_part(prepared, "train"), fabric.device)
        self.family.study(self.pixels, self.labels)
        self.preview = self._fix_inputs(prepared, root)
        self.adapt = ada.after_step(self.family, self.pixels, self.labels, _part(prepared, "val"), run_config)
        of_domains = bool(run_config.domains), self.family.paired
        self.batches = Batches(_part(prepared, "train")[1], run_config.batch_size, run_config.seed, *of_domains)
        self.steps_per_epoch = self.batches.steps_per_epoch
        if self.steps_per_epoch < 1:
            raise UserError(f"'batch_size' is {run_config.batch_size}, more than there are training images: lower it")
        self.last_step = self.family.steps = self.steps_per_epoch * run_config.epochs
        if run_config.grown_from:
            self.family.waits, self.family.warmup = run_config.grown_from.waits, run_config.grown_from.warmup
        if run_config.freeze:
            self.family.freeze()
        self.root = root
        self.seconds = 0.0  # trained so far, including the time before a resume
        self.rows: list[tuple[int, float, Tensor]] = []
        self.waited = 0.0  # seconds, since the last row of metrics.csv, for a graphics card to finish its work
        self.state = ""  # as status.json last said
        self.stop_requested: str | None = None
        self.stop_by = math.inf
        self.saved_step = -1

    def _fix_inputs(
        self, prepared: data.Prepared, root: Path
    ) -> generators.GeneratorPreview | translators.TranslatorPreview:
        train, held_out, seed = _part(prepared, "train"), _part(prepared, "val"), self.config.seed
        if not self.config.domains:
            return generators.fix_inputs(self.family, train, held_out, seed)
        inputs = preview_inputs.make(self.config, root, translators.ROWS)
        return translators.fix_inputs(self.family, train, held_out, seed, inputs)

    def begin(self) -> None:
        """Take over the weights of the run that this one begins with, if any."""
        if not self.config.grown_from:
            return
        growth.begin(self.family, self.config, self.root)
        if self.config.freeze and growth.is_stale(self.config.grown_from, self.root):
            assert isinstance(self.preview, generators.GeneratorPreview)
            self.family.refresh_averages(self.preview.batch_norm, self.preview.batch_norm_labels, frozen=True)
            self.family.take_averages()
        if waits := self.config.grown_from.waits:
            self.fabric.print(
                f"note: '{self.config.grown_from.name}' kept no discriminator: for {waits} steps a new one learns alone"
            )

    def restore(self, run: Run) -> None:
        """Load the newest undamaged checkpoint, and remove the rows and images of later steps."""
        if run.checkpoints() or (run.folder / METRICS).exists():  # the first checkpoint is older than the first row
            path, tensors, header, damaged = checkpoints.newest(run)
            for line in damaged:
                self.fabric.print(f"warning: {line}; resuming from {path.name}")
            self._check_same(header, run.name)
            tensor_files.check_fit(self.family.expected_state(header["step"]), tensors, path)
            if header["pending"] and len(header["pending"][0][2]) != len(self.family.columns):
                raise UserError(f"{path} does not fit config.json: its 'pending' are of other columns")
            with torch.no_grad():
                self.family.load_training_state(tensors, header["optimizers"])
            self.family.step = self.saved_step = header["step"]
            self.seconds = header["seconds"]
            self.rows = [
                (step, seconds, torch.tensor(values, device=self.fabric.device))
                for step, seconds, values in header["pending"]
            ]
        else:
            self.begin()
        if self.writer:
            self.writer.set_aside(self.family.step)
            self.writer.keep_rows(METRICS, "step", self.family.step)
            self.writer.keep_rows(EPOCHS, "step", self.family.step - 1)
            self.writer.keep_samples(self.family.step // self.steps_per_epoch)

    def _check_same(self, header: dict[str, Any], name: str) -> None:
        """Check that the config is the one that the checkpoint was trained with, and asks for at least its steps.

        Raises:
            UserError: it is not, because config.json was edited.
        """
        before, now = header.get("config", {}), _decides(self.config)  # older versions did not write it
        for key in (key for key, value in now.items() if before.get(key, value) != value):
            raise UserError(
                f"run '{name}': '{key}' in its config.json was changed from {_short(before[key])} to "
                f"{_short(now[key])} since its last checkpoint: put it back, or train a new run"
            )
        if header["step"] > self.last_step:
            raise UserError(
                f"run '{name}' has trained {header['step']} steps, and its config.json asks for {self.last_step} "
                f"({self.config.epochs} epochs): there is nothing to resume"
            )

    def run(self) -> None:
        """Train to the end or until a stop signal; status.json records which."""
        started = time.perf_counter() - self.seconds
        shared = self.writer and self.fabric.world_size > 1
        watch = partial(exit_if_others_hang, self._report_process_lost) if shared else None
        with StopSignals(self._request_stop, watch), self._progress() as bar:
            self.family.train()
            self.family.averages.eval()
            self._status("running")
            last_saved = last_status = time.perf_counter()
            try:
                while True:
                    step = self.family.step
                    self.seconds = time.perf_counter() - started
                    done = step >= self.last_step
                    ends = done or self._any_process(self.stop_requested is not None)
                    at_preview = self._preview_due()
                    if at_preview or done or step % self.config.log_every == 0:
                        self._flush()
                    early = ""
                    if at_preview and not self._preview():
                        done, ends = False, True
                    elif at_preview and not done and (early := self._out_of_patience()):
                        done, ends = True, True
                    if at_preview or ends or self._any_process(time.perf_counter() - last_saved > _CHECKPOINT_SECONDS):
                        self._save()
                        last_saved = time.perf_counter()
                    if ends:
                        break
                    if time.perf_counter() - last_status > _STATUS_SECONDS:
                        self._status("running")
                        last_status = time.perf_counter()
                    self._step()
                    bar.update()
                    if step % 20 == 0:
                        bar.set_postfix({name: f"{value:.3g}" for name, value in self._newest().items()}, refresh=False)
                self._finish(done, early)
            except Exception as error:
                lost = self.family.reduce is not None and ProcessLost.is_behind(error)
                saved = f"the last complete checkpoint is of step {self.saved_step}"
                reason = f"{ProcessLost() if lost else error}; {saved if self.saved_step >= 0 else 'no checkpoint yet'}"
                with contextlib.suppress(UserError):  # a full disk may be the cause
                    self._status("stopped" if lost else "failed", reason)
                if lost:
                    raise ProcessLost from error
                raise

    def _step(self) -> None:
        """Run the family's `train_step` on one batch, with the random numbers of (seed, step)."""
        family, run_config = self.family, self.config
        index = torch.from_numpy(self.batches.choose(family.step, *family.share)).to(self.pixels.device)
        real = images.to_float(self.pixels[index].to(self.fabric.device))
        labels = self.labels[index].to(self.fabric.device)

        torch.manual_seed(mix(_STEP, run_config.seed, family.step))
        start = time.perf_counter()
        with self.fabric.autocast():
            scalars = family.train_step(real, labels)
            family.step += 1
            self.adapt()

        if missing := [column for column in family.columns if column not in scalars]:
            raise UserError(
                f"family '{run_config.family}': train_step returns no value for {', '.join(missing)}: return "
                "self.scalars({...}) with a value for each of its metrics"
            )
        values = torch.stack([scalars[column] for column in family.columns])
        self.rows.append((family.step, time.perf_counter() - start, values))
        self.finite_check.see(family.step, values)

    def _flush(self) -> None:
        """Write one row of metrics.csv: the means over the steps since the last row."""
        if not self.rows:
            return
        start = time.perf_counter()
        self._check_rows()
        values = torch.stack([row[2] for row in self.rows]).cpu()
        # A graphics card works on after a step has returned: the waiting for it belongs to the steps.
        seconds = sum(row[1] for row in self.rows) + self.waited + time.perf_counter() - start
        step = self.rows[-1][0]
        row = {
            "step": step,
            "epoch": step / self.steps_per_epoch,
            "seconds": self.seconds,
            "images_per_second": len(self.rows) * self.config.batch_size / seconds,
        } | dict(zip(self.family.columns, values.mean(0).tolist(), strict=True))
        if self.writer:
            self.writer.log([row])
        self.rows.clear()
        self.waited = 0.0

    def _check_rows(self) -> None:
        """Check the pending values before they are logged or saved; average them over the processes first."""
        if self.rows and self.family.reduce is not None:
            means = self.family.reduce(torch.stack([row[2] for row in self.rows]))
            self.rows = [(step, time_, mean) for (step, time_, _), mean in zip(self.rows, means, strict=True)]
        for step, _, values in self.rows:
            self.finite_check.check(step, values)

    def _preview_due(self) -> bool:
        epoch, place = divmod(self.family.step, self.steps_per_epoch)
        of_run = self.config
        return place == 0 and schedule.has_preview(epoch, of_run.preview_every, of_run.preview_start, of_run.epochs)

    def _preview(self) -> bool:
        """Save the samples of the fixed latents and a row of epochs.csv; only the writing process does.

        Returns whether the preview is complete. A preview that a signal interrupts is made again on resume.
        """
        if not self.writer:
            return True
        epoch = self.family.step // self.steps_per_epoch
        # With several processes, the others would wait for the one that left its preview.
        alone = self.fabric.world_size == 1
        try:
            with self.fabric.autocast(), until(lambda: alone and self.stop_requested is not None):
                sheet, row = self.preview.look(self.family)
                row |= best.row(
                    self.distance, self.family, epoch, self.fabric.print, trained_before=self.config.trained_before
                )
        except Interrupted:
            return False
        self.writer.save_samples(epoch, sheet, self.private)
        self.writer.log([{"epoch": epoch, "step": self.family.step} | row], EPOCHS)
        if self.config.snapshots:
            self._save_weights(self.writer.snapshot_path(epoch), self.family.served_state())
        return True

    def _out_of_patience(self) -> str:
        """Return why the training ends before its last step; empty if it goes on. All processes return alike."""
        patience = self.config.patience
        if not patience:
            return ""
        # Without a distance, nobody knows of progress: previews that are not measured say nothing against it.
        count, at = best.without_progress(self.writer.run) if self.writer and self.distance else (0, 0)
        if self.family.reduce is not None:  # only the writing process has measured; others count 0
            shares = self.family.reduce(torch.tensor([float(count), float(at)], device=self.fabric.device))
            count, at = (round(float(share) * self.fabric.world_size) for share in shares)
        if count < patience:
            return ""
        return f"stopped early: no better for {count} preview{'s' if count > 1 else ''}, best at epoch {at}"

    def _save(self) -> None:
        step = self.family.step
        self._check_rows()
        if self.writer:
            tensors, numbers = self.family.training_state()
            if wrong := tensor_files.not_finite(tensors):
                raise Diverged(f"'{wrong}' is not finite at step {step}: try a lower learning rate (--set lr=...)")
            header = {"step": step, "seconds": self.seconds, "optimizers": numbers, "config": _decides(self.config)}
            # Save the steps since the last row as well, so that the next row is the same after a resume.
            header["pending"] = [(step, seconds, values.tolist()) for step, seconds, values in self.rows]
            self.writer.sync_tables()
            tensor_files.save(self.writer.checkpoint_path(step), tensors, header)
            self.writer.drop_old_checkpoints()
        self.saved_step = step

    def _finish(self, done: bool, early: str = "") -> None:
        """Write the weights, the GIF and the final status. early: why a finished run has not reached its last step.

        After a stop signal, weights whose batch-norm statistics take too long are not written.
        """
        if not self.writer:
            return
        try:
            with until(lambda: time.perf_counter() > self.stop_by):
                self.preview.refresh(self.family)
            self._save_weights(self.writer.run.weights, self.family.served_state())
            at = self.family.step // self.steps_per_epoch
            kept = best.keep(self.writer, self.config, self.distance, self.family, at, self.fabric.print)
            self.writer.record_kept(kept)
            if self.family.has_discriminator:
                self._save_weights(self.writer.run.discriminator, self.family.judging_state())
        except Interrupted:
            done = False
            self.fabric.print(
                f"no weights were written: there was no time for them. `resume {self.writer.run.name}` goes on"
            )
        if self.writer.run.private_samples() if self.private else self.writer.run.samples():
            self.writer.save_gif(self.private)
        if early:
            self.fabric.print(early)
        self._status(
            "finished" if done else "stopped",
            early or None if done else self.stop_requested or "another of its processes was stopped",
        )

    def _save_weights(self, path: Path, state: dict[str, Tensor]) -> None:
        tensor_files.save_half(path, state, {"preset": self.config.preset, "step": self.family.step})

    def _newest(self) -> dict[str, float]:
        start = time.perf_counter()
        found = dict(zip(self.family.columns, self.rows[-1][2].tolist(), strict=True)) if self.rows else {}
        self.waited += time.perf_counter() - start
        return found

    def _progress(self) -> Any:
        return tqdm(
            total=self.last_step,
            initial=self.family.step,
            desc=self.config.preset,
            unit="step",
            disable=None if self.writer else True,
            dynamic_ncols=True,
        )

    def _status(self, state: str, reason: str | None = None) -> None:
        if not self.writer:
            return
        self.state = state  # first: a signal that comes from here on must not write over the end
        step, left = self.family.step, None
        if state == "running":
            reason = self.stop_requested
            left = self.seconds / step * (self.last_step - step) if step and not reason else None
        self.writer.write_status(
            state=state,
            reason=reason,
            epoch=step // self.steps_per_epoch,
            epochs=self.config.epochs,
            step=step,
            steps=self.last_step,
            eta_seconds=left,
            device=str(self.fabric.device),
        )
        if state == self.state == "running" and reason != self.stop_requested:
            self._status("running")  # a signal came meanwhile, and what it wrote was replaced

    def _request_stop(self, reason: str) -> None:
        """Note why the loop shall end; status.json says it at once, so that nobody sends a second signal."""
        seconds = _LAST_SECONDS_BY_USER if reason == BY_USER else _LAST_SECONDS
        self.stop_requested, self.stop_by = reason, time.perf_counter() + seconds
        if self.state == "running":
            with contextlib.suppress(UserError):  # a full disk must not prevent the stop
                self._status("running")

    def _report_process_lost(self) -> None:
        self._status("stopped", f"{ProcessLost()}; the last complete checkpoint is of step {self.saved_step}")

    def _any_process(self, condition: bool) -> bool:
        """Return whether the condition holds in any process.

        Several processes compare only every `log_every` steps. All must stop and save together, or one would wait for
        the others forever.
        """
        if self.family.reduce is None or self.family.step % self.config.log_every:
            return condition and self.family.reduce is None
        return bool(self.family.reduce(torch.tensor(float(condition), device=self.fabric.device)) > 0)


def _part(prepared: data.Prepared, split: str) -> Labelled:
    index = prepared.indices(split)
    return prepared.images[index], prepared.labels[index]


def _decides(run_config: RunConfig) -> dict[str, Any]:
    """Return the values of a config that every step depends on, as plain JSON types."""
    values = config.to_dict(run_config)
    decide = {name: values[name] for name in ("family", "seed", "batch_size", "precision", "settings")}
    return decide | {"freeze": run_config.freeze}


def _short(value: Any) -> str:
    return printable(reprlib.repr(value), 100)

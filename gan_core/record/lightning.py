"""A callback that records a training of Lightning: what its module logs, and samples at the end of epochs."""

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gan_core.errors import UserError
from gan_core.record.recorder import Recorder, ending
from gan_core.record.starting import start

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback() -> type:
    """Return the base class of callbacks, of the package that the program uses; `object` without Lightning."""
    for name in sorted(_PACKAGES, key=lambda one: one not in sys.modules):
        try:
            return importlib.import_module(f"{name}.callbacks").Callback
        except ImportError:
            continue
    return object


Base: Any = _callback()


class LightningCallback(Base):
    """Records what the module logs with `self.log`, and samples.

    name and more: as `record.start` takes them; `config`, `epochs`, `steps_per_epoch` and `resume` are the trainer's.
    columns: names of the module's metrics, and what they are called in the run: {"d_loss": "loss/d"}.
    samples: draws pictures from the module, from the same latent vectors each time; called without gradients.
    every: epochs from one sheet to the next.

    Raises:
        UserError: Lightning is not installed.
    """

    def __init__(
        self,
        name: str,
        *,
        columns: Mapping[str, str] | None = None,
        samples: Callable[[Any], Any] | None = None,
        every: int = 1,
        **more: Any,
    ) -> None:
        if Base is object:
            raise UserError("record.LightningCallback needs Lightning: pip install lightning")
        super().__init__()
        self.run: Recorder | None = None
        self._name, self._columns, self._samples, self._every = name, dict(columns or {}), samples, max(1, every)
        self._more = more
        self._seen: dict[str, Any] = {}
        self._step = 0

    def on_train_start(self, trainer: Any, module: Any) -> None:
        batches = trainer.num_training_batches
        known: dict[str, Any] = {
            "config": dict(getattr(module, "hparams", {})),
            "epochs": max(trainer.max_epochs or 0, 0),
            "steps_per_epoch": int(batches) if math.isfinite(batches) else 0,
            "batch_size": getattr(trainer.train_dataloader, "batch_size", 0) or 0,
            "resume": bool(trainer.ckpt_path),
        }
        self.run = start(self._name, **(known | self._more)) if trainer.is_global_zero else Recorder.silent()
        self._step = trainer.current_epoch * known["steps_per_epoch"]
        if not trainer.current_epoch:
            self._draw(module, 0)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._step += 1
        self._log(trainer)

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        if not trainer.sanity_checking:
            self._log(trainer)

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self._log(trainer)
        done = trainer.current_epoch + 1
        if done % self._every == 0 or done == trainer.max_epochs:
            self._draw(module, done)

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        if self.run:
            self.run.finish(*ending(exception))

    def on_train_end(self, trainer: Any, module: Any) -> None:
        if self.run:
            self.run.finish()

    def _log(self, trainer: Any) -> None:
        """Log the metrics that are new: Lightning keeps those of the last validation among them."""
        if not self.run or not self.run.active:
            return
        found = dict(trainer.callback_metrics)
        fresh = {name: value for name, value in found.items() if self._seen.get(name) is not value}
        self._seen = found
        # A metric that is logged by step and by epoch has a second name for each.
        named = {
            name: value for name, value in fresh.items() if name.removesuffix("_step") not in found.keys() - {name}
        }
        if named:
            self.run.log({self._columns.get(name, name): value for name, value in named.items()}, step=self._step)

    def _draw(self, module: Any, epoch: int) -> None:
        if self._samples is None or not self.run or not self.run.active:
            return
        with sys.modules["torch"].no_grad():
            self.run.samples(self._samples(module), step=self._step, epoch=epoch)

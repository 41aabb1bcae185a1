"""Record a training of your own: a run folder like any other, written beside the training by a thread.

    from gan_core import record

    run = record.start("my_wgan", config=vars(args), data="my_xrays")
    for step, batch in enumerate(loader):
        ...
        run.log({"loss/d": d_loss, "loss/g": g_loss}, step=step)
        if step % 500 == 0:
            run.samples(generator(fixed_z))
    run.finish()

torch is not imported here: arrays and numbers of any library are taken as they are.
"""

from typing import TYPE_CHECKING, Any

from gan_core.record.recorder import Recorder
from gan_core.record.starting import start

if TYPE_CHECKING:
    from gan_core.record.lightning import LightningCallback

__all__ = ["LightningCallback", "Recorder", "start"]


def __getattr__(name: str) -> Any:
    """Import the callback on first use: it needs Lightning."""
    if name == "LightningCallback":
        from gan_core.record.lightning import LightningCallback

        return LightningCallback
    raise AttributeError(f"module 'gan_core.record' has no attribute '{name}'")

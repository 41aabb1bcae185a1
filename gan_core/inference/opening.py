"""`load`: a run at work, whoever trained it."""

from gan_core import runs
from gan_core.inference import foreign, loaded_model
from gan_core.inference.loaded_model import VISITOR_SECONDS, Model
from gan_core.runs import Run, hub_models

__all__ = ["VISITOR_SECONDS", "Model", "load"]


def load(
    run: Run | str, device: str = "cpu", epoch: int | None = None, *, seconds_allowed: float | None = None
) -> Model:
    """Return a run's model: networks built from its config.json, with its weights; or the generator handed over to it.

    run: a `Run`, or a name that `hub_models.find` accepts: a name, a folder, hub:owner/name.
    epoch: load the snapshot of this epoch instead of the final weights.
    seconds_allowed: how long a call that generates may take; one that would take longer ends after its first batch with
    a UserError. None: as long as it takes.

    Raises:
        UserError: there is no such run, or its config or weights are missing, damaged, from a newer version, or do not
            fit each other.
    """
    if isinstance(run, str):
        run = hub_models.find(run, runs.default_root())
    run_config = run.config()
    if run_config.origin and epoch is None:
        return foreign.load(run, run_config, seconds_allowed)
    return loaded_model.load(run, run_config, device, epoch, seconds_allowed)
